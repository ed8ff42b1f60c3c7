"""Who a model was trained on, as salted hashes: enough to refuse to test on somebody, not enough to name anybody.

lineage = Lineage.of(["ada", "bob"])
lineage.holds("ada")                                # True
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class Lineage:
    """``salt`` is drawn anew for each model, ``people`` are the hashes, sorted."""

    salt: str
    people: tuple[str, ...]

    @classmethod
    def of(cls, users: Iterable[str]) -> Lineage:
        """Of these people."""
        salt = os.urandom(8).hex()
        return cls(salt, tuple(sorted(_hashed(salt, one) for one in set(users))))

    def holds(self, user: str) -> bool:
        """Whether this person was among them."""
        return _hashed(self.salt, user) in self.people


def _hashed(salt: str, user: str) -> str:
    return blake2b(user.encode("utf-8", "surrogatepass"), key=salt.encode(), digest_size=12).hexdigest()
