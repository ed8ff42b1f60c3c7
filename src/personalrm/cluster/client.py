"""`Client` on an `Executor`: the verbs for many people at once, on processes of this machine or a Ray cluster.

    with OnRay("auto") as executor:
        client = ExecutorClient(executor, "traits")
        profiles = [one for one in client.fit_many(histories) if isinstance(one, Profile)]
        client.score_many(profiles, "How long does pasta take?", ["Nine minutes.", "It depends …"])   # m × n

What it gives is what `Client` gives in one process. People and profiles travel to the workers and back, so it is for as
many as fit into memory; `personalrm cluster fit` (`running.run_over_people`) is for files of any size, and resumes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from personalrm.client import Client
from personalrm.cluster.executor import Executor, Job
from personalrm.cluster.fitting import FitOptions, client_of, fit_all
from personalrm.cluster.folder import Trouble
from personalrm.cluster.people import PersonOfShard
from personalrm.data.given import Context
from personalrm.llm.connect import EndpointOptions
from personalrm.models.registry import DEFAULT, is_local
from personalrm.preferences import History, Verdict
from personalrm.profile.options import Options, VerdictMode
from personalrm.profile.records import Profile

AT_ONCE = 64
"""People of a job: half a second of the embedded engine, 5 MB of choices."""
T = TypeVar("T")
AskedPair = tuple[Context, str, str]


class ExecutorClient:
    """The verbs of `Client` that take many people.

    Args:
        executor: who works; it is not closed here.
        model, options: as in `Client`; without a model profiles are fitted with ``traits`` and used with their own.
        population: a file of other people's choices, that all machines can read.
        endpoint: how a model is asked; limits and budget count for all workers together.
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
        """A profile for each history, or why there is none, in order and as they are ready.

        Raises:
            PersonalrmError: what concerns everybody, such as a wrong key or a spent budget.
        """
        shared = self._shared()
        return self._ordered(_Fit(at, some, self._how, shared) for at, some in enumerate(_chunks(people)))

    def score_many(
        self, profiles: Sequence[Profile], context: Context, responses: Sequence[str]
    ) -> list[list[float | None]]:
        """Scores of n responses for m people: m rows of n, as `Client.score_many`."""
        how, shared = self._predicting(profiles)
        asked = (context, list(responses))
        jobs = (_Score(at, some, asked, how, shared) for at, some in enumerate(_chunks(profiles)))
        return list(self._ordered(jobs))

    def compare_many(
        self, asked: Iterable[tuple[Profile, Sequence[AskedPair]]], *, verdicts: VerdictMode = "token"
    ) -> Iterator[list[Verdict]]:
        """The verdicts on each person's own pairs, as `Client.compare_many`, in order and as they are ready."""
        given = list(asked)
        how, shared = self._predicting([profile for profile, _ in given])
        jobs = (_Compare(at, some, verdicts, how, shared) for at, some in enumerate(_chunks(given)))
        return self._ordered(jobs)

    def _predicting(self, profiles: Sequence[Profile]) -> tuple[FitOptions | None, str | None]:
        """Who predicts: None for the profiles' own models, which must then ask nobody."""
        if not self._own:
            return self._how, self._shared()
        networked = next((one for one in profiles if not is_local(one.model)), None)
        if networked is None:
            return None, None
        how = FitOptions(networked.model, self._how.options, None, self._how.endpoint.resolved())
        return how, self._executor.share(how.endpoint) if how.asks_language_model else None

    def _shared(self) -> str | None:
        """The limits of all workers; one for all calls."""
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
class _Fit:
    number: int
    people: list[History]
    how: FitOptions
    limits: str | None

    @property
    def name(self) -> str:
        return f"people {self.number * AT_ONCE + 1:,} and following"

    def run(self) -> list[Profile | Trouble]:
        return fit_all(self.how, self.limits, [PersonOfShard(one, one.user) for one in self.people])


@dataclass(frozen=True, slots=True)
class _Score:
    number: int
    profiles: list[Profile]
    asked: tuple[Context, list[str]]
    how: FitOptions | None
    limits: str | None

    @property
    def name(self) -> str:
        return f"profiles {self.number * AT_ONCE + 1:,} and following"

    def run(self) -> list[list[float | None]]:
        return _client(self.how, self.limits).score_many(self.profiles, *self.asked)


@dataclass(frozen=True, slots=True)
class _Compare:
    number: int
    asked: list[tuple[Profile, Sequence[AskedPair]]]
    verdicts: VerdictMode
    how: FitOptions | None
    limits: str | None

    @property
    def name(self) -> str:
        return f"profiles {self.number * AT_ONCE + 1:,} and following"

    def run(self) -> list[list[Verdict]]:
        client = _client(self.how, self.limits)
        return [client.compare_many(profile, pairs, verdicts=self.verdicts) for profile, pairs in self.asked]


def _client(how: FitOptions | None, limits: str | None) -> Client:
    return Client() if how is None else client_of(how, limits)


def _chunks(given: Iterable[T]) -> Iterator[list[T]]:
    some = iter(given)
    while chunk := list(islice(some, AT_ONCE)):
        yield chunk
