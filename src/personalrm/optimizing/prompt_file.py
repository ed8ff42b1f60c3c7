"""The prompt file: an optimised persona instruction with its provenance and scores.

One readable JSON file without dates, so that equal runs give equal bytes. Fitting needs the text only:

    save(found, "persona.json")
    text = read_prompt("persona.json")         # also a plain text file; DataError names what was expected
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from personalrm.errors import DataError, StorageError
from personalrm.files import making, read_object, replace_file, stored, to_json
from personalrm.regular_files import content_of
from personalrm.renamed import renamed

SCHEMA = 1
LONGEST = 20_000
"""Maximum characters of an instruction, about 5,000 tokens."""


@dataclass(frozen=True, slots=True)
class PromptCandidate:
    """One instruction that was tried.

    Attributes:
        number: index in the order of trial; 0 is the shipped prompt.
        origin: ``shipped``, or the optimiser that proposed it.
        parent: number of the instruction that it was made from; None for the first.
        prompt: its text; None where the guard refused it because it carries text of training people.
        score: mean score on the training people, in [0, 1]; None if refused, or tried on some of them only.
        people: number of training people it was tried on.
        refused: why the guard refused it.
    """

    number: int
    origin: str
    parent: int | None
    prompt: str | None
    score: float | None
    people: int
    refused: str | None


@dataclass(frozen=True, slots=True)
class DataSummary:
    """The data: the file's name, a fingerprint of the sampled people, and their numbers.

    ``left_out`` counts sampled people without a verified reasoning, for whom no persona can be written.
    """

    name: str
    fingerprint: str
    training: int
    held_back: int
    left_out: int


@dataclass(frozen=True, slots=True)
class PromptMetrics:
    """One prompt on the held-out people.

    ``low`` and ``high`` are the 95 % interval of the accuracy, clustered by person; None for fewer than five. ``score``
    is the mean of 1 − (1 − p)² with p the probability of the chosen response; an even guess scores 0.75.
    """

    accuracy: float | None
    low: float | None
    high: float | None
    log_loss: float | None
    score: float | None
    pairs: int
    unscored: int
    people: int


@dataclass(frozen=True, slots=True)
class Difference:
    """The candidate minus the shipped prompt on the same choices, with interval and p-value, clustered by person."""

    of: str
    difference: float
    low: float | None
    high: float | None
    p: float
    people: int
    pairs: int


@dataclass(frozen=True, slots=True)
class HoldoutScores:
    """Scores on the held-out people; ``candidate`` and ``paired`` are empty if no candidate was compared."""

    shipped: PromptMetrics
    candidate: PromptMetrics | None
    paired: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class PromptFile:
    """The result of an optimisation.

    Attributes:
        prompt: the instruction to use.
        chosen: number of the candidate whose text ``prompt`` is.
        best: number of the candidate with the highest training score.
        verdict: whether it is better than the shipped prompt, in a sentence.
        optimizer, model, proposer, verdicts, seed, trials: configuration of the run.
        versions: of the packages involved.
        prompts: hashes of the other prompts that were used.
    """

    schema: int
    prompt: str
    chosen: int
    best: int
    verdict: str
    optimizer: str
    model: str
    proposer: str
    verdicts: str
    seed: int
    trials: int
    versions: Mapping[str, str]
    prompts: Mapping[str, str]
    data: DataSummary
    scores: HoldoutScores
    lineage: tuple[PromptCandidate, ...]


def check_replaceable(path: Path) -> None:
    """StorageError if the path is a folder, or a file that is not a prompt file."""
    if path.is_dir():
        raise StorageError(f"the prompt file {path} cannot be written: it is a directory; name a file with --out")
    if not path.is_file() or path.stat().st_size == 0:
        return
    try:
        found = read_object(path, "prompt file")
    except DataError:
        found = {}
    if not {"schema", "prompt", "lineage"} <= set(found):
        raise StorageError(f"{path} is not a prompt file and is not replaced: name another file with --out")


def save(found: PromptFile, path: str | Path) -> None:
    """Write the file atomically. StorageError if it cannot be written, or another kind of file is there."""
    target = Path(path)
    check_replaceable(target)
    with stored(target), making(target.parent):
        replace_file(target, to_json(found))


def read_prompt(path: str | Path) -> str:
    """The instruction in a prompt file, or the content of a plain text file.

    Raises:
        DataError: no such file, no text, or a prompt file that is damaged or newer than this version.
    """
    source = Path(path)
    try:
        text = content_of(source, pipe=True).decode("utf-8-sig").strip()
    except OSError as error:
        raise DataError(f"the prompt {source} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise DataError(f"{source}: expected a prompt file, or an instruction as text in UTF-8") from None
    if not text.startswith("{") and source.suffix != ".json":
        return _instruction(text, source, "")
    return _instruction(read_object(source, "prompt file", SCHEMA).get("prompt"), source, ", field 'prompt'")


def _instruction(text: Any, source: Path, field: str) -> str:
    if not isinstance(text, str) or not text.strip():
        found = "an empty text" if isinstance(text, str) else "nothing" if text is None else f"{type(text).__name__}"
        raise DataError(f"{source}{field}: expected an instruction for writing a persona, found {found}")
    if len(text) > LONGEST:
        raise DataError(f"{source}{field}: expected at most {LONGEST:,} characters, found {len(text):,}")
    if any(ord(one) < 32 and one not in "\t\n\r" for one in text):
        raise DataError(f"{source}{field}: expected plain text, found control characters")
    return text.strip()


__getattr__ = renamed(
    __name__,
    {"Candidate": "PromptCandidate", "Data": "DataSummary", "Measured": "PromptMetrics", "Held": "HoldoutScores"},
)
