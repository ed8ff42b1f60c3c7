"""What answers look like: the other half of the contract (see `contract`)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class RejectedOut(BaseModel):
    """An item that was not stored: its position, the field at fault and what is wrong with it."""

    index: int
    field: str
    problem: str


class AddedOut(BaseModel):
    """What became of the items: stored now, known already, and those that could not be stored."""

    accepted: int
    known: int
    rejected: list[RejectedOut]


class FeedbackOut(BaseModel):
    """What became of feedback on an answer: stored now, or known already, and how many choices it made."""

    user: str
    accepted: int
    known: int
    choices: int


class VerdictOut(BaseModel):
    """A prediction: ``probability`` that ``a`` is preferred, or why there is none."""

    probability: float | None
    preferred: Literal["a", "b"] | None
    unscored: str | None
    reasoning: str | None
    profile_version: int


class RankingOut(BaseModel):
    """``order`` holds positions of the responses, best first; ``strengths`` log-odds by position, mean zero."""

    order: list[int]
    strengths: list[float]
    unscored: int
    profile_version: int


class ScoreOut(BaseModel):
    """Log-odds, or z-scores; null where the model's answer could not be read."""

    score: float | None = None
    scores: list[float | None]
    profile_version: int


class ScoresOut(BaseModel):
    """One row a person, one column a response; a null row where nothing is known of the person yet."""

    scores: list[list[float | None] | None]
    profile_versions: list[int | None]


class ClaimOut(BaseModel):
    """A claim with the choices for and against it, and what the person said of it."""

    text: str
    supporting: list[str]
    opposing: list[str]
    correction: str | None


class PersonaOut(BaseModel):
    """What is believed of the person."""

    summary: str | None
    claims: list[ClaimOut]
    notes: list[str]
    profile_version: int
    model: str
    choices: int


class TraitChangeOut(BaseModel):
    """The person's weight of a trait on either side of a change, in log-odds per standard unit."""

    trait: str
    before: float
    after: float


class TasteChangeOut(BaseModel):
    """A change of taste: its day, days that enclose it with a probability of 80 %, and versions around it."""

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
    """Changes, oldest first. ``false_alarms``: chance that a person whose taste never changes ever sees one.

    ``left_out`` counts choices that the person leaves out since they returned to an earlier taste.
    """

    changes: list[TasteChangeOut]
    choices: int
    tested: bool
    left_out: int
    left_out_from: str | None
    left_out_to: str | None
    false_alarms: float


class ErasedOut(BaseModel):
    """What was erased: rows and cache entries by table, and the trained models whose lineage holds the person."""

    erased: bool
    erasure: int
    counts: dict[str, int]
    models: list[str]
    finished: float | None


class Problem(BaseModel):
    """RFC 9457, with the field at fault and the way out."""

    type: str
    title: str
    status: int
    detail: str
    way_out: str
    field: str | None = None
    errors: list[dict[str, str]] | None = None
    request_id: str | None = None
