"""The context of a study (users, methods, models, output folder) and the record that it writes.

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
from personalrm.files import json_bytes, making, replace_file, stored
from personalrm.llm.endpoint import Endpoint
from personalrm.profile.options import Options

STUDIES = "studies"
_PLAIN = {"traits": "population", "traits+encoder": "population+encoder"}


@dataclass(frozen=True)
class StudyContext:
    """Everything a study needs to run methods.

    Attributes:
        people: returns the histories of all users at each call.
        methods: names of the methods to study.
        folder: output folder for runs and results.
        models: language models, for the methods that ask one.
        options: options with which judges are fitted to a user.
        context_pairs: maximum numbers of choices to learn from, for the study that varies it; None: all.
        folds, seed: as in `Design`.
        data: name of the data in results.
        population: other users to learn from; None: those of the other folds.
        progress: called after each task.
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
        """Run the methods; completed tasks are stored in ``folder/studies/name`` and not repeated.

        Raises:
            PersonalrmError: no method finished.
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
            raise PersonalrmError(f"{method} did not finish: {why}; completed answers are kept")
        return found

    def made(self, name: str) -> list[Method]:
        """Create the method of that name; one for each language model if it asks one."""
        if not asks(name):
            return [method_named(name, Setup(self.seed, None, self.options))]
        return [method_named(name, Setup(self.seed, model, self.options)) for model in self.models]

    def personal(self) -> tuple[str, ...]:
        """Names of the methods that learn from a user's choices. Raises DataError if there is none."""
        found = tuple(name for name in self.methods if self.made(name) and self.made(name)[0].personal)
        if not found:
            raise DataError("this study needs a method that learns from choices, such as traits or synthesizeme")
        return found

    def with_plain(self) -> tuple[str, ...]:
        """Names of the personalized methods, each preceded by its version without the user."""
        return tuple(dict.fromkeys(one for name in self.personal() for one in (plain_of(name), name)))

    def languages(self) -> Sequence[Endpoint]:
        """The language models. Raises DataError if there is none."""
        if not self.models:
            raise DataError("this study asks a language model: name it with --model (and --base-url)")
        return self.models


def plain_of(name: str) -> str:
    """Name of the version of a personalized method that uses no choices of the user."""
    return _PLAIN.get(name, "default")


@dataclass(frozen=True, slots=True)
class TableRecord:
    """A table of JSON values; a cell with two numbers is an interval."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Record:
    """The result of a study: its question, summary sentences, tables, charts and settings."""

    study: str
    question: str
    reading: tuple[str, ...]
    tables: tuple[TableRecord, ...] = ()
    charts: tuple[Chart, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


def keep(record: Record, folder: Path) -> Path:
    """Write ``studies/NAME.json`` and return its path; equal studies write equal bytes. Raises StorageError."""
    path = folder / STUDIES / f"{record.study}.json"
    written = {
        "study": record.study,
        "question": record.question,
        "reading": record.reading,
        "tables": record.tables,
        "charts": [as_json(one) for one in record.charts],
        "settings": record.settings,
    }
    with stored(path), making(path.parent):
        replace_file(path, [json_bytes(written, orjson.OPT_INDENT_2)])
    return path


def settings_of(lab: StudyContext, result: BenchResult, **more: Any) -> dict[str, Any]:
    """The settings of a study for its record, with the methods that did not finish."""
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
    """Warning sentences for the record: methods that did not finish, and simulated users."""
    found = [f"{label} did not finish and is left out: {why}." for label, why in result.failed.items()]
    if any(one.user.startswith(SIMULATED) for one in result.asked):
        found.append("These people are simulated: nothing here is an accuracy on people.")
    return found
