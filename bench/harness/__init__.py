"""Measures CPU and memory per operation: a server on one core, its load on another, over loopback."""
