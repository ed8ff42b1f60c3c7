"""A prompt file: the persona prompt that an optimisation ended with, where it comes from and what it was worth.

One readable JSON file without dates, so that equal runs give equal bytes. Whoever fits needs the text alone:

    save(found, "persona.json")
    text = read_prompt("persona.json")         # also a plain text file; DataError says what was expected
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from personalrm.errors import DataError, StorageError
from personalrm.files import read_object, replace_file, stored, to_json

SCHEMA = 1
LONGEST = 20_000
"""Characters of an instruction: five thousand tokens in front of every persona are no instruction but a mistake."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One instruction that was tried.

    Attributes:
        number: place in the order of trial; 0 is the prompt that ships.
        origin: ``shipped``, or the optimiser that proposed it.
        parent: number of the instruction that it was made from; None for the first.
        prompt: its text; None where the guard refused it for what it carries of the training people.
        score: mean score on the training people, in [0, 1]; None if refused, or tried on a part of them only.
        people: training people it was tried on.
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
class Data:
    """What was learned from: the file's name, a fingerprint of the people drawn, and how many there were.

    ``left_out`` counts people drawn of whom no reasoning was verified: no prompt can write a persona of them.
    """

    name: str
    fingerprint: str
    training: int
    held_back: int
    left_out: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One prompt on the people held back.

    ``low`` and ``high`` are the 95 % interval of the accuracy over people; None for fewer than five. ``score`` is
    the mean of 1 − (1 − p)² with p the probability of the choice: 0.75 is knowing nothing.
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
    """The candidate minus the shipped prompt on the same choices, with its interval and p-value by person."""

    of: str
    difference: float
    low: float | None
    high: float | None
    p: float
    people: int
    pairs: int


@dataclass(frozen=True, slots=True)
class Held:
    """Scores on the people held back. ``candidate`` and ``paired`` are absent where no candidate was to be compared."""

    shipped: Measured
    candidate: Measured | None
    paired: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class PromptFile:
    """Everything an optimisation found.

    Attributes:
        prompt: the instruction to use.
        chosen: number of the candidate whose text ``prompt`` is.
        best: number of the candidate that was best on the training people.
        verdict: in a sentence, whether it is better than what ships.
        optimizer, model, proposer, verdicts, seed, trials: how it was found.
        versions: of the packages that took part.
        prompts: hashes of the shipped prompts that it was tried with.
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
    data: Data
    scores: Held
    lineage: tuple[Candidate, ...]


def check_replaceable(path: Path) -> None:
    """StorageError if no prompt file may be written there: a folder, or a file that is none of ours."""
    if path.is_dir():
        raise StorageError(f"the prompt file {path} cannot be written: it is a directory; name a file with --out")
    if not path.is_file() or path.stat().st_size == 0:
        return
    try:
        found = read_object(path, "prompt file")
    except DataError:
        found = {}
    if not {"schema", "prompt", "lineage"} <= set(found):
        raise StorageError(f"{path} is no prompt file and is not replaced: name another file with --out")


def save(found: PromptFile, path: str | Path) -> None:
    """Write the file whole or not at all. StorageError if it cannot be written, or another file stands there."""
    target = Path(path)
    check_replaceable(target)
    with stored(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, to_json(found))


def read_prompt(path: str | Path) -> str:
    """The instruction in a prompt file, or a plain text file as it is.

    Raises:
        DataError: no such file, no text, or a prompt file that is damaged or newer than this version.
    """
    source = Path(path)
    try:
        text = source.read_bytes().decode("utf-8-sig").strip()
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
