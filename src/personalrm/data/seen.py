"""A compact set of ids with owners, 32–64 bytes for each id (a Python dict needs over 200).

seen = Seen()
seen.add("a", "ada")     # None: new
seen.add("a", "ada")     # False: seen, same owner
seen.add("a", "bob")     # True: seen, another owner
"""

from __future__ import annotations

from array import array

_MASK64 = (1 << 64) - 1
Item = str | tuple[str | int, ...]


class Seen:
    """A hash table of 64-bit hashes with open addressing and a load factor of at most one half.

    Items must be texts or tuples, whose Python hashes are spread over all bits (unlike those of numbers). The
    probability of a collision among n items is n² / 2⁶⁵: 4e-7 for 4 million items.
    """

    def __init__(self) -> None:
        self._count = 0
        self._slots = array("Q", bytes(8 * 1024))
        self._owners = array("q", bytes(8 * 1024))
        self._mask = len(self._slots) - 1

    def add(self, item: Item, owner: Item = "") -> bool | None:
        """Add an item. Returns None if it is new, else whether it was first added by another owner."""
        code = (hash(item) & _MASK64) or 1  # 0 is a free slot
        slots, mask = self._slots, self._mask
        position = code & mask
        while there := slots[position]:
            if there == code:
                return self._owners[position] != hash(owner)
            position = (position + 1) & mask
        slots[position] = code
        self._owners[position] = hash(owner)
        self._count += 1
        if 2 * self._count > mask:
            self._grow()
        return None

    def __len__(self) -> int:
        return self._count

    def _grow(self) -> None:
        old, owned = self._slots, self._owners
        slots, owners = array("Q", bytes(16 * len(old))), array("q", bytes(16 * len(old)))
        mask = len(slots) - 1
        for code, owner in zip(old, owned, strict=True):
            if code:
                position = code & mask
                while slots[position]:
                    position = (position + 1) & mask
                slots[position], owners[position] = code, owner
        self._slots, self._owners, self._mask = slots, owners, mask
