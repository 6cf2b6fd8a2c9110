"""``cordboard tlib``: what a desktop sees and does. The help lists the commands in the order of these modules."""

# isort: skip_file
from cordboard.cli.tlib.app import app
from cordboard.cli.tlib import watching, calls, features, routing

__all__ = ["app", "calls", "features", "routing", "watching"]
