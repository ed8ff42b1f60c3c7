"""Second half of a run: fits the people of one shard and writes them to one Parquet file.

The people of a shard are fitted by one worker, so that parsed texts, the population model and an LLM's prompt prefixes
are shared. An error of one person is recorded for that person; an error that affects all people (a wrong key, an
exhausted budget, a full disk) ends the run.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Generic, TypeVar

from personalrm.client import Client
from personalrm.cluster import limits
from personalrm.cluster.embedding import vectors_of
from personalrm.cluster.folder import ClusterFolder, ShardRecord, Trouble, write_record
from personalrm.cluster.people import PersonOfShard, people_of
from personalrm.errors import DataError, UnusableResponse
from personalrm.llm import background_loop
from personalrm.llm.connect import EndpointOptions
from personalrm.llm.gather import bounded_map
from personalrm.models.registry import DEFAULT, asked_model, is_local, judging_name
from personalrm.models.served_name import is_served
from personalrm.profile.options import Options
from personalrm.profile.records import Profile
from personalrm.profile.spend import Spend
from personalrm.profile.table import write_profiles
from personalrm.synthesis.fitting import AT_ONCE


@dataclass(frozen=True, slots=True)
class FitOptions:
    """Options of the fits.

    Attributes:
        model: see `Client`.
        options: options of each fit.
        population: a file of other people's choices; None is the shipped prior.
        endpoint: endpoint options.
    """

    model: str = DEFAULT
    options: Options = field(default_factory=Options)
    population: str | None = None
    endpoint: EndpointOptions = field(default_factory=EndpointOptions)

    @property
    def asks_endpoint(self) -> bool:
        """Whether fits send requests over the network."""
        return not is_local(self.model)

    @property
    def asks_language_model(self) -> bool:
        """Whether a language model is asked; it gets one limit and one budget for all workers."""
        return self.asks_endpoint and not is_served(self.model)


How = TypeVar("How", FitOptions, FitOptions | None)


@dataclass(frozen=True, slots=True)
class ShardJob(Generic[How]):
    """The work on one shard.

    Attributes:
        root, shards, shard: folder of the run, number of shards, index of this shard.
        inputs: number of input files.
        key: hash of the inputs of this shard.
        how: options of the fits.
        limits: name of the limits that all workers share; None with one worker.
        encoder: model whose precomputed vectors are in the folder (see `embedding`); None if it has no encoder.
    """

    root: Path
    shards: int
    shard: int
    inputs: int
    key: str
    how: How
    limits: str | None = None
    encoder: str | None = None

    @property
    def name(self) -> str:
        """Name of the job in messages."""
        return f"shard {self.shard} of {self.shards}"


@dataclass(frozen=True, slots=True)
class FitShard(ShardJob[FitOptions]):
    """Fits the people of a shard."""

    def run(self) -> ShardRecord:
        """Write the profiles, then the record of the shard."""
        folder = ClusterFolder(self.root, self.shards)
        people = list(people_of(folder, self.shard, self.inputs))
        with vectors_of(folder, self.encoder):
            fitted = fit_all(self.how, self.limits, people)
        profiles = [one for one in fitted if isinstance(one, Profile)]
        spend = sum((one.spend for one in profiles), Spend(cost=0.0))
        write_profiles(folder.output(self.shard), (replace(one, spend=Spend()) for one in profiles), {"key": self.key})
        troubles = tuple(one for one in fitted if isinstance(one, Trouble))
        choices = sum(len(one.history) for one in profiles)
        record = ShardRecord(self.key, len(profiles), choices, spend, troubles)
        write_record(folder.shard_record(self.shard), record)
        return replace(record, troubles=())


def fit_all(how: FitOptions, shared: str | None, people: list[PersonOfShard]) -> list[Profile | Trouble]:
    """A profile for each person, or the reason why there is none, in order; ``shared`` names the shared limits."""
    client = client_of(how, shared)
    return (
        background_loop.run(_fit_concurrently(client, people)) if how.asks_endpoint else _fit_one_by_one(client, people)
    )


@lru_cache(maxsize=1)
def client_of(how: FitOptions, shared: str | None) -> Client:
    """A client, cached per process, so that a population is learned and a connection opened only once.

    A language model predicts without fusion: fusion weights would depend on which shards were fitted before.
    """
    endpoint = how.endpoint if shared is None else limits.limited(asked_model(how.model), how.endpoint, shared)
    return Client(judging_name(how.model), options=how.options, population=how.population, endpoint=endpoint)


def _fit_one_by_one(client: Client, people: list[PersonOfShard]) -> list[Profile | Trouble]:
    found: list[Profile | Trouble] = []
    for one in people:
        try:
            found.append(client.fit(one.history))
        except DataError as error:
            found.append(_trouble(one, error))
    return found


async def _fit_concurrently(client: Client, people: list[PersonOfShard]) -> list[Profile | Trouble]:
    """Fit several people concurrently, returned in the order of ``people``."""

    async def fit(place: int) -> tuple[int, Profile | Trouble]:
        one = people[place]
        try:
            return place, await client.afit(one.history)
        except (DataError, UnusableResponse) as error:
            return place, _trouble(one, error)

    found: AsyncIterator[tuple[int, Profile | Trouble]] = bounded_map(fit, range(len(people)), AT_ONCE)
    by_place = {place: fitted async for place, fitted in found}
    return [by_place[place] for place in range(len(people))]


def _trouble(person: PersonOfShard, error: Exception) -> Trouble:
    return Trouble(person.file, person.history.user, str(error))
