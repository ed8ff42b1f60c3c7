"""Counts the requests in progress, and apart from them those whose body is still arriving.

A client that sends its body slowly takes no turn of those that are worked on. Bodies arrive before a key is checked, so
their number and their bytes are limited.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException

_ARRIVING, _HELD = 4, 256 << 20
"""Requests whose body is arriving, by request in progress, and the bytes of all incomplete bodies."""


class TooBusy(HTTPException):
    """Too many requests are in progress, or their bodies take too much memory; see `BodyTooLarge` for its base."""

    def __init__(self) -> None:
        super().__init__(429)


class Arrivals:
    """Counts requests, apart from those whose body is still arriving: a client that sends slowly takes no turn.

    Args:
        most: maximum number of requests in progress; `arrived` raises TooBusy above it.
    """

    def __init__(self, most: int) -> None:
        self.running = self.arriving = 0
        self._most, self._held = most, 0

    def is_full(self) -> bool:
        """Whether a request more is refused."""
        return self.running >= self._most or self.arriving >= _ARRIVING * self._most

    def waits(self) -> None:
        """A request waits for a part of its body."""
        self.running -= 1
        self.arriving += 1

    def goes_on(self) -> None:
        """It waits no more."""
        self.running += 1
        self.arriving -= 1

    def holds(self, size: int) -> None:
        """It holds this many bytes more (fewer, if negative) of a body that is not complete. Raises TooBusy."""
        self._held += size
        if size > 0 and self._held > _HELD:
            raise TooBusy

    def arrived(self) -> None:
        """Its body is complete. Raises TooBusy if others took its turn while it waited."""
        if self.running > self._most:
            raise TooBusy
