"""Surface baselines: longer, shorter, first, random.

    Longer().compare((), "a long answer", "short").probability    # 1.0

They are not fitted: `fit` returns the model itself. Always choosing the longer response is correct on 65.8 % of the
PRISM sample (64.4 % if length is counted in words), so accuracies should always be compared with these.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Self

from personalrm.preferences import History, Message, Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class _Surface(ABC):
    """Base of the baselines, which are not fitted."""

    def fit(self, history: History) -> Self:
        """Return the model itself."""
        return self

    @abstractmethod
    def compare(self, context: Sequence[Message], a: str, b: str) -> Verdict:
        """Probability that ``a`` is preferred."""

    def compare_many(self, pairs: Sequence[tuple[Sequence[Message], str, str]]) -> NDArray[np.float64]:
        """Probabilities (n,) that the first response of each pair is preferred."""
        import numpy as np  # takes 0.1 s, not needed by `compare`

        return np.array([self.compare(*one).probability for one in pairs], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Longer(_Surface):
    """Prefers the response with more characters; exactly even if they are equally long."""

    def compare(self, context: Sequence[Message], a: str, b: str) -> Verdict:
        """Probability 1.0, 0.5 or 0.0 that the person prefers ``a``."""
        return Verdict(0.5 + ((len(a) > len(b)) - (len(a) < len(b))) / 2)


@dataclass(frozen=True, slots=True)
class Shorter(_Surface):
    """Prefers the response with fewer characters; exactly even if they are equally long."""

    def compare(self, context: Sequence[Message], a: str, b: str) -> Verdict:
        """Probability 1.0, 0.5 or 0.0 that the person prefers ``a``."""
        return Verdict(0.5 + ((len(a) < len(b)) - (len(a) > len(b))) / 2)


@dataclass(frozen=True, slots=True)
class First(_Surface):
    """Prefers the response shown first: shows whether the order of presentation reveals the label."""

    def compare(self, context: Sequence[Message], a: str, b: str) -> Verdict:
        """Always probability 1.0."""
        return Verdict(1.0)


@dataclass(frozen=True, slots=True)
class Random(_Surface):
    """A coin flip per pair of texts, the same in either order and in every run with this seed."""

    seed: int = 0

    def compare(self, context: Sequence[Message], a: str, b: str) -> Verdict:
        """Probability 1.0 or 0.0; exactly even for two copies of one text."""
        if a == b:
            return Verdict(0.5)
        said = "\0".join((str(self.seed), *(one.content for one in context), min(a, b), max(a, b)))
        heads = blake2b(said.encode("utf-8", "surrogatepass"), digest_size=1).digest()[0] & 1 == 1
        return Verdict(float((a < b) == heads))
