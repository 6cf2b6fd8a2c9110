"""Files that are whole at any moment."""

import os
import tempfile
from pathlib import Path
from typing import Final

OWNER_ONLY: Final = 0o600
"""The mode of what holds secrets."""


def write_whole(path: Path, content: bytes, mode: int = OWNER_ONLY) -> None:
    """Puts a file in the place of another: who reads sees the old one or the new one, even after a loss of power.

    Nobody whom ``mode`` does not let read can read it at any moment. Raises OSError, and leaves the old one then.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
