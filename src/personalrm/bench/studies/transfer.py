"""The study ``transfer``: gain from a persona and demonstrations written by model A, with model B as judge."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from personalrm import prompts
from personalrm.bench.charts import Matrix
from personalrm.bench.judges import judged_all
from personalrm.bench.protocols import Method, Population, Prediction, Task
from personalrm.bench.results import BenchResult
from personalrm.bench.studies.lab import Record, StudyContext, TableRecord, caveats, settings_of
from personalrm.bench.studies.wording import points, verdict
from personalrm.errors import NotEnoughChoices, UnusableResponse
from personalrm.llm.endpoint import Endpoint
from personalrm.llm.language_model import UsageMeter
from personalrm.models.judges import seeing
from personalrm.models.judges.synthesizeme import learned
from personalrm.profile.options import Options
from personalrm.profile.records import Arm
from personalrm.stats.intervals import Paired
from personalrm.synthesis.fitting import fit, judge_context_for
from personalrm.synthesis.judging import JudgeContext

QUESTION = "Does a persona and prompt that one model wrote help another model judge?"
ARM: Arm = "persona+demonstrations"
"""The arm that every judge uses; falling back to no persona would hide a lack of transfer."""


async def study(lab: StudyContext) -> Record:
    """Run every combination of writer and judge, and every judge without a persona."""
    models = lab.languages()
    written = [Written(writer, judge, lab.options) for writer in models for judge in models]
    methods: list[str | Method] = ["default", *written]
    result = await lab.run("transfer", methods, "context-target")
    names = tuple(one.model for one in models)
    rows, cells = [], []
    for writer in names:
        gains = [_gain(result, writer, judge) for judge in names]
        cells.append(tuple(one.difference if one else None for one in gains))
        rows += [_row(result, writer, judge, one) for judge, one in zip(names, gains, strict=True)]
    plain = tuple(_row(result, None, judge, None) for judge in names)
    columns = ("written by", "judged by", "accuracy", "95 % interval", "gain over nothing", "95 % interval of it", "p")
    return Record(
        "transfer",
        QUESTION,
        (*_reading(result, names), *caveats(result)),
        (TableRecord("Accuracy by writer and judge", columns, (*plain, *rows)),),
        (Matrix("Gain over the judge without a persona", "judged by", "written by", names, names, tuple(cells), 0.0),),
        settings_of(lab, result, shown=ARM),
    )


@dataclass(frozen=True)
class Written:
    """A method whose profile is learned by one model (``writer``) and used by another (``judge``)."""

    writer: Endpoint
    judge: Endpoint
    options: Options
    probabilistic: bool = True
    personal: bool = True
    asks: bool = True

    @property
    def name(self) -> str:
        return _named(self.writer.model)

    @property
    def model(self) -> str:
        return self.judge.model

    @property
    def prompts(self) -> Mapping[str, str]:
        return prompts.hashes()

    async def learn(self, population: Population, fold: int) -> Written:
        """Return self; the method does not learn from other users."""
        return self

    async def predict(self, task: Task) -> Prediction:
        """Fit a profile with the writer model, and judge the questions with the judge model."""
        writing, judging = (UsageMeter(one, cached_too=True) for one in (self.writer, self.judge))
        context = JudgeContext()
        try:
            profile = await fit(writing, task.history, self.options)
            context, summary = judge_context_for(profile, ARM), learned(profile, ARM)
        except (NotEnoughChoices, UnusableResponse) as error:
            summary = {"note": f"no profile could be fitted: {error}"}
        answers = await judged_all(seeing(judging, context, self.options), task.questions)
        return Prediction(answers, writing.spend() + judging.spend(), summary)


def _named(writer: str) -> str:
    return f"written by {writer}"


def _gain(result: BenchResult, writer: str, judge: str) -> Paired | None:
    own, plain = result.label(_named(writer), judge), result.label("default", judge)
    return None if own is None or plain is None else result.effect(own, plain)


def _row(result: BenchResult, writer: str | None, judge: str, effect: Paired | None) -> tuple[object, ...]:
    row = result.row_of.get(result.label(_named(writer) if writer else "default", judge) or "")
    accuracy, within = (row.accuracy, (row.low, row.high)) if row else (None, None)
    gain = (effect.difference, (effect.low, effect.high), effect.p) if effect else (None, None, None)
    return writer or "nobody", judge, accuracy, within, *gain


def _reading(result: BenchResult, names: tuple[str, ...]) -> list[str]:
    found = []
    for judge, writer in itertools.product(names, names):
        own, other = result.label(_named(judge), judge), result.label(_named(writer), judge)
        if writer == judge or own is None or other is None:
            continue
        effect = result.effect(other, own)
        if effect is not None:
            what = verdict(effect, "differs from", "is not shown to differ from")
            found.append(f"With {judge} as judge, the persona written by {writer} {what} its own: {points(effect)}.")
    if len(names) == 1:
        found.append("Only one model was given: give several --model to measure transfer between models.")
    return found
