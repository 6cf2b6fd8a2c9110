"""Trunks: the ways out of the switch and into it, which of them to take, and whether they work."""
