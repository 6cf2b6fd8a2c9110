"""A whole server in one process: constructed in order, closed in reverse. The one place that knows all parts."""
