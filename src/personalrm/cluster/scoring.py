"""Scores of people's pairs by their own profiles: one file of scores for each file of profiles.

For each choice of a person with a profile: the probability that the response which the data calls chosen is preferred,
and the score of each response (log-odds, to be compared within a conversation). Whose labels are right does not matter:
to score candidates, name either one chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from personalrm.client import Client
from personalrm.cluster.folder import ClusterFolder, ShardRecord, Trouble, write_record
from personalrm.cluster.people import people_of
from personalrm.cluster.running import FitRun
from personalrm.errors import DataError
from personalrm.models.registry import is_local
from personalrm.preferences import History
from personalrm.profile.records import Profile
from personalrm.profile.table import ProfileTable, file_name, read_profiles, read_stamp, write_rows

SCORES = "scores"
COLUMNS = {"user": "string", "id": "string", "probability": "float64", "chosen": "float64", "rejected": "float64"}


@dataclass(frozen=True, slots=True)
class ScoreRun(FitRun):
    """See `FitRun`; ``profiles`` is a folder that a finished run of ``cluster fit`` wrote."""

    profiles: Path = Path()

    @property
    def kind(self) -> str:
        """What its files are called."""
        return SCORES

    def count(self) -> int:
        """As many shards as there are files of profiles, so that each needs one of them."""
        return len(ProfileTable(self.profiles).files)

    def depends_on(self) -> dict[str, object]:
        """What the profiles were made from."""
        return {"profiles": [read_stamp(one) for one in ProfileTable(self.profiles).files]}

    def job(self, shard: int, shards: int, key: str, limits: str | None) -> ScoreShard:
        """Of one shard."""
        return ScoreShard(self.out, shards, shard, len(self.files), self.profiles, key)


@dataclass(frozen=True, slots=True)
class ScoreShard:
    """Score everybody of a shard; see `fitting.FitShard` for the fields."""

    root: Path
    shards: int
    shard: int
    inputs: int
    profiles: Path
    key: str

    @property
    def name(self) -> str:
        return f"shard {self.shard} of {self.shards}"

    def run(self) -> ShardRecord:
        """Write the scores, then the record of the shard."""
        folder = ClusterFolder(self.root, self.shards, SCORES)
        profiles = {one.user: one for one in read_profiles(self.profiles / file_name(self.shard, self.shards))}
        rows: list[tuple[Any, ...]] = []
        troubles, people = [], 0
        for person in people_of(folder, self.shard, self.inputs):
            profile = profiles.get(person.history.user)
            try:
                rows += _scored(profile, person.history)
                people += 1
            except DataError as error:
                troubles.append(Trouble(person.file, person.history.user, str(error)))
        write_rows(folder.output(self.shard), COLUMNS, rows, {"key": self.key})
        record = ShardRecord(self.key, people, len(rows), troubles=tuple(troubles))
        write_record(folder.shard_record(self.shard), record)
        return ShardRecord(self.key, people, len(rows))


def _scored(profile: Profile | None, history: History) -> Iterator[tuple[Any, ...]]:
    """A row of `COLUMNS` for each choice. DataError if that is not possible."""
    if profile is None:
        raise DataError("there is no profile of this user")
    if not is_local(profile.model):
        raise DataError(f"the profile was fitted with {profile.model}, which asks a model: use evaluate or compare")
    client = _client()
    verdicts = client.compare_many(profile, [(one.context, one.chosen, one.rejected) for one in history])
    found = []
    for one, verdict in zip(history, verdicts, strict=True):
        ((chosen, rejected),) = client.score_many([profile], one.context, [one.chosen, one.rejected])
        found.append((history.user, one.id, verdict.probability, chosen, rejected))
    return iter(found)


@lru_cache(maxsize=1)
def _client() -> Client:
    """One a process; each profile is used once, so that few are kept."""
    return Client(opened=1)
