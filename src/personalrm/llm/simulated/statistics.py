"""Counters of the simulated LLM's server: calls, tokens, repeats, prefix reuse, concurrency (for tests only).

statistics = Statistics()
call = statistics.arrived(body)
statistics.read(call, "prompt text")
statistics.left(call, status="200", completion_tokens=12)
statistics.report(slots=64)
"""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

BLOCK = 64
"""Block size of the simulated prefix cache, in bytes of prompt text (vLLM: 16 tokens)."""

_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class Prefixes:
    """Prefixes of completed prompts, as running 64-bit hashes of 64-byte blocks."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._weights = np.random.default_rng(20260101).integers(1, 2**63, size=(0, 8), dtype=np.uint64)

    def chain(self, text: bytes) -> list[int]:
        """One hash for every prefix of complete blocks, and one for the whole text."""
        blocks = -(-len(text) // BLOCK)
        if blocks > len(self._weights):
            self._weights = np.random.default_rng(20260101).integers(1, 2**63, size=(2 * blocks, 8), dtype=np.uint64)
        words: NDArray[np.uint64] = np.frombuffer(text.ljust(blocks * BLOCK, b"\0"), dtype="<u8").reshape(blocks, 8)
        mixed = (words ^ (words >> np.uint64(29))) * _SPREAD
        mixed = (mixed ^ (mixed >> np.uint64(32))) * (self._weights[:blocks] | np.uint64(1))
        running: list[int] = np.cumsum(mixed.sum(axis=1, dtype=np.uint64), dtype=np.uint64).tolist()
        return running

    def known(self, chain: list[int]) -> int:
        """How many leading blocks are a prefix of a completed prompt."""
        low, high = 0, len(chain)
        while low < high:  # binary search: all prefixes of a known prefix are known
            middle = (low + high) // 2
            if chain[middle] in self._seen:
                low = middle + 1
            else:
                high = middle
        return low

    def add(self, chain: list[int]) -> None:
        """Store the prefixes of a completed prompt (known ones may be omitted)."""
        self._seen.update(chain)


@dataclass(slots=True)
class Call:
    """One request in progress."""

    digest: str
    chain: list[int] = field(default_factory=list)
    known: int = 0
    cached_bytes: int = 0


class Statistics:
    """Counts since the start of the server; every number is a plain attribute."""

    def __init__(self, keep: int = 100) -> None:
        self.requests = 0
        self.finished: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.prompt_bytes = 0
        self.cached_bytes = 0
        self.active = 0
        self.max_concurrency = 0
        self.busy_seconds = 0.0
        self.first_start: float | None = None
        self.last_end: float | None = None
        self.recent: deque[bytes] = deque(maxlen=keep)
        self.cpu_started = time.process_time()
        self._prefixes = Prefixes()
        self._changed = time.perf_counter()

    def arrived(self, body: bytes) -> Call:
        """Count the arrival of a request."""
        now = self._tick(1)
        self.requests += 1
        self.first_start = now if self.first_start is None else self.first_start
        self.max_concurrency = max(self.max_concurrency, self.active)
        self.recent.append(body)
        return Call(blake2b(body, digest_size=16).hexdigest())

    def read(self, call: Call, prompt: str) -> None:
        """Count the prompt of a request that will be answered, and how much of it is a known prefix."""
        text = prompt.encode("utf-8", "replace")
        call.chain = self._prefixes.chain(text)
        call.known = self._prefixes.known(call.chain)
        call.cached_bytes = min(len(text), BLOCK * call.known)
        self.prompt_bytes += len(text)
        self.cached_bytes += call.cached_bytes
        self.prompt_tokens += tokens(len(prompt))

    def left(self, call: Call, status: str, completion_tokens: int = 0) -> None:
        """Count the end of a request; its prompt enters the prefix cache only if the status is "200"."""
        self.last_end = self._tick(-1)
        self.statuses[status] += 1
        if status == "200":
            self.finished[call.digest] += 1
            self.completion_tokens += completion_tokens
            self._prefixes.add(call.chain[call.known :])

    def report(self, slots: int | None = None) -> dict[str, object]:
        """All numbers as JSON values; ``slots``: concurrency that counts as full (default: the maximum observed)."""
        span = (self.last_end or 0.0) - (self.first_start or 0.0)
        slots = slots or max(1, self.max_concurrency)
        return {
            "simulated": True,
            "requests": self.requests,
            "finished": self.finished.total(),
            "distinct": len(self.finished),
            "repeated": self.finished.total() - len(self.finished),
            "active": self.active,
            "statuses": dict(self.statuses),
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "cached_tokens": tokens(self.cached_bytes),
            "prefix_share": self.cached_bytes / self.prompt_bytes if self.prompt_bytes else 0.0,
            "max_concurrency": self.max_concurrency,
            "mean_concurrency": self.busy_seconds / span if span > 0 else 0.0,
            "busy_seconds": self.busy_seconds,
            "span_seconds": span,
            "slots": slots,
            "fullness": self.busy_seconds / (slots * span) if span > 0 else 0.0,
            "cpu_seconds": time.process_time() - self.cpu_started,
        }

    def _tick(self, change: int) -> float:
        """Advance the time integral of the concurrency to now; returns now, in seconds."""
        now = time.perf_counter()
        self.busy_seconds += self.active * (now - self._changed)
        self._changed = now
        self.active += change
        return now


def tokens(count: int) -> int:
    """Estimated tokens of a text of ``count`` bytes or characters: a quarter, rounded up."""
    return -(-count // 4)
