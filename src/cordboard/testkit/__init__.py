"""The test kit: shipped, so that whoever runs a centre can prove his own.

``network``, ``clock``, ``phone``, ``ladder`` and ``centre`` are only calculated: nothing waits, a thousand calls under
loss take seconds, and the same seed gives the same run. ``strangers`` drives phones and tools that others wrote.
``sound`` and ``rtp_party`` are voices known by correlation, and parties that say and hear them over RTP.
"""
