"""UserData, Reasons and Extensions: key-value lists.

A key is a string; a value is a string, a whole number, bytes, or again a list. In JSON a list is an object, and bytes
are base64 text. A key is there once: attaching a key that is there replaces its value.

A list is never changed in place. Every change makes a new one, so that an event which already carries the old one
stays what it was.
"""

from typing import Any, Final

KVList = dict[str, Any]
"""``str`` to ``str | int | bytes | KVList``. Checked by :func:`check`, since JSON's decoder cannot."""

MAX_BYTES: Final = 65_536
"""Largest list, in bytes of keys and values; a number counts as 8."""

MAX_KEY: Final = 255
"""Longest key, in bytes of UTF-8."""

MAX_DEPTH: Final = 8
"""Deepest nesting; the outermost list is 1."""

_INT_MIN = -(2**63)
_INT_MAX = 2**63 - 1


class UserDataError(ValueError):
    """A list that cannot be attached."""

    def __init__(self, key: str, reason: str) -> None:
        self.key = key
        """The key at fault, with those above it, joined by dots; empty when it is the list as a whole."""
        self.reason = reason
        """What is wrong with it."""
        super().__init__(f"{key}: {reason}" if key else reason)


def check(pairs: KVList) -> int:
    """Checks a whole list and returns its size in bytes. Raises UserDataError."""
    size = _size(pairs, "", 1)
    if size > MAX_BYTES:
        raise UserDataError("", f"{size} bytes are more than the {MAX_BYTES} allowed")
    return size


def _size(pairs: KVList, path: str, depth: int) -> int:
    if depth > MAX_DEPTH:
        raise UserDataError(path, f"nested deeper than {MAX_DEPTH}")
    total = 0
    for key, value in pairs.items():
        here = f"{path}.{key}" if path else str(key)
        if not isinstance(key, str) or not key:
            raise UserDataError(here, "a key is a string that is not empty")
        length = len(key.encode())
        if length > MAX_KEY:
            raise UserDataError(path, f"a key of {length} bytes is longer than {MAX_KEY}")
        total += length
        if isinstance(value, str):
            total += len(value.encode())
        elif isinstance(value, bool) or value is None or isinstance(value, float | list | tuple):
            raise UserDataError(here, f"a value is a string, a whole number or a list, not {type(value).__name__}")
        elif isinstance(value, int):
            if not _INT_MIN <= value <= _INT_MAX:
                raise UserDataError(here, "a number has at most 64 bits")
            total += 8
        elif isinstance(value, bytes):
            total += len(value)
        elif isinstance(value, dict):
            total += _size(value, here, depth + 1)
        else:
            raise UserDataError(here, f"a value is a string, a whole number or a list, not {type(value).__name__}")
        if total > MAX_BYTES:
            raise UserDataError("", f"more than the {MAX_BYTES} bytes allowed")
    return total


def attach(old: KVList | None, pairs: KVList) -> KVList:
    """The list after AttachUserData or UpdateUserData: ``pairs`` replace those of the same key.

    Raises UserDataError.
    """
    check(pairs)
    merged = {**old, **pairs} if old else dict(pairs)
    if old:
        check(merged)
    return merged


def inherit(own: KVList | None, other: KVList | None) -> KVList | None:
    """What a call knows after it has heard of another: its own pairs, and those of keys it has not, as far as they fit.

    Both lists have been checked, and so is what they make together.
    """
    if not other:
        return own or None
    merged = dict(own) if own else {}
    size = _size(merged, "", 1)
    for key, value in other.items():
        if key not in merged:
            more = _size({key: value}, "", 1)
            if size + more <= MAX_BYTES:
                merged[key] = value
                size += more
    return merged or None


def without(old: KVList | None, key: str) -> KVList:
    """The list after DeletePair. Raises UserDataError when the key is not there."""
    if not old or key not in old:
        raise UserDataError(key, "no such key")
    return {k: v for k, v in old.items() if k != key}
