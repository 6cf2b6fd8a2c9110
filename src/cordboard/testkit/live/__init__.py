"""The real thing for a test: a server in a process of its own, a centre for it, a desktop that watches."""
