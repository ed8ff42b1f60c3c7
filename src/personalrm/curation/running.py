"""The whole curation: read, filter users, request labels, filter again, split, and report.

    raw = plan.read()
    result = await acurate(plan, raw, judges)         # without judges, the filters that need models are skipped
    write(folder, result.parts, result.label_rows(), result.manifest())

Users pass the model filters as a stream, `UNDER_WAY` at a time, independently of each other; so an interrupted run
resumes (its answers are in the cache) and ends with the same bytes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from personalrm import __version__
from personalrm.curation.asking import Judge, Label, prompt_hashes
from personalrm.curation.counting import Count, Step, count, step
from personalrm.curation.filters import enough
from personalrm.curation.people import FILTERS, Outcome, filtered
from personalrm.curation.published import PUBLISHED
from personalrm.curation.raw import Raw, read_raw
from personalrm.curation.sources import Kind, Sources, sha256
from personalrm.curation.splits import fixed, people_apart
from personalrm.curation.thresholds import SPLITS, Thresholds
from personalrm.data.formats.lmarena import ArenaFilter
from personalrm.data.writing import as_row
from personalrm.errors import NotEnoughChoices, UnusableResponse
from personalrm.llm.gather import bounded_map
from personalrm.preferences import History
from personalrm.profile.options import VerdictMode
from personalrm.renamed import RenamedAttribute, renamed_arguments

UNDER_WAY = 32
"""Users labelled at the same time; each needs dozens of requests, and the scheduler bounds those in flight."""
Progress = Callable[[int, int], None]
"""Called with the number of finished users and of all users."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Data, parameters and models of a curation."""

    kind: Kind
    sources: Sources
    thresholds: Thresholds = field(default_factory=Thresholds)
    arena_filter: ArenaFilter = field(default_factory=ArenaFilter)
    verdicts: VerdictMode = "token"
    strict: bool = False

    wish = RenamedAttribute("arena_filter")

    def read(self) -> Raw:
        """Return the data set. Raises what `read_raw` raises."""
        return read_raw(self.kind, self.sources, self.thresholds, arena_filter=self.arena_filter, strict=self.strict)

    def identity(self, models: Sequence[str]) -> dict[str, Any]:
        """Return the manifest fields that identify this curation. DataError if a file cannot be read."""
        inputs = [{"name": _bare(one), "sha256": sha256(one)} for one in self.sources.files()]
        options: dict[str, Any] = {**asdict(self.thresholds), "strict": self.strict}
        if self.kind == "arena":
            options |= asdict(self.arena_filter)
        if models:
            options["verdicts"] = self.verdicts
        return {"data": self.kind, "inputs": inputs, "options": options, "models": list(models)}


Plan.__init__ = renamed_arguments(wish="arena_filter")(Plan.__init__)  # type: ignore[method-assign]


@dataclass(frozen=True, slots=True)
class Curated:
    """The result.

    Attributes:
        parts: split → its users, each choice marked as context or target.
        steps: counts after each step, without the splits.
        labels: of the models, in the order of users and pairs; None if no model was used.
        models: model → number of labels requested and scored, and its first error.
        raw: the data set as read.
    """

    plan: Plan
    parts: Mapping[str, Sequence[History]]
    steps: tuple[Step, ...]
    raw: Raw
    labels: tuple[Label, ...] | None = None
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def split_counts(self) -> dict[str, tuple[Count, Count, Count]]:
        """Return split → counts of everything, its context, its target."""
        return {name: (count(people), *_sides(people)) for name, people in self.parts.items()}

    def label_rows(self) -> Iterator[Mapping[str, Any]] | None:
        """Yield the labels as JSON-ready rows; None if no model was used."""
        return None if self.labels is None else (_row(one) for one in self.labels)

    def manifest(self) -> dict[str, Any]:
        """Return the manifest as JSON values; without timestamps, so that equal runs give equal manifests."""
        splits = {
            name: {"all": whole, "context": context, "target": target}
            for name, (whole, context, target) in self.split_counts().items()
        }
        return {
            **self.plan.identity(list(self.models)),
            "personalrm": __version__,
            "prompts": prompt_hashes(self.plan.verdicts) if self.labels is not None else {},
            "rows": self.raw.problems.rows,
            "skipped": dict(self.raw.problems.reasons),
            "read_sha256": _digest(self.raw.people),
            "people_without_survey": self.raw.without_survey,
            "steps": self.steps,
            "splits": splits,
            "labels": dict(self.models),
            "published_not_measured": PUBLISHED[self.plan.kind],
        }


