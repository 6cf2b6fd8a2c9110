"""The music that ships, as it is heard by telephone. Needs numpy (``cordboard[testkit]``)."""

from __future__ import annotations

import functools

import numpy as np

from cordboard.mediaserver.sounds import MUSIC
from cordboard.testkit.sound import RATE, Samples, likeness
from cordboard.testkit.strangers import g711

ALIKE = 0.7
"""How like the music a second must be: coded twice, and resampled."""


@functools.cache
def on_hold() -> Samples:
    """The music on hold, at the rate of telephony."""
    # mu-law, at twice the rate.
    data = (MUSIC / "on_hold.wav").read_bytes()
    whole = np.array(g711.decode(g711.PCMU, data[data.index(b"data") + 8 :]), dtype=np.int16)
    pairs = whole[: whole.size // 2 * 2].reshape(-1, 2)
    found: Samples = pairs.mean(axis=1).astype(np.int16)
    return found


def is_on_hold(heard: Samples) -> bool:
    """Whether the last second of what was heard is the music on hold."""
    return len(heard) >= RATE and likeness(heard[-RATE:], on_hold()) >= ALIKE
