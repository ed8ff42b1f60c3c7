"""What lies beside the weights as ``personalrm.json``: all that is needed to use them again, and what they are.

    record = Record.read(Path("my-reward-model"))
    record.user_prompt, record.temperature

It holds counts and names of data sets, never a person's id and never a text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """A figure with what stands behind it; the interval is 95 %, by person, where it was measured."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    people: int | None = None
    pairs: int | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a model has learned from, and how many inputs (two a pair) did not fit."""

    people: int
    pairs: int
    truncated: Truncation


@dataclass(frozen=True, slots=True)
class Record:
    """See the module's docstring.

    Attributes:
        temperature: reward differences divided by it are calibrated log-odds.
        steps: of the optimizer, up to the checkpoint that was kept.
        settings: of the training, as given.
        data: names of the data sets.
        dtype: of the weights that were measured and are to be loaded.
        rows: hash of the rows that it was trained and stopped with.
        checksums: of the weights and of whatever else makes the inputs, by file.
        merged: the weights stand alone; else ``adapter/`` is laid over the backbone.
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
        """As it is written."""
        return to_json(self)

    @classmethod
    def read(cls, directory: Path) -> Record:
        """Read the record of a trained model.

        Raises:
            DataError: there is none, it is damaged, or a newer version wrote it.
        """
        if not (directory / FILE).is_file():
            raise DataError(f"{directory} holds no reward model of personalrm: {FILE} is missing")
        return read_record(directory / FILE, cls, "reward model's record", SCHEMA)