async def acurate(plan: Plan, raw: Raw, judges: Sequence[Judge] = (), progress: Progress | None = None) -> Curated:
    """Curate the data set; the first judge also labels whether personal preference matters.

    Raises:
        NotEnoughChoices: a filter keeps no user.
        UnusableResponse: the first judge answered nothing.
        BudgetSpent, StorageError: every answer so far is stored.
    """
    thresholds = plan.thresholds
    people, first = _user_filter("user filter", raw.people, thresholds)
    steps = [*raw.steps, first]
    labels: tuple[Label, ...] | None = None
    if judges:
        outcomes = await _all_filtered(people, judges, plan, progress)
        _check_answers(judges)
        steps += [_filter_step(name, outcomes) for name in FILTERS]
        labels = tuple(label for one in outcomes for label in one.labels)
        people, last = _user_filter("user filter again", [one.left[FILTERS[-1]] for one in outcomes], thresholds, steps)
        steps.append(last)
    apart = people_apart([one.user for one in people], thresholds)
    marked = [fixed(one, thresholds) for one in people]
    parts = {name: tuple(one for one in marked if apart[one.user] == name) for name in SPLITS}
    return Curated(plan, parts, tuple(steps), raw, labels, _models(judges, labels or ()))


def _user_filter(
    name: str, people: Sequence[History], thresholds: Thresholds, before: Sequence[Step] = ()
) -> tuple[list[History], Step]:
    kept = [one for one in people if enough(one, thresholds)]
    if not kept:
        wanted = f"{thresholds.min_pairs} pairs in {thresholds.min_conversations} conversations"
        account = "; ".join(f"{one.name}: {why} {number:,}" for one in before for why, number in one.removed.items())
        went = f" (removed pairs: {account})" if account else ""
        raise NotEnoughChoices(f"the {name} removes everyone: none of {len(people):,} people has {wanted}{went}")
    gone = {"people with too few": sum(len(one) > 0 for one in people) - len(kept)}
    return kept, step(name, kept, gone)


async def _all_filtered(
    people: Sequence[History], judges: Sequence[Judge], plan: Plan, progress: Progress | None
) -> list[Outcome]:
    """The outcomes in the order of the users, whatever the order of completion."""
    found: dict[int, Outcome] = {}

    async def one(at: int) -> tuple[int, Outcome]:
        return at, await filtered(people[at], judges, plan.thresholds, plan.verdicts)

    async for at, outcome in bounded_map(one, range(len(people)), UNDER_WAY):
        found[at] = outcome
        if progress:
            progress(len(found), len(people))
    return [found[at] for at in range(len(people))]


def _check_answers(judges: Sequence[Judge]) -> None:
    """Raise UnusableResponse if the first judge, which the personalizability filters need, gave no answer."""
    if not judges[0].answered:
        why = f": {judges[0].failure}" if judges[0].failure else ""
        raise UnusableResponse(
            f"'{judges[0].model}', which labels whether personal preference matters, gave no answer{why}"
        )


def _filter_step(name: str, outcomes: Sequence[Outcome]) -> Step:
    removed: Counter[str] = Counter()
    for one in outcomes:
        removed.update(one.removed[name])
    return step(name, [one.left[name] for one in outcomes], dict(sorted(removed.items())))


def _models(judges: Sequence[Judge], labels: Sequence[Label]) -> dict[str, dict[str, Any]]:
    asked: Counter[str] = Counter(label.model for label in labels)
    scored: Counter[str] = Counter(label.model for label in labels if label.probability is not None)
    return {
        one.model: {"asked": asked[one.model], "scored": scored[one.model], "first_error": one.failure}
        for one in judges
    }


def _sides(people: Sequence[History]) -> tuple[Count, Count]:
    context = [one.only(choice for choice in one if choice.split == "context") for one in people]
    target = [one.only(choice for choice in one if choice.split == "target") for one in people]
    return count(context), count(target)


def _row(label: Label) -> dict[str, Any]:
    return {name: value for name, value in asdict(label).items() if value is not None}


def _digest(people: Sequence[History]) -> str:
    """64 hex digits of the choices as read; also available for hub sets."""
    state = hashlib.sha256()
    for one in people:
        for choice in one:
            state.update(orjson.dumps(as_row(choice), option=orjson.OPT_APPEND_NEWLINE))
    return state.hexdigest()


def _bare(path: str) -> str:
    """A file's name without folders, which may be private; a hub set's name unchanged."""
    return path if path.startswith("hub:") else path.rpartition("/")[2]
