"""One file per flow: what happens in a call, from its first message to its record."""
