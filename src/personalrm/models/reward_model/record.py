"""Metadata beside the weights, ``personalrm.json``: what is needed to use them, and where they come from.

    record = Record.read(Path("my-reward-model"))
    record.user_prompt, record.temperature

It holds counts and names of data sets, never a person's id or text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from personalrm.errors import DataError
from personalrm.files import read_record, to_json
from personalrm.models.reward_model.backbones import Backbone
from personalrm.models.reward_model.inputs import Truncation
from personalrm.models.reward_model.user_prompts import Kind

FILE = "personalrm.json"
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with its sample size; the interval is 95 %, clustered by user, where computed."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    people: int | None = None
    pairs: int | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """Training or validation data: people, pairs, and truncated inputs (two per pair)."""

    people: int
    pairs: int
    truncated: Truncation


@dataclass(frozen=True, slots=True)
class Record:
    """See the module's docstring.

    Attributes:
        temperature: reward differences divided by it are calibrated log-odds.
        steps: optimizer steps up to the checkpoint that was kept.
        settings: of the training, as given.
        data: names of the data sets.
        dtype: of the weights in evaluation and inference.
        rows: hash of the training and validation rows.
        checksums: of the weights and of all files that determine the inputs.
        merged: whether the weights are complete; else ``adapter/`` is applied to the backbone.
    """

    backbone: Backbone
    user_prompt: Kind
    max_length: int
    temperature: float
    seed: int
    steps: int
    training: Counts
    validation: Counts
    settings: Mapping[str, Any]
    data: tuple[str, ...] = ()
    licence: str | None = None
    metrics: tuple[Metric, ...] = ()
    merged: bool = True
    dtype: Literal["float32", "bfloat16"] = "float32"
    versions: Mapping[str, str] = field(default_factory=dict)
    rows: str = ""
    checksums: Mapping[str, str] = field(default_factory=dict)
    schema: int = SCHEMA

    def as_json(self) -> bytes:
        """The bytes of the file."""
        return to_json(self)

    @classmethod
    def read(cls, directory: Path) -> Record:
        """Read the record of a trained model.

        Raises:
            DataError: it is missing, damaged, or from a newer version.
        """
        if not (directory / FILE).is_file():
            raise DataError(f"{directory} holds no reward model of personalrm: {FILE} is missing")
        found = read_record(directory / FILE, cls, "reward model's record", SCHEMA)
        _check_prompt_characters(found.settings.get("prompt_characters"), directory / FILE)
        return replace(found, metrics=tuple(map(_of_population, found.metrics)))  # 0.1 called it everybody's


def _check_prompt_characters(found: object, path: Path) -> None:
    """The only setting of the training that predictions need."""
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise DataError(
            f"the reward model's record {path}, field 'settings.prompt_characters': expected a number of characters, "
            f"found {found!r:.40}"
        )


def _of_population(one: Metric) -> Metric:
    return replace(one, name=one.name.replace("everybody:", "population:"))
