"""`Client` on an `Executor`: methods for many people at once, in processes on this machine or on a Ray cluster.

    with OnRay("auto") as executor:
        client = ExecutorClient(executor, "traits")
        profiles = [one for one in client.fit_many(histories) if isinstance(one, Profile)]
        client.score_many(profiles, "How long does pasta take?", ["Nine minutes.", "It depends …"])   # m × n

Results equal those of `Client` in one process. People and profiles are sent to the workers and back, so all must fit in
memory; `personalrm cluster fit` (`running.run_over_people`) processes files of any size and can be resumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from typing import Any, TypeVar

from personalrm.client import Client
from personalrm.cluster.executor import Executor, Job
from personalrm.cluster.fitting import FitOptions, client_of, fit_all
from personalrm.cluster.folder import Trouble
from personalrm.cluster.lending import NOTHING, Lent, embed
from personalrm.cluster.people import PersonOfShard
from personalrm.cluster.texts import has_encoder, items_of_population, items_to_fit
from personalrm.data.given import Context, messages_of
from personalrm.llm.connect import EndpointOptions
from personalrm.models.base import Item
from personalrm.models.registry import DEFAULT, TRAINED, is_embedded, is_local
from personalrm.preferences import History, Verdict
from personalrm.profile.options import Options, VerdictMode
from personalrm.profile.records import Profile

AT_ONCE = 64
"""People per job: half a second of the embedded engine, 5 MB of choices."""
T = TypeVar("T")
AskedPair = tuple[Context, str, str]


class ExecutorClient:
    """The methods of `Client` for many people.

    Args:
        executor: runs the jobs; the caller closes it.
        model, options: as in `Client`; without a model, profiles are fitted with ``traits`` and used with their own
            model.
        population: a file of other people's choices, readable on all machines.
        endpoint: endpoint options; limits and budget apply to all workers together.
    """

    def __init__(
        self,
        executor: Executor,
        model: str | None = None,
        *,
        options: Options | None = None,
        population: str | None = None,
        endpoint: EndpointOptions | None = None,
    ) -> None:
        how = FitOptions(model or DEFAULT, options or Options(), population, endpoint or EndpointOptions())
        self._executor, self._how, self._own = executor, how, model is None
        self._limits: str | None = None
        if how.asks_endpoint:
            self._how = FitOptions(how.model, how.options, population, how.endpoint.resolved())

    def fit_many(self, people: Iterable[History]) -> Iterator[Profile | Trouble]:
        """A profile for each history, or the reason why there is none, in order, as they become available.

        Raises:
            PersonalrmError: an error that affects all people, such as a wrong key or an exhausted budget.
        """
        shared, how = self._shared(), self._how
        chunks: Iterator[list[History]] = _chunks(people)
        lent: Iterator[Lent] = repeat(NOTHING)
        if has_encoder(how.model):
            held = list(chunks)
            wanted = [{how.model: [item for one in some for item in items_to_fit(how.model, one)]} for some in held]
            learned = how.population if is_embedded(how.model) else None
            if learned is not None:
                wanted.append({how.model: list(items_of_population(how.model, learned, how.options.seed))})
            vectors = embed(self._executor, wanted)
            others = vectors[len(held)] if learned is not None else NOTHING
            chunks, lent = iter(held), (one.with_rows_of(others) for one in vectors[: len(held)])
        return self._ordered(
            _Fit(at, how, shared, rows, some) for at, (some, rows) in enumerate(zip(chunks, lent, strict=False))
        )

    def score_many(
        self, profiles: Sequence[Profile], context: Context, responses: Sequence[str]
    ) -> list[list[float | None]]:
        """Scores of n responses for m people, m rows of n, as in `Client.score_many`."""
        how, shared = self._predicting(profiles)
        asked, chunks = (context, list(responses)), list(_chunks(profiles))
        items = [(messages_of(context), one) for one in responses]
        lent = embed(self._executor, [_wanted(how, ((one, items) for one in some)) for some in chunks])
        jobs = (_Score(at, how, shared, lent[at], some, asked) for at, some in enumerate(chunks))
        return list(self._ordered(jobs))

    def compare_many(
        self, asked: Iterable[tuple[Profile, Sequence[AskedPair]]], *, verdicts: VerdictMode = "token"
    ) -> Iterator[list[Verdict]]:
        """Verdicts on each person's own pairs, as in `Client.compare_many`, in order, as they become available."""
        chunks = list(_chunks(asked))
        how, shared = self._predicting([profile for some in chunks for profile, _ in some])
        lent = embed(
            self._executor, [_wanted(how, ((profile, _items(pairs)) for profile, pairs in some)) for some in chunks]
        )
        jobs = (_Compare(at, how, shared, lent[at], some, verdicts) for at, some in enumerate(chunks))
        return self._ordered(jobs)

    def _predicting(self, profiles: Sequence[Profile]) -> tuple[FitOptions | None, str | None]:
        """The predicting model: None for the profiles' own models, which must be local."""
        if not self._own:
            return self._how, self._shared()
        networked = next((one for one in profiles if not is_local(one.model)), None)
        if networked is None:
            return None, None
        how = FitOptions(networked.model, self._how.options, None, self._how.endpoint.resolved())
        return how, self._executor.share(how.endpoint) if how.asks_language_model else None

    def _shared(self) -> str | None:
        """The limits shared by all workers, for all calls."""
        if self._limits is None and self._how.asks_language_model:
            self._limits = self._executor.share(self._how.endpoint)
        return self._limits

    def _ordered(self, jobs: Iterable[Job[list[Any]]]) -> Iterator[Any]:
        ready: dict[int, list[Any]] = {}
        following = 0
        for job, found in self._executor.run(jobs):
            ready[job.number] = found  # type: ignore[attr-defined]
            while following in ready:
                yield from ready.pop(following)
                following += 1


