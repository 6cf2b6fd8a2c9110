"""Locating SIP servers (RFC 3263), without input or output: who asks the name service is given as an argument."""
