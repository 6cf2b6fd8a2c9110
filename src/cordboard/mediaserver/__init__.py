"""The Media Server: tones, music, announcements, digits, conferences and recordings, as a SIP element of its own."""
