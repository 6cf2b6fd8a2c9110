"""Dial plan rules: what is dialled, made into what it means.

A Voice over IP Service DN with ``service-type=dial-plan`` has them as ``dial-plan-rule-1``, ``dial-plan-rule-2`` ...;
the rule with the lowest number that matches counts, over all such DNs in the order of their numbers:

    9XXXXXXX => ${DIGITS:1}                     eight digits after a 9: the 9 goes
    00ZX.    => +${DIGITS:2}; clir=true         international, with the own number withheld
    0[2-4]X! => ${DIGITS}; trunk=carrier_b      by this trunk only

Pattern: digits and letters stand for themselves; ``X`` is 0 to 9, ``Z`` 1 to 9, ``N`` 2 to 9, ``[...]`` one of these,
``.`` one or more of anything, ``!`` nothing or more. ``${DIGITS}`` is what was dialled, ``${DIGITS:n}`` without its
first n characters (negative: only its last n), ``${DIGITS:n:m}`` at most m of these. A number that is a DN is not
looked up.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_CLASSES: Final = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", ".": ".+", "!": ".*"}
_DIGITS: Final = re.compile(r"\$\{DIGITS(?::(-?\d{1,3}))?(?::(\d{1,3}))?\}")
_KEYS: Final = frozenset({"clir", "trunk"})
_SET: Final = re.compile(r"[0-9*#+\-]+")
MAX_NUMBER: Final = 64
"""Longest number a rule is tried on."""


class RuleError(ValueError):
    """A dial plan rule that cannot be read."""

    def __init__(self, rule: str, reason: str) -> None:
        self.rule = rule
        """The rule as configured."""
        self.reason = reason
        """What is wrong with it, for people."""
        super().__init__(f"dial plan rule {rule!r}: {reason}")


class Dialled(NamedTuple):
    """What a number means."""

    number: str
    withheld: bool = False
    """Whether the caller's number is withheld (``clir``)."""
    trunks: tuple[str, ...] = ()
    """The trunks that may take it; empty for those whose prefix fits."""


class Rule:
    """One rule."""

    __slots__ = ("_pattern", "_result", "_trunks", "_withheld", "text")

    def __init__(self, text: str) -> None:
        """Raises RuleError."""
        self.text = text
        left, arrow, right = text.partition("=>")
        if not arrow:
            raise RuleError(text, "a rule is: pattern => digits; key=value")
        self._pattern = re.compile(_pattern(text, left.strip()))
        result, *pairs = (part.strip() for part in right.split(";"))
        if not result or "$" in _DIGITS.sub("", result):
            raise RuleError(text, "what is dialled may only have digits and ${DIGITS}, ${DIGITS:n}, ${DIGITS:n:m}")
        self._result = result
        values: dict[str, str] = {}
        for pair in filter(None, pairs):
            key, _, value = pair.partition("=")
            if key.strip() not in _KEYS:
                raise RuleError(text, f"{key.strip()} is none of {', '.join(sorted(_KEYS))}")
            values[key.strip()] = value.strip()
        self._withheld = values.get("clir", "false").lower() in ("true", "yes", "1")
        self._trunks = tuple(filter(None, (name.strip() for name in values.get("trunk", "").split(","))))

    def apply(self, number: str) -> Dialled | None:
        """What that number means, None if the rule does not match."""
        if self._pattern.fullmatch(number) is None:
            return None

        def part(found: re.Match[str]) -> str:
            rest = number[int(found[1]) :] if found[1] else number
            return rest[: int(found[2])] if found[2] else rest

        return Dialled(_DIGITS.sub(part, self._result), self._withheld, self._trunks)


def _pattern(rule: str, text: str) -> str:
    if not text:
        raise RuleError(rule, "the pattern is empty")
    found: list[str] = []
    position = 0
    while position < len(text):
        sign = text[position]
        position += 1
        if sign == "[":
            end = text.find("]", position)
            inside = text[position:end] if end > 0 else ""
            if not _SET.fullmatch(inside):
                raise RuleError(rule, "brackets hold digits, * # + and ranges such as 2-5")
            try:
                re.compile(f"[{inside}]")
            except re.error:
                raise RuleError(rule, f"[{inside}] is no range") from None
            found.append(f"[{inside}]")
            position = end + 1
        elif sign in ".!" and position < len(text):
            raise RuleError(rule, f"{sign} can only stand at the end")
        else:
            found.append(_CLASSES.get(sign, re.escape(sign)))
    return "".join(found)


def compiled(texts: Iterable[str]) -> tuple[Rule, ...]:
    """The rules of one DN. Raises RuleError for the first that cannot be read."""
    return tuple(Rule(text) for text in texts)


class DialPlan:
    """All rules, in order."""

    __slots__ = ("_by_dn", "_rules")

    def __init__(self) -> None:
        self._by_dn: dict[str, tuple[Rule, ...]] = {}
        self._rules: list[Rule] = []

    def __len__(self) -> int:
        return len(self._rules)

    def take(self, number: str, rules: tuple[Rule, ...]) -> None:
        """These are the rules of a DN now."""
        if rules:
            self._by_dn[number] = rules
        elif self._by_dn.pop(number, None) is None:
            return
        self._rules = [rule for dn in sorted(self._by_dn) for rule in self._by_dn[dn]]

    def drop(self, number: str) -> None:
        """A DN is taken out."""
        self.take(number, ())

    def apply(self, number: str) -> Dialled:
        """What a number means; itself if no rule matches."""
        if len(number) <= MAX_NUMBER:
            for rule in self._rules:
                found = rule.apply(number)
                if found is not None:
                    return found
        return Dialled(number)
