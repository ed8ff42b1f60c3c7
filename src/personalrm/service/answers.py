"""Response bodies of the API (request bodies are in `contract`)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class RejectedOut(BaseModel):
    """An item that was not stored: its position, the invalid field and the reason."""

    index: int
    field: str
    problem: str


class AddedOut(BaseModel):
    """Result of storing items: how many are new, how many were known, and which could not be stored."""

    accepted: int
    known: int
    rejected: list[RejectedOut]


class FeedbackOut(BaseModel):
    """Result of feedback on an answer: whether it was new, and how many choices it produced."""

    user: str
    accepted: int
    known: int
    choices: int


class VerdictOut(BaseModel):
    """A prediction: ``probability`` that ``a`` is preferred, or the reason why there is none."""

    probability: float | None
    preferred: Literal["a", "b"] | None
    unscored: str | None
    reasoning: str | None
    profile_version: int


class RankingOut(BaseModel):
    """``order``: positions of the responses, best first. ``strengths``: log-odds by position, with mean zero."""

    order: list[int]
    strengths: list[float]
    unscored: int
    profile_version: int


class ScoreOut(BaseModel):
    """Log-odds, or z-scores; null where the model's answer could not be parsed."""

    score: float | None = None
    scores: list[float | None]
    profile_version: int


class ScoresOut(BaseModel):
    """One row per person, one column per response; the row is null if the person has no profile yet."""

    scores: list[list[float | None] | None]
    profile_versions: list[int | None]


class ClaimOut(BaseModel):
    """A claim, the choices for and against it, and the person's correction of it, if any."""

    text: str
    supporting: list[str]
    opposing: list[str]
    correction: str | None


class PersonaOut(BaseModel):
    """The person's persona."""

    summary: str | None
    claims: list[ClaimOut]
    notes: list[str]
    profile_version: int
    model: str
    choices: int


class TraitChangeOut(BaseModel):
    """The person's weight of a trait before and after a change, in log-odds per standard unit."""

    trait: str
    before: float
    after: float


class TasteChangeOut(BaseModel):
    """A change of taste.

    ``when``: day of the first choice after it, whose id is ``choice``; ``earliest``, ``latest``: its 80 % credible
    interval. ``noticed``: day on which there were enough choices to detect it. ``said``: the change in one sentence.
    ``kept``: whether the person has confirmed it. ``version_before``, ``version_now``: versions of the profile.
    """

    when: str
    earliest: str
    latest: str
    noticed: str
    choice: str
    traits: list[TraitChangeOut]
    said: str
    version_before: int | None
    version_now: int | None
    kept: bool


class TasteOut(BaseModel):
    """Changes, oldest first. ``false_alarms``: probability of any alarm for a person whose taste never changes.

    ``choices``: number of choices that count (without ties if tested). ``tested``: false if the person has no profile
    of the embedded engine. ``left_out``: number of choices excluded because the person returned to an earlier taste,
    made between the days ``left_out_from`` and ``left_out_to``.
    """

    changes: list[TasteChangeOut]
    choices: int
    tested: bool
    left_out: int
    left_out_from: str | None
    left_out_to: str | None
    false_alarms: float


class ErasedOut(BaseModel):
    """Result of an erasure.

    ``erased``: whether it is complete. ``erasure``: its number. ``counts``: erased rows and cache entries by table.
    ``models``: trained models that learned from the person. ``finished``: seconds since 1970.
    """

    erased: bool
    erasure: int
    counts: dict[str, int]
    models: list[str]
    finished: float | None


class Problem(BaseModel):
    """An error as RFC 9457 defines it. ``way_out``: what to do; ``errors``: each invalid field with its problem."""

    type: str
    title: str
    status: int
    detail: str
    way_out: str
    field: str | None = None
    errors: list[dict[str, str]] | None = None
    request_id: str | None = None
