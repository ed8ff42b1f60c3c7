"""Embeds the texts of an `ExecutorClient`'s call once each; the vectors are sent along with the jobs.

lent = embed(executor, [{"traits+encoder": items}, …])       # one element per job
with lent[0].opened(): …                                      # in the worker
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from personalrm.cluster.executor import Executor
from personalrm.cluster.texts import embedding_executor, encoder_of, encoder_that_computes, lent, texts_of
from personalrm.models.base import Item

AT_ONCE = 512
"""Texts per job: ten seconds of MiniLM."""
Wanted = Mapping[str, Sequence[Item]]
"""The responses that a job reads, by model with an encoder."""
Key = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Lent:
    """The vectors of one job: an `encoders.store.VectorSource`."""

    models: tuple[str, ...]
    rows: Mapping[bytes, Any]

    def get(self, keys: Iterable[bytes]) -> dict[bytes, Any]:
        """The available vectors of these keys."""
        return {key: self.rows[key] for key in keys if key in self.rows}

    def with_rows_of(self, other: Lent) -> Lent:
        """These vectors and those of another."""
        return Lent(tuple(sorted({*self.models, *other.models})), {**other.rows, **self.rows})

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Within this context, the models use these vectors and embed nothing."""
        with lent(self.models, self):
            yield


NOTHING = Lent((), {})
"""No vectors, for models without an encoder."""


def embed(executor: Executor, jobs: Sequence[Wanted]) -> list[Lent]:
    """The vectors of each job; a text needed by several jobs is embedded once, in batches that depend on the texts
    only."""
    if not any(jobs):
        return [NOTHING] * len(jobs)
    needed: dict[int, dict[Key, str]] = {
        one.number: found for one, found in executor.run([_Gather(at, job) for at, job in enumerate(jobs)])
    }
    texts = {key: text for found in needed.values() for key, text in found.items()}
    rows: dict[bytes, Any] = {}
    for model in sorted({model for model, _ in texts}):
        keys = sorted(key for name, key in texts if name == model)
        chunks = [keys[at : at + AT_ONCE] for at in range(0, len(keys), AT_ONCE)]
        parts = [_Embed(model, some, [texts[model, key] for key in some]) for some in chunks]
        for _, found in embedding_executor(model, executor).run(parts):
            rows |= found
    return [
        Lent(tuple(sorted({model for model, _ in needed[at]})), {key: rows[key] for _, key in needed[at]})
        for at in range(len(jobs))
    ]


@dataclass(frozen=True, slots=True)
class _Gather:
    number: int
    wanted: Wanted
    name = "texts of some people"

    def run(self) -> dict[Key, str]:
        return {
            (model, key): text
            for model, items in self.wanted.items()
            for key, text in texts_of(encoder_of(model), items).items()
        }


@dataclass(frozen=True, slots=True)
class _Embed:
    model: str
    keys: list[bytes]
    texts: list[str]
    name = "vectors of some texts"

    def run(self) -> dict[bytes, Any]:
        from personalrm.models.encoders.store import embedded_rows

        return embedded_rows(encoder_that_computes(self.model), self.keys, self.texts)
