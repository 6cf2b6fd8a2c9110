"""Persons who log in to the T-Library link.

A password is checked by argon2id, tens of milliseconds of it on purpose. When a network comes back five hundred
desktops log in at once, all of whom did before: they would wait for half a minute. So what was right is remembered, as
a keyed hash whose key dies with the process, and only together with the stored hash it was right for: a changed
password, or a person who is gone, is not remembered any more. What is wrong always takes the long way.
"""

import hashlib
import hmac
import os
import threading
from collections import OrderedDict
from typing import Final

from cordboard.config.environment import Environment
from cordboard.config.objects import Role as PersonRole
from cordboard.config.secret import Secret
from cordboard.tlib.protocol import Role

MOST: Final = 4096
"""Persons remembered, those that logged in last."""


class Logins:
    """A ``cordboard.tlib.auth.Authenticator``; any thread may ask."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        """Whose persons they are; may be changed."""
        self._key = os.urandom(32)
        self._known: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self.remembered = 0
        """Logins that took the short way."""

    def authenticate(self, user: str, password: str) -> Role | None:
        """What a person may do; None when there is none with that password."""
        person = self.environment.persons.get(user)
        if person is None or not self._is_known(user, self._proof(person.password_hash, password)):
            person = self.environment.authenticate(user, password)
            if person is None:
                return None
            self._remember(user, self._proof(person.password_hash, password))
        return Role.ADMINISTRATOR if person.role is PersonRole.ADMINISTRATOR else Role.AGENT

    def _is_known(self, user: str, proof: bytes) -> bool:
        known = hmac.compare_digest(self._known.get(user, b""), proof)
        self.remembered += known
        return known

    def _remember(self, user: str, proof: bytes) -> None:
        with self._lock:
            self._known[user] = proof
            self._known.move_to_end(user)
            if len(self._known) > MOST:
                self._known.popitem(last=False)

    def _proof(self, stored: Secret, password: str) -> bytes:
        return hashlib.blake2b(f"{stored.reveal()}\0{password}".encode(), key=self._key, digest_size=32).digest()
