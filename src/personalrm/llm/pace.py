"""Measured speed of a host, and what follows from it: the deadline of a request, and whether the host is saturated.

A host on a CPU may read thirty tokens a second and write two, so that an answer takes ten minutes; aborting a request
that is being served wastes the work. No response distinguishes slow from silent, so the deadline of a request grows
with the time of earlier answers.

Whether requests wait in the host's queue is inferred from latency: the time of a request divided by that of the fastest
comparable one (same prompt and answer length) is its `inflation`, 1 if it did not wait.
"""

from __future__ import annotations

from personalrm.llm.wire import CHARACTERS_A_TOKEN

DEFAULT_TIMEOUT_S = 120.0
FIRST_ANSWER_IN_TIMEOUTS = 15.0
"""Deadline of a host's first answer, in timeouts (half an hour by default): a model on a CPU may have to be loaded."""
FIRST_ANSWER_HURRIED = 2.5
"""The same for a timeout below the default, which implies a fast host."""
SAFETY = 3.0
"""Deadline relative to the slowest answer so far, scaled by length."""
READ_AT_ONCE = 4.0
"""Minimum prompt tokens read in the time of generating one token."""
FORGETS = 0.99
"""Decay per answer of the fastest and slowest time: the speed of hosts changes."""
LONGEST_S = 6 * 3600.0


class Pace:
    """The speed of one model at one host.

    Args:
        timeout: seconds that an answer of a fast host may take.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._slowest = 0.0
        self._quickest: dict[tuple[int, int], float] = {}
        self._mean = 0.0
        self.answers = 0

    def allowed(self, characters: int, max_tokens: int) -> float:
        """Return the seconds that an answer to such a request may take."""
        if not self.answers:
            patient = self._timeout >= DEFAULT_TIMEOUT_S
            return self._timeout * (FIRST_ANSWER_IN_TIMEOUTS if patient else FIRST_ANSWER_HURRIED)
        return min(LONGEST_S, max(self._timeout, SAFETY * self._slowest * _work(characters, max_tokens)))

    def answered(self, characters: int, max_tokens: int, written: int, seconds: float) -> float:
        """Record the time of an answer and return its inflation, at least 1.

        Args:
            characters: length of the request.
            max_tokens: limit of new tokens; 0 if nothing is generated.
            written: generated tokens.
            seconds: from sending to the complete answer.
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
        """Mean seconds of recent answers; 0 before the first."""
        return self._mean


def _work(characters: int, tokens: int) -> float:
    """The time of a request, in units of generated tokens."""
    return characters / CHARACTERS_A_TOKEN / READ_AT_ONCE + tokens + 1.0


def _size(count: int) -> int:
    return (count + 1).bit_length()
