"""Hunt groups: an ACD Queue DN whose members are called (options ``hg-type``, ``hg-members``).

- fork: all who are free at once; the first to answer wins.
- linear: one after the other, always from the first.
- circular: one after the other, beginning after the one who was called last.

A member is free if it can be reached, has no call and is not in do-not-disturb. Forwarding of a member does not count:
the call is for the group.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cordboard.switch.routing import Extension


def is_group(extension: Extension) -> bool:
    """Whether the DN is a hunt group."""
    return extension.settings.hunt != "none" and bool(extension.settings.members)


def free(member: Extension) -> bool:
    """Whether a member can be called for its group."""
    dn = member.dn
    return dn.in_service and not dn.parties and not dn.features.dnd and not is_group(member)


def order(group: Extension, extensions: Mapping[str, Extension], turns: Mapping[str, int]) -> list[Extension]:
    """The members in the order in which they are called, free or not. ``turns``: where each circular group goes on."""
    members = [extensions[number] for number in group.settings.members if number in extensions]
    if group.settings.hunt == "circular" and members:
        first = turns.get(group.settings.number, 0) % len(members)
        return members[first:] + members[:first]
    return members


def turn_after(group: Extension, member: Extension) -> int:
    """Where a circular group goes on after it called that member."""
    numbers = group.settings.members
    return (numbers.index(member.settings.number) + 1) % len(numbers)
