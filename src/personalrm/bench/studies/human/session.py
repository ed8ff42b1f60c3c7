"""A participant's way through the study, kept line by line, so that it goes on where it was left.

``study.json`` holds the protocol and a fingerprint of the pairs, ``participants/CODE.jsonl`` what one participant has
said: each line is written to the disk before the next step is shown.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import numpy as np
import orjson

from personalrm.bench.studies.human.analysis import Analysis, Rated, analyse
from personalrm.bench.studies.human.material import Statement, generic_claims, own_claims, statements
from personalrm.bench.studies.human.protocol import CONSENT, SCALE, Protocol
from personalrm.errors import DataError
from personalrm.files import checked, content_of, read_object, replace_file, stored, to_json
from personalrm.models.traits import TraitsModel
from personalrm.preferences import Message, Preference

SCHEMA = 1
CODE = re.compile(r"(simulated-)?p-[0-9a-f]{8}")
Picked = Literal["left", "right", "neither"]


@dataclass(frozen=True, slots=True)
class Consent:
    """To be shown and agreed to first."""

    text: str


@dataclass(frozen=True, slots=True)
class Choose:
    """The next pair: ``number`` of ``total``."""

    number: int
    total: int
    context: tuple[Message, ...]
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Wait:
    """All choices are made, but there is no stranger yet whose persona could be rated."""


@dataclass(frozen=True, slots=True)
class Rate:
    """The next claim: ``number`` of ``total``."""

    number: int
    total: int
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Everything is said; also where every pair was answered with "neither", so that there is no persona to rate."""


Step = Consent | Choose | Wait | Rate | Finished


class HumanStudy:
    """One study in one folder; made by `open`."""

    def __init__(self, folder: Path, pairs: Sequence[Preference], protocol: Protocol, model: TraitsModel) -> None:
        self.folder, self.pairs, self.protocol, self.model = folder, pairs, protocol, model

    @classmethod
    def open(
        cls,
        folder: Path,
        pairs: Sequence[Preference],
        protocol: Protocol | None = None,
        model: TraitsModel | None = None,
    ) -> HumanStudy:
        """A new study, or one that has begun.

        Args:
            folder: of the study.
            pairs: that participants choose between; who made these choices, and which, is not used.
            protocol: of a new study; of one that has begun None, or the same.
            model: with the prior for people in general; None takes the one that ships.

        Raises:
            DataError: too few pairs; the folder holds a study of other pairs or another protocol.
            StorageError: the folder cannot be written.
        """
        distinct = list({(one.context, frozenset((one.chosen, one.rejected))): one for one in pairs}.values())
        file = folder / "study.json"
        mark = _fingerprint(distinct)
        if file.exists():
            found = read_object(file, "study", SCHEMA)
            begun = checked(found.get("protocol"), Protocol, f"the study {file}, field 'protocol'")
            if found.get("pairs") != mark:
                raise DataError(f"{folder} holds a study of other pairs: name another --out, or the same pairs again")
            if protocol is not None and protocol != begun:
                raise DataError(f"{folder} holds a study of another protocol; it cannot be changed once it has begun")
            return cls(folder, distinct, begun, model or TraitsModel.shipped())
        fresh = protocol or Protocol()
        if len(distinct) < fresh.choices:
            raise DataError(f"the study needs {fresh.choices} different pairs, the file holds {len(distinct)}")
        with stored(folder):
            (folder / "participants").mkdir(parents=True, exist_ok=True)
            record = {"schema": SCHEMA, "pairs": mark, "protocol": asdict(fresh), "planned": fresh.planned}
            replace_file(file, to_json(record), private=True)
        return cls(folder, distinct, fresh, model or TraitsModel.shipped())

    def session(self, code: str | None = None) -> Session:
        """Of a new participant, or of one who has a code. DataError if the study knows no such code."""
        if code is None:
            mark = "simulated-" if self.protocol.simulated else ""
            return Session(self, f"{mark}p-{secrets.token_hex(4)}")
        if not CODE.fullmatch(code) or not self._file(code).exists():
            raise DataError(f"this study knows no participant '{code[:40]}'")
        return Session(self, code)

    def codes(self) -> list[str]:
        """Of everybody who has agreed to take part."""
        return sorted(one.stem for one in (self.folder / "participants").glob("*.jsonl") if CODE.fullmatch(one.stem))

    def analyse(self) -> Analysis:
        """Over everybody who has finished; see `analysis`."""
        sessions = [self.session(code) for code in self.codes()]
        done = [one for one in sessions if one.statements and isinstance(one.step(), Finished)]
        rated = [Rated(one.code, one.statements, one.ratings) for one in done]
        return analyse(rated, len(sessions), self.protocol)

    def _file(self, code: str) -> Path:
        return self.folder / "participants" / f"{code}.jsonl"


