"""Which ids were seen already and whose they are, at 32–64 bytes an id: a Python dict takes over 200.

seen = Seen()
seen.add("a", "ada")     # None: new
seen.add("a", "ada")     # False: ada's own
seen.add("a", "bob")     # True: somebody else's
"""

from __future__ import annotations

from array import array

_MASK64 = (1 << 64) - 1
Item = str | tuple[str | int, ...]


class Seen:
    """A map of 64-bit hashes with open addressing, never more than half full.

    Items are texts and tuples, whose hashes Python spreads over all bits (those of numbers it does not).
    Two different items are taken for the same with probability n² / 2⁶⁵: 4 in 10 million for 4 million items.
    """

    def __init__(self) -> None:
        self._count = 0
        self._slots = array("Q", bytes(8 * 1024))
        self._owners = array("q", bytes(8 * 1024))
        self._mask = len(self._slots) - 1

    def add(self, item: Item, owner: Item = "") -> bool | None:
        """Remember the item. None if it is new, else whether another owner brought it first."""
        code = (hash(item) & _MASK64) or 1  # 0 marks a free slot
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
