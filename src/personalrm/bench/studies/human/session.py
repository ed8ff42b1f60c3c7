"""Sessions of the human study: the steps of a participant follow from a list of events stored in a `ParticipantLog`.

Each event is stored before the next step is shown, so that a participant can resume.
"""

from __future__ import annotations

import secrets
import typing
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import numpy as np

from personalrm.bench.studies.human.analysis import Analysis, Rated, analyse
from personalrm.bench.studies.human.folder import StudyFolder
from personalrm.bench.studies.human.material import Statement, generic_claims, own_claims, statements
from personalrm.bench.studies.human.protocol import CONSENT, SCALE, Event, Protocol
from personalrm.errors import DataError
from personalrm.models.traits import TraitsModel
from personalrm.preferences import Message, Preference

Picked = Literal["left", "right", "neither"]


@dataclass(frozen=True, slots=True)
class Consent:
    """Step: the consent text, to be agreed to first."""

    text: str


@dataclass(frozen=True, slots=True)
class Choose:
    """Step: choose between two responses; pair ``number`` of ``total``."""

    number: int
    total: int
    context: tuple[Message, ...]
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Step: all choices are made, but no other participant has finished choosing yet."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Step: rate claim ``number`` of ``total``."""

    number: int
    total: int
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Step: the session is complete; also if every pair was answered with "neither" and there is no persona to rate."""


Step = Consent | Choose | Wait | Rate | Finished


class ParticipantLog(typing.Protocol):
    """Storage of events: an append-only list for each participant's code."""

    def events(self, code: str) -> list[Event]:
        """The events of a participant, in order; empty for an unknown code."""

    def all_events(self) -> Mapping[str, list[Event]]:
        """The events of every participant, by code."""

    def append(self, code: str, place: int, event: Event) -> None:
        """Store an event as number ``place`` of the participant. Raises StoreConflict if that number exists."""


class HumanStudy:
    """A human study.

    Args:
        pairs: the distinct pairs that participants choose between (`distinct_pairs`).
        protocol: the protocol fixed at the start of the study.
        model: the traits model whose prior is the population mean.
        log: storage of events.
    """

    def __init__(
        self, pairs: Sequence[Preference], protocol: Protocol, model: TraitsModel, log: ParticipantLog
    ) -> None:
        self.pairs, self.protocol, self.model, self.log = pairs, protocol, model, log

    @classmethod
    def open(
        cls,
        folder: Path,
        pairs: Sequence[Preference],
        protocol: Protocol | None = None,
        model: TraitsModel | None = None,
    ) -> HumanStudy:
        """Create a study in a folder, or open an existing one.

        Args:
            folder: of the study.
            pairs: that participants choose between; who made these choices, and which, is not used.
            protocol: of a new study; of one that has begun None, or the same.
            model: with the prior for people in general; None takes the one that ships.

        Raises:
            DataError: too few pairs; the folder holds a study of other pairs or another protocol.
            StorageError: the folder cannot be written.
        """
        log = StudyFolder(folder)
        distinct, begun = log.open(pairs, protocol)
        return cls(distinct, begun, model or TraitsModel.shipped(), log)

    def session(self, code: str | None = None) -> Session:
        """The session of a new participant, or of the one with this code. Raises DataError for an unknown code."""
        if code is None:
            mark = "simulated-" if self.protocol.simulated else ""
            return Session(self, f"{mark}p-{secrets.token_hex(4)}", ())
        events = self.log.events(code)
        if not events:
            raise DataError(f"this study has no participant '{code[:40]}'")
        return Session(self, code, events)

    def sessions(self) -> list[Session]:
        """The sessions of all participants who gave consent, sorted by code."""
        return [Session(self, code, events) for code, events in sorted(self.log.all_events().items())]

    def codes(self) -> list[str]:
        """Codes of all participants who gave consent, sorted."""
        return sorted(self.log.all_events())

    def analyse(self) -> Analysis:
        """Analyse the ratings of all participants who have finished; see `analysis`."""
        return self.analysis_of(self.sessions())

    def analysis_of(self, sessions: Sequence[Session]) -> Analysis:
        """Over those of these participants who have finished."""
        rated = [Rated(one.code, one.statements, one.ratings) for one in sessions if one.has_rated()]
        return analyse(rated, len(sessions), self.protocol)


class Session:
    """The session of one participant."""

    def __init__(self, study: HumanStudy, code: str, events: Sequence[Event]) -> None:
        self._study, self.code = study, code
        self._agreed = False
        self.place = 0
        """How many events there are; the next one gets this number."""
        self.picks: list[Picked] = []
        self.statements: tuple[Statement, ...] = ()
        self.ratings: list[int] = []
        for event in events:
            try:
                self._take(event)
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(f"participant {code}, event {self.place + 1}: damaged ({error!r})") from None
        seed = [study.protocol.seed, *code.encode()]
        self._order = np.random.default_rng(seed).permutation(len(study.pairs))[: study.protocol.choices]
        self._flipped = np.random.default_rng([1, *seed]).random(len(self._order)) < 0.5

    def step(self) -> Step:
        """The next step; draws the claims once all choices are made and another participant has finished choosing."""
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
        """Record the participant's consent."""
        self._keep({"event": "consent", "text": blake2b(CONSENT.encode(), digest_size=8).hexdigest()})

    def choose(self, picked: Picked) -> None:
        """Record the answer to the pair that `step` shows. Raises DataError for another value or step."""
        if not isinstance(self.step(), Choose) or picked not in ("left", "right", "neither"):
            raise DataError("expected left, right or neither, while a pair is shown")
        self._keep({"event": "choice", "pair": self._pair(len(self.picks)).id, "picked": picked})

    def rate(self, value: int) -> None:
        """Record the rating of the claim that `step` shows. Raises DataError for another value or step."""
        if not isinstance(self.step(), Rate) or not SCALE[0] <= value <= SCALE[1]:
            raise DataError(f"expected {SCALE[0]} to {SCALE[1]}, while a claim is shown")
        self._keep({"event": "rating", "statement": len(self.ratings), "value": value})

    def choices(self) -> list[Preference]:
        """The participant's choices so far; "neither" is a tie."""
        return [self._chosen(at, picked) for at, picked in enumerate(self.picks)]

    def has_chosen(self) -> bool:
        """Whether all choices are made and at least one is decided."""
        return len(self.picks) == len(self._order) and any(one != "neither" for one in self.picks)

    def has_rated(self) -> bool:
        """Whether every claim is rated."""
        return bool(self.statements) and len(self.ratings) == len(self.statements)

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
        """Draw the claims and return True; False while no other participant has finished choosing."""
        strangers = [one for one in self._study.sessions() if one.code != self.code and one.has_chosen()]
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
        self._keep({"event": "claims", "claims": [asdict(one) for one in made], "stranger": stranger.code})
        return True

    def _keep(self, event: Event) -> None:
        self._study.log.append(self.code, self.place, event)
        self._take(event)

    def _take(self, event: Event) -> None:
        kind = event["event"]
        if kind == "consent":
            self._agreed = True
        elif kind == "choice":
            self.picks.append(event["picked"])
        elif kind == "claims":
            self.statements = tuple(Statement(one["text"], tuple(one["arms"])) for one in event["claims"])
        elif kind == "rating":
            self.ratings.append(int(event["value"]))
        self.place += 1
