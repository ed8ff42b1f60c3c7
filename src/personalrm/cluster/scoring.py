"""Scores people's pairs with their own profiles: one file of scores per file of profiles.

For each choice of a person with a profile: the probability that the response that the data calls chosen is preferred,
and the score of each response (log-odds, comparable within a conversation). The labels have no effect on the scores: to
score candidates, call either one chosen.

By default each profile is used with the model it was fitted with. With another local or served model, the person is
first fitted to it with the choices in the profile. A language model judges with the contents of the profile, and gives
probabilities only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from personalrm.client import Client
from personalrm.cluster.embedding import ShardTexts, TextsToScore, vectors_of
from personalrm.cluster.fitting import FitOptions, ShardJob, client_of
from personalrm.cluster.folder import ClusterFolder, ShardRecord, Trouble, write_record
from personalrm.cluster.people import PersonOfShard, people_of
from personalrm.cluster.running import FitRun
from personalrm.cluster.texts import has_encoder
from personalrm.errors import DataError, UnusableResponse
from personalrm.llm import background_loop
from personalrm.llm.gather import bounded_map
from personalrm.models.registry import TRAINED, is_local
from personalrm.models.served_name import is_served, without_url
from personalrm.profile.records import Profile
from personalrm.profile.table import ProfileTable, file_name, read_profiles, read_stamp, write_rows
from personalrm.synthesis.fitting import AT_ONCE

SCORES = "scores"
COLUMNS = {"user": "string", "id": "string", "probability": "float64", "chosen": "float64", "rejected": "float64"}
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ScoreRun(FitRun):
    """See `FitRun`; ``how`` determines the predicting model, unless ``own``.

    Attributes:
        profiles: output folder of a completed ``cluster fit``.
        own: whether each profile is used with the model it was fitted with.
    """

    profiles: Path = Path()
    own: bool = True

    @property
    def kind(self) -> str:
        """Prefix of the names of its files."""
        return SCORES

    def count(self) -> int:
        """One shard per file of profiles, so that each shard needs one of them."""
        return len(ProfileTable(self.profiles).files)

    def depends_on(self) -> dict[str, object]:
        """The inputs of the profiles, and the predicting model."""
        return {"profiles": [read_stamp(one) for one in ProfileTable(self.profiles).files], "own": self.own}

    def texts(self, shards: int) -> ShardTexts | None:
        """The texts to embed: the pairs, and the people's choices if they are refitted."""
        first = next(iter(ProfileTable(self.profiles)), None)
        own = "" if first is None else first.model
        model = own if self.own else self.how.model
        refits = model.startswith(TRAINED) or model != own
        return TextsToScore(model, shards, len(self.files), self.profiles, refits) if has_encoder(model) else None

    def job(self, shard: int, shards: int, key: str, limits: str | None, encoder: str | None) -> ScoreShard:
        """The job of one shard."""
        how = None if self.own else self.how
        return ScoreShard(self.out, shards, shard, len(self.files), key, how, limits, encoder, self.profiles)


@dataclass(frozen=True, slots=True)
class ScoreShard(ShardJob[FitOptions | None]):
    """Scores the people of a shard; without ``how``, with each profile's own model.

    ``profiles`` is the output folder of a completed ``cluster fit``.
    """

    profiles: Path = Path()

    def run(self) -> ShardRecord:
        """Write the scores, then the record of the shard."""
        folder = ClusterFolder(self.root, self.shards, SCORES)
        profiles = {one.user: one for one in read_profiles(self.profiles / file_name(self.shard, self.shards))}
        given = [(one, profiles.get(one.history.user)) for one in people_of(folder, self.shard, self.inputs)]
        client = _own_client() if self.how is None else client_of(self.how, self.limits)
        with vectors_of(folder, self.encoder):
            found = background_loop.run(_scored(client, given))
        troubles = tuple(one for one in found if isinstance(one, Trouble))
        rows = [row for one in found if not isinstance(one, Trouble) for row in one]
        write_rows(folder.output(self.shard), COLUMNS, rows, {"key": self.key})
        record = ShardRecord(self.key, len(found) - len(troubles), len(rows), troubles=troubles)
        write_record(folder.shard_record(self.shard), record)
        return ShardRecord(self.key, record.people, record.choices)


async def _scored(client: Client, given: list[tuple[PersonOfShard, Profile | None]]) -> list[list[Row] | Trouble]:
    """Each person's rows, or the reason why there are none, in the order of ``given``; concurrent with a language
    model."""

    async def score(place: int) -> tuple[int, list[Row] | Trouble]:
        person, profile = given[place]
        try:
            return place, await _rows(client, person, profile)
        except (DataError, UnusableResponse) as error:
            return place, Trouble(person.file, person.history.user, str(error))

    at_once = 1 if client.model is None or is_local(client.model) else AT_ONCE
    found: AsyncIterator[tuple[int, list[Row] | Trouble]] = bounded_map(score, range(len(given)), at_once)
    by_place = {place: rows async for place, rows in found}
    return [by_place[place] for place in range(len(given))]


async def _rows(client: Client, person: PersonOfShard, profile: Profile | None) -> list[Row]:
    """A row of `COLUMNS` for each choice. DataError if the profile cannot be used."""
    if profile is None:
        raise DataError("there is no profile of this user")
    model, history = client.model or profile.model, person.history
    computes = is_local(model) or is_served(model)
    if client.model is None and not is_local(model):
        raise DataError(f"the profile was fitted with {model}, which needs an endpoint: name it with --model")
    if computes and without_url(model) != profile.model:
        profile = await client.afit(profile.history)
    verdicts = await client.acompare_many(profile, [(one.context, one.chosen, one.rejected) for one in history])
    found: list[Row] = []
    for one, verdict in zip(history, verdicts, strict=True):
        scores: list[float | None] = [None, None]
        if computes:
            (scores,) = await client.ascore_many([profile], one.context, [one.chosen, one.rejected])
        found.append((history.user, one.id, verdict.probability, *scores))
    return found


@lru_cache(maxsize=1)
def _own_client() -> Client:
    """A client, cached per process; each profile is used once, so few predictors are kept."""
    return Client(opened=1)
