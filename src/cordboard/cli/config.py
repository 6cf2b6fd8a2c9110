"""``cordboard config``: look at the configuration and change it, while the server runs."""

from cordboard.cli import config_edit, config_view
from cordboard.cli.config_io import app

__all__ = ["app", "config_edit", "config_view"]
