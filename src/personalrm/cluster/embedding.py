"""Embeds each text of a run once over all workers, even if it occurs in the conversations of many people.

1. For each shard, the texts that its people need are written to a spill file, sorted into buckets by key.
2. Each bucket is embedded by one worker, in the order of the keys, into a file of vectors (`vectors`). So the batch of
   a text, on which the last bits of its vector depend, is the same on one machine and on many.
3. Fits and scores read the vectors from there; what remains is matrix products of people and features.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from personalrm.cluster.folder import ClusterFolder, PartRecord, read_part, write_record
from personalrm.cluster.people import people_of
from personalrm.cluster.spill import SpillWriter, read_spill
from personalrm.cluster.texts import (
    encoder_of,
    encoder_that_computes,
    items_of_population,
    items_to_fit,
    lent,
    texts_of,
)
from personalrm.files import replacing, stored
from personalrm.models.base import Item
from personalrm.profile.provenance import hash_of
from personalrm.profile.table import file_name, read_profiles

MOST_BUCKETS = 1024
"""Maximum number of buckets: every shard reads from most of them, so more would mean many small files."""


class ShardTexts(Protocol):
    """The texts that a run embeds."""

    @property
    def model(self) -> str:
        """The model whose encoder is used."""
        ...

    @property
    def spills(self) -> int:
        """Number of spill files."""
        ...

    def items(self, folder: ClusterFolder, number: int) -> Iterable[Item]:
        """The responses of one spill file."""
        ...


@dataclass(frozen=True, slots=True)
class TextsToFit:
    """The choices of the people of each shard, and those of the population in a last spill file.

    Attributes:
        model: the model whose encoder is used.
        shards, inputs: numbers of shards and input files.
        population, seed: as in the fits.
    """

    model: str
    shards: int
    inputs: int
    population: str | None
    seed: int

    @property
    def spills(self) -> int:
        return self.shards + (self.population is not None)

    def items(self, folder: ClusterFolder, number: int) -> Iterator[Item]:
        if number < self.shards:
            for person in people_of(folder, number, self.inputs):
                yield from items_to_fit(self.model, person.history)
        elif self.population is not None:
            yield from items_of_population(self.model, self.population, self.seed)


@dataclass(frozen=True, slots=True)
class TextsToScore:
    """The pairs of each shard, and the choices in its profiles if the model is refitted to them.

    Attributes:
        model: the model whose encoder is used.
        shards, inputs: numbers of shards and input files.
        profiles: folder of the profiles.
        refits: whether their choices are read.
    """

    model: str
    shards: int
    inputs: int
    profiles: Path
    refits: bool

    @property
    def spills(self) -> int:
        return self.shards

    def items(self, folder: ClusterFolder, number: int) -> Iterator[Item]:
        users = set()
        for person in people_of(folder, number, self.inputs):
            users.add(person.history.user)
            for one in person.history:
                yield from ((one.context, text) for text in (one.chosen, one.rejected))
        if self.refits:
            for profile in read_profiles(self.profiles / file_name(number, self.shards), users):
                yield from items_to_fit(self.model, profile.history)


@dataclass(frozen=True, slots=True)
class _Part:
    """A job that runs before people are fitted or scored.

    Attributes:
        root, shards: folder and number of shards of the run.
        number: index of the spill file or bucket.
        texts: the texts to embed.
        key: hash of the inputs of this part.
    """

    root: Path
    shards: int
    number: int
    texts: ShardTexts
    key: str

    @property
    def name(self) -> str:
        return f"part {self.number + 1} of the texts of {self.shards} shards"

    @property
    def folder(self) -> ClusterFolder:
        return ClusterFolder(self.root, self.shards)


class GatherTexts(_Part):
    """Sort the texts of a shard into buckets."""

    __slots__ = ()

    @property
    def record(self) -> Path:
        """File that marks this part as complete."""
        return self.folder.texts(self.number).with_suffix(".json")

    def run(self) -> None:
        """Write the spill file, then its record."""
        from personalrm.cluster.vectors import bucket_of

        found = texts_of(encoder_of(self.texts.model), self.texts.items(self.folder, self.number))
        path, buckets = self.folder.texts(self.number), buckets_of(self.shards)
        with stored(path), replacing(path, private=True) as out:
            writer = SpillWriter(out, buckets)
            for key, text in found.items():
                writer.add(bucket_of(key, buckets), json.dumps(text).encode() + b"\n")
            writer.finish()
        write_record(self.record, PartRecord(self.key))


class EmbedTexts(_Part):
    """Embed the texts of a bucket, each once."""

    __slots__ = ()

    @property
    def record(self) -> Path:
        """File that marks this part as complete."""
        return self.folder.vectors(self.number).with_suffix(".json")

    def run(self) -> None:
        """Write the vectors, then their record."""
        from personalrm.cluster.vectors import write_vectors
        from personalrm.models.encoders.store import keys_of

        folder = self.folder
        encoder, buckets = encoder_that_computes(self.texts.model), buckets_of(self.shards)
        texts: dict[str, None] = {}
        for spill in range(self.texts.spills):
            for line in read_spill(folder.texts(spill), self.number, buckets):
                texts[json.loads(line)] = None
        keys = keys_of(encoder.name, list(texts))
        write_vectors(folder.vectors(self.number), encoder, dict(zip(keys, texts, strict=True)))
        write_record(self.record, PartRecord(self.key))


def buckets_of(shards: int) -> int:
    """Number of vector files; it depends on the number of shards only, so that batches are the same everywhere."""
    return min(shards, MOST_BUCKETS)


EMBEDDING = "embedding texts"
Stage = tuple[str, Sequence[GatherTexts | EmbedTexts], int]


def stages(folder: ClusterFolder, texts: ShardTexts, key: str) -> Iterator[Stage]:
    """The stages before people are fitted or scored: name, incomplete jobs, and number of complete ones."""
    parts: list[tuple[str, type[GatherTexts] | type[EmbedTexts], int]] = [
        ("gathering texts", GatherTexts, texts.spills),
        (EMBEDDING, EmbedTexts, buckets_of(folder.shards)),
    ]
    for name, kind, count in parts:
        jobs = [kind(folder.root, folder.shards, at, texts, hash_of([key, name, at])) for at in range(count)]
        left = [one for one in jobs if read_part(one.record, PartRecord, one.key) is None]
        yield name, left, count - len(left)


@contextlib.contextmanager
def vectors_of(folder: ClusterFolder, model: str | None) -> Iterator[None]:
    """Within this context, fits and scores read the run's vectors; ``model`` is None if no model has an encoder."""
    if model is None:
        yield
        return
    from personalrm.cluster.vectors import VectorTable

    paths = [folder.vectors(at) for at in range(buckets_of(folder.shards))]
    with lent([model], VectorTable(paths)):
        yield