class Session:
    """One participant; see the module's docstring."""

    def __init__(self, study: HumanStudy, code: str) -> None:
        self._study, self.code = study, code
        self._path = study.folder / "participants" / f"{code}.jsonl"
        self._agreed = False
        self.picks: list[Picked] = []
        self.statements: tuple[Statement, ...] = ()
        self.ratings: list[int] = []
        self._read()
        seed = [study.protocol.seed, *code.encode()]
        self._order = np.random.default_rng(seed).permutation(len(study.pairs))[: study.protocol.choices]
        self._flipped = np.random.default_rng([1, *seed]).random(len(self._order)) < 0.5

    def step(self) -> Step:
        """What comes next; the claims are drawn when the last choice is made and there is somebody else."""
        if not self._agreed:
            return Consent(CONSENT)
        if len(self.picks) < len(self._order):
            at = len(self.picks)
            pair, (left, right) = self._pair(at), self._sides(at)
            return Choose(at + 1, len(self._order), pair.context, left, right)
        if not self.has_chosen():
            return Finished()
        if not self.statements and not self._draw():
            return Wait()
        if len(self.ratings) < len(self.statements):
            at = len(self.ratings)
            return Rate(at + 1, len(self.statements), self.statements[at].text)
        return Finished()

    def agree(self) -> None:
        """Take part."""
        self._write({"event": "consent", "text": blake2b(CONSENT.encode(), digest_size=8).hexdigest()})
        self._agreed = True

    def choose(self, picked: Picked) -> None:
        """Answer the pair that `step` shows."""
        if not isinstance(self.step(), Choose) or picked not in ("left", "right", "neither"):
            raise DataError("expected left, right or neither, for a pair that is shown")
        self._write({"event": "choice", "pair": self._pair(len(self.picks)).id, "picked": picked})
        self.picks.append(picked)

    def rate(self, value: int) -> None:
        """Rate the claim that `step` shows."""
        if not isinstance(self.step(), Rate) or not SCALE[0] <= value <= SCALE[1]:
            raise DataError(f"expected {SCALE[0]} to {SCALE[1]}, for a sentence that is shown")
        self._write({"event": "rating", "statement": len(self.ratings), "value": value})
        self.ratings.append(value)

    def choices(self) -> list[Preference]:
        """What the participant has chosen so far; neither is a tie."""
        return [self._chosen(at, picked) for at, picked in enumerate(self.picks)]

    def has_chosen(self) -> bool:
        """Whether all choices are made, one of them decided."""
        return len(self.picks) == len(self._order) and any(one != "neither" for one in self.picks)

    def _pair(self, at: int) -> Preference:
        return self._study.pairs[int(self._order[at])]

    def _sides(self, at: int) -> tuple[str, str]:
        pair = self._pair(at)
        first, second = sorted((pair.chosen, pair.rejected))
        return (second, first) if self._flipped[at] else (first, second)

    def _chosen(self, at: int, picked: Picked) -> Preference:
        left, right = self._sides(at)
        chosen, rejected = (right, left) if picked == "right" else (left, right)
        pair = self._pair(at)
        return Preference(
            id=pair.id,
            user=self.code,
            group=f"{at}",
            context=pair.context,
            chosen=chosen,
            rejected=rejected,
            tie=picked == "neither",
        )

    def _draw(self) -> bool:
        """Draw the claims; false while there is no stranger."""
        others = [self._study.session(one) for one in self._study.codes() if one != self.code]
        strangers = [one for one in others if one.has_chosen()]
        if not strangers:
            return False
        rng = np.random.default_rng([2, self._study.protocol.seed, *self.code.encode()])
        stranger = strangers[int(rng.integers(len(strangers)))]
        model, most = self._study.model, self._study.protocol.statements
        arms = {
            "own": own_claims(model, self.choices(), most),
            "stranger": own_claims(model, stranger.choices(), most),
            "generic": generic_claims(model, most),
        }
        made = statements(arms, rng)
        self._write({"event": "claims", "claims": [asdict(one) for one in made], "stranger": stranger.code})
        self.statements = tuple(made)
        return True

    def _write(self, event: dict[str, Any]) -> None:
        line = orjson.dumps(event) + b"\n"
        with stored(self._path):
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(file, line)
                os.fsync(file)
            finally:
                os.close(file)

    def _read(self) -> None:
        if not self._path.exists():
            return
        content = content_of(self._path)
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):  # a line that a crash has cut off was never answered to
            with stored(self._path):
                os.truncate(self._path, len(whole))
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                self._take(orjson.loads(line))
            except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
                raise DataError(f"{self._path}, line {number}: damaged ({error!r})") from None

    def _take(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "consent":
            self._agreed = True
        elif kind == "choice":
            self.picks.append(event["picked"])
        elif kind == "claims":
            self.statements = tuple(Statement(one["text"], tuple(one["arms"])) for one in event["claims"])
        elif kind == "rating":
            self.ratings.append(int(event["value"]))


def _fingerprint(pairs: Sequence[Preference]) -> str:
    rows = [[[(turn.role, turn.content) for turn in one.context], sorted((one.chosen, one.rejected))] for one in pairs]
    return blake2b(orjson.dumps(rows), digest_size=16).hexdigest()
