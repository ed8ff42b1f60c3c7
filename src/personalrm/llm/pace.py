"""What a host has shown of its speed, and what follows from it: how long an answer may take, and how full the host is.

A host on a CPU reads thirty tokens a second and writes two, so that an answer may take ten minutes; one that works on a
request must not be given up, or the work is thrown away and asked again. Nothing that a host sends tells slow from
silent, so the deadline of a request grows with what earlier answers took.

Whether requests wait in the host's queue is told from latency alone: the time of a request against the quickest one of
its kind (as long to read, as much to write) is its `inflation`, 1 where it did not wait.
"""

from __future__ import annotations

import math

from personalrm.llm.wire import CHARACTERS_A_TOKEN

DEFAULT_TIMEOUT_S = 120.0
FIRST_ANSWER_IN_TIMEOUTS = 15.0
"""Half an hour for the first answer of a host by default: a model on a CPU may have to be loaded, and to read much."""
FIRST_ANSWER_HURRIED = 2.5
"""Who gives a shorter timeout than the default says that the host is quick."""
SAFETY = 3.0
"""How much longer an answer may take than the slowest one so far, by its length."""
READ_AT_ONCE = 4.0
"""Tokens of a prompt that are read in the time of writing one, at the least."""
FORGETS = 0.99
"""The quickest and the slowest answer fade by so much with each answer: hosts get slower, and quicker again."""
LONGEST_S = 6 * 3600.0


class Pace:
    """The speed of one model at one host.

    Args:
        timeout: seconds that an answer may take at a quick host.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._slowest = 0.0
        self._quickest: dict[tuple[int, int], float] = {}
        self._mean = 0.0
        self.answers = 0

    def allowed(self, characters: int, max_tokens: int) -> float:
        """Seconds that an answer to such a request may take before it is given up."""
        if not self.answers:
            patient = self._timeout >= DEFAULT_TIMEOUT_S
            return self._timeout * (FIRST_ANSWER_IN_TIMEOUTS if patient else FIRST_ANSWER_HURRIED)
        return min(LONGEST_S, max(self._timeout, SAFETY * self._slowest * _work(characters, max_tokens)))

    def answered(self, characters: int, max_tokens: int, written: int, seconds: float) -> float:
        """An answer took so long; its inflation, at least 1.

        Args:
            characters: of the request.
            max_tokens: it was allowed to write; 0 where nothing is written.
            written: tokens that it wrote.
            seconds: from sending to having it.
        """
        self.answers += 1
        self._slowest = max(self._slowest * FORGETS, seconds / _work(characters, written))
        self._mean += (seconds - self._mean) / min(self.answers, 50)
        kind = _size(characters), _size(max_tokens)
        quickest = min(self._quickest.get(kind, seconds) / FORGETS, seconds)
        self._quickest[kind] = quickest
        return seconds / max(quickest, 1e-6)

    @property
    def mean_s(self) -> float:
        """Mean seconds of the last answers; 0 before the first."""
        return self._mean


def _work(characters: int, tokens: int) -> float:
    """The time of a request in tokens written."""
    return characters / CHARACTERS_A_TOKEN / READ_AT_ONCE + tokens + 1.0


def _size(count: int) -> int:
    return int(math.log2(count + 1))
