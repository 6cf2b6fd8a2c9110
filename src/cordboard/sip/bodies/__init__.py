"""What SIP carries besides session descriptions, read and written: for whoever asks and for whoever serves."""
