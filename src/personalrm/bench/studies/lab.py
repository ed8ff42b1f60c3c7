"""What every study works with: people, methods, models, and a folder in which its runs can be gone on with.

lab = StudyContext(people, ("traits",), folder=Path("out"))
result = await lab.run("scaling", lab.with_plain(), "context-target", context_pairs=(2, 4, None))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from personalrm.bench.charts import Chart, as_json
from personalrm.bench.methods import Setup, asks, method_named
from personalrm.bench.plan import Design, Source
from personalrm.bench.protocols import Method
from personalrm.bench.record import SIMULATED
from personalrm.bench.results import BenchResult
from personalrm.bench.running import Progress, arun
from personalrm.errors import DataError, PersonalrmError
from personalrm.files import replace_file, stored
from personalrm.llm.endpoint import Endpoint
from personalrm.profile.options import Options

STUDIES = "studies"
_PLAIN = {"traits": "population", "traits+encoder": "population+encoder"}


@dataclass(frozen=True)
class StudyContext:
    """A place to run studies.

    Attributes:
        people: gives everybody's whole history, anew at each call.
        methods: names of the methods that are studied.
        folder: where runs and results are kept.
        models: language models, for the methods that ask one.
        options: how those fit a person.
        context_pairs: how many choices may be learned from, for the study that varies it.
        folds, seed: as in `Design`.
        data: what results call the people.
        population: other people to learn from; None takes those of the other folds.
        progress: told after each task.
        private: refuse studies that put several people's words into one prompt (`personalrm.privacy`).
    """

    people: Source
    methods: tuple[str, ...]
    folder: Path
    models: Sequence[Endpoint] = ()
    options: Options = field(default_factory=Options)
    context_pairs: tuple[int | None, ...] = (1, 2, 4, 8, None)
    folds: int = 5
    seed: int = 0
    data: str = ""
    population: Source | None = None
    progress: Progress | None = None
    private: bool = False

    async def run(
        self,
        name: str,
        methods: Sequence[str | Method],
        protocol: str,
        context_pairs: Sequence[int | None] = (None,),
        people: Source | None = None,
    ) -> BenchResult:
        """Predict by each method; what is finished lies in ``folder/studies/name`` and is not asked again.

        Raises:
            PersonalrmError: no method could be finished; a study of nothing is none.
        """
        found = await arun(
            people or self.people,
            methods,
            Design(protocol, self.folds, self.seed, self.data),
            population=self.population,
            models=self.models,
            options=self.options,
            context_pairs=context_pairs,
            folder=self.folder / STUDIES / name,
            progress=self.progress,
        )
        if found.failed and not found.lines:
            method, why = next(iter(found.failed.items()))
            raise PersonalrmError(f"{method} could not be finished: {why}; what was answered is kept")
        return found

    def made(self, name: str) -> list[Method]:
        """The method of that name, once for each model where it asks one."""
        if not asks(name):
            return [method_named(name, Setup(self.seed, None, self.options))]
        return [method_named(name, Setup(self.seed, model, self.options)) for model in self.models]

    def personal(self) -> tuple[str, ...]:
        """The methods that learn from a person's choices. DataError if there are none to study."""
        found = tuple(name for name in self.methods if self.made(name) and self.made(name)[0].personal)
        if not found:
            raise DataError("this study needs a method that learns from choices, such as traits or synthesizeme")
        return found

    def with_plain(self) -> tuple[str, ...]:
        """The personal methods, and before each the one that it is without the person."""
        return tuple(dict.fromkeys(one for name in self.personal() for one in (plain_of(name), name)))

    def languages(self) -> Sequence[Endpoint]:
        """The language models. DataError if there is none."""
        if not self.models:
            raise DataError("this study asks a language model: name it with --model (and --base-url)")
        return self.models


def plain_of(name: str) -> str:
    """What a personal method is where it knows nothing of the person."""
    return _PLAIN.get(name, "default")


@dataclass(frozen=True, slots=True)
class TableRecord:
    """A table as JSON values: two numbers in a cell are an interval."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One study's answer: the question, what was found in sentences, tables and charts, and how it was asked."""

    study: str
    question: str
    reading: tuple[str, ...]
    tables: tuple[TableRecord, ...] = ()
    charts: tuple[Chart, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


def keep(record: Record, folder: Path) -> Path:
    """Write ``studies/NAME.json``; equal studies give equal bytes. Raises StorageError."""
    path = folder / STUDIES / f"{record.study}.json"
    written = {
        "study": record.study,
        "question": record.question,
        "reading": record.reading,
        "tables": record.tables,
        "charts": [as_json(one) for one in record.charts],
        "settings": record.settings,
    }
    with stored(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, [orjson.dumps(written, option=orjson.OPT_INDENT_2)])
    return path


def settings_of(lab: StudyContext, result: BenchResult, **more: Any) -> dict[str, Any]:
    """How a study was asked, for its readers; with what could not be finished."""
    return {
        "data": lab.data,
        "fingerprint": result.fingerprint,
        "protocol": result.design.protocol,
        "seed": lab.seed,
        "models": [one.model for one in lab.models],
        **more,
        **({"failed": result.failed} if result.failed else {}),
    }


def caveats(result: BenchResult) -> list[str]:
    """What a reader must know before quoting anything: simulated people, lines that could not be finished."""
    found = [f"{label} could not be finished and is left out: {why}." for label, why in result.failed.items()]
    if any(one.user.startswith(SIMULATED) for one in result.asked):
        found.append("These people are simulated: nothing here is an accuracy on people.")
    return found
