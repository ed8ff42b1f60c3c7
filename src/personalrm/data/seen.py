"""Which ids were seen already, at 16–32 bytes an id: 4 million choices need 64 MB, a Python set over 300 MB.

seen = Seen()
seen.add("a")     # True: new
seen.add("a")     # False
"""

from __future__ import annotations

from array import array

_MASK64 = (1 << 64) - 1


class Seen:
    """A set of 64-bit hashes with open addressing, never more than half full.

    Items are texts and tuples, whose hashes Python spreads over all bits (those of numbers it does not).
    Two different items are taken for the same with probability n² / 2⁶⁵: 4 in 10 million for 4 million items.
    """

    def __init__(self) -> None:
        self._count = 0
        self._slots = array("Q", bytes(8 * 1024))

    def add(self, item: str | tuple[str | int, ...]) -> bool:
        """Remember the item; whether it is new."""
        code = (hash(item) & _MASK64) or 1  # 0 marks a free slot
        position = self._find(code)
        if self._slots[position]:
            return False
        self._slots[position] = code
        self._count += 1
        if 2 * self._count > len(self._slots):
            self._grow()
        return True

    def __len__(self) -> int:
        return self._count

    def _find(self, code: int) -> int:
        slots = self._slots
        mask = len(slots) - 1
        position = code & mask
        while slots[position] not in (0, code):
            position = (position + 1) & mask
        return position

    def _grow(self) -> None:
        old = self._slots
        self._slots = array("Q", bytes(16 * len(old)))
        for code in old:
            if code:
                self._slots[self._find(code)] = code
