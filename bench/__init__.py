"""Figures: what an operation costs, beside the peers."""
