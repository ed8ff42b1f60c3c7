"""Studies with people in a space: `HumanStudy` with the store as its log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from threading import Lock
from typing import Any

from personalrm.bench.studies.human import CONSENT, Event, HumanStudy, Protocol, distinct_pairs
from personalrm.data.candidates import Candidate
from personalrm.errors import DataError
from personalrm.files import checked
from personalrm.models.traits import TraitsModel
from personalrm.preferences import ME, Preference
from personalrm.recently_used import RecentlyUsed
from personalrm.store.store import SpaceStore

MOST_PAIRS = 5000
_KEPT = 16


class StoredLog:
    """The `ParticipantLog` of a study in the store."""

    def __init__(self, space: SpaceStore, number: int) -> None:
        self._studies, self._number = space.studies, number

    def events(self, code: str) -> list[Event]:
        """See `ParticipantLog`."""
        return self._studies.events(self._number, code)

    def all_events(self) -> Mapping[str, list[Event]]:
        """See `ParticipantLog`."""
        return self._studies.all_events(self._number)

    def append(self, code: str, place: int, event: Event) -> None:
        """See `ParticipantLog`."""
        self._studies.append(self._number, code, place, event)


class OpenStudies:
    """Cache of recently used studies: their pairs and protocols never change, so they are read once."""

    def __init__(self) -> None:
        self._known = RecentlyUsed[tuple[int, int], HumanStudy](_KEPT)
        self._lock = Lock()

    def get(self, space: SpaceStore, number: int) -> HumanStudy:
        """The study of that number. UnknownStudy if the space has none."""
        with self._lock:
            found = self._known.get((space.id, number))
        if found is not None:
            return found
        stored = space.studies.get(number)
        protocol = checked(dict(stored.protocol), Protocol, f"study {number}, its protocol")
        pairs = [_preference(one) for one in space.studies.pairs(number)]
        made = HumanStudy(pairs, protocol, TraitsModel.shipped(), StoredLog(space, number))
        with self._lock:
            return self._known.keep((space.id, number), made)

    def drop(self, space: SpaceStore, number: int) -> None:
        """Remove a study and its texts from memory."""
        with self._lock:
            self._known.drop((space.id, number))


def begin(space: SpaceStore, name: str, protocol: Protocol, pairs: Sequence[Candidate], key_id: str) -> int:
    """Create a study and return its number. DataError for too few or too many pairs, or an invalid name."""
    distinct = distinct_pairs([_preference(one) for one in pairs], protocol)
    if len(distinct) > MOST_PAIRS:
        raise DataError(f"a study has at most {MOST_PAIRS} pairs, found {len(distinct)}")
    return space.studies.create(name, asdict(protocol), [Candidate.of(one) for one in distinct], key_id)


def exported(study: HumanStudy, name: str) -> dict[str, Any]:
    """A study's protocol, pairs, events of each participant, and analysis."""
    pairs = [
        {
            "id": one.id,
            "context": [{"role": turn.role, "content": turn.content} for turn in one.context],
            "a": one.chosen,
            "b": one.rejected,
        }
        for one in study.pairs
    ]
    told = {"name": name, "consent": CONSENT, "protocol": asdict(study.protocol), "planned": study.protocol.planned}
    found = {"participants": study.log.all_events(), "analysis": study.analyse().as_json()}
    return {"format": "personalrm-study", "version": 1, **told, "pairs": pairs, **found}


def _preference(one: Candidate) -> Preference:
    """A pair in the format of a study; which response is called chosen has no meaning here."""
    return Preference(id=one.id, user=ME, group=one.group, context=one.context, chosen=one.a, rejected=one.b)