@dataclass(frozen=True, slots=True)
class _Part:
    """Some people of a call.

    Attributes:
        number: index of the part.
        how, limits: as in `fitting.FitShard`; None for each profile's own model.
        lent: precomputed vectors.
    """

    number: int
    how: FitOptions | None
    limits: str | None
    lent: Lent

    @property
    def name(self) -> str:
        return f"people {self.number * AT_ONCE + 1:,} and following"

    @property
    def client(self) -> Client:
        return Client() if self.how is None else client_of(self.how, self.limits)


@dataclass(frozen=True, slots=True)
class _Fit(_Part):
    people: list[History]

    def run(self) -> list[Profile | Trouble]:
        with self.lent.opened():
            return fit_all(self.how or FitOptions(), self.limits, [PersonOfShard(one, one.user) for one in self.people])


@dataclass(frozen=True, slots=True)
class _Score(_Part):
    profiles: list[Profile]
    asked: tuple[Context, list[str]]

    def run(self) -> list[list[float | None]]:
        with self.lent.opened():
            return self.client.score_many(self.profiles, *self.asked)


@dataclass(frozen=True, slots=True)
class _Compare(_Part):
    asked: list[tuple[Profile, Sequence[AskedPair]]]
    verdicts: VerdictMode

    def run(self) -> list[list[Verdict]]:
        client = self.client
        with self.lent.opened():
            return [client.compare_many(profile, pairs, verdicts=self.verdicts) for profile, pairs in self.asked]


def _wanted(how: FitOptions | None, asked: Iterable[tuple[Profile, Sequence[Item]]]) -> dict[str, list[Item]]:
    """Items to embed for people's responses, by model; trained models are refitted to the person."""
    found: dict[str, dict[Item, None]] = {}
    for profile, items in asked:
        model = profile.model if how is None else how.model
        if has_encoder(model):
            refitted = items_to_fit(model, profile.history) if model.startswith(TRAINED) else []
            found.setdefault(model, {}).update(dict.fromkeys([*items, *refitted]))
    return {model: list(items) for model, items in found.items()}


def _items(pairs: Sequence[AskedPair]) -> list[Item]:
    return [(messages_of(context), text) for context, a, b in pairs for text in (a, b)]


def _chunks(given: Iterable[T]) -> Iterator[list[T]]:
    some = iter(given)
    while chunk := list(islice(some, AT_ONCE)):
        yield chunk
