"""Refusing a part of what comes, evenly."""


class Thinning:
    """Says of one after another whether it is refused: a part of 0.25 refuses every fourth."""

    __slots__ = ("_owed", "part")

    def __init__(self) -> None:
        self.part = 0.0
        """The part to refuse, 0 to 1."""
        self._owed = 0.0

    def refuses_next(self) -> bool:
        """Whether the next one is refused."""
        self._owed = self._owed + self.part if self.part else 0.0
        if self._owed < 1.0:
            return False
        self._owed -= 1.0
        return True
