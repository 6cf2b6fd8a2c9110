"""Cordboard: everything between an agent's desk phone and the customer's call."""
