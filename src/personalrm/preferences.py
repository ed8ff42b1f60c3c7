"""The core records: messages, one preference of one person, and that person's history.

All other modules of the package are functions over these frozen records.

    pair = Preference(context="Hi", chosen="Hello!", rejected="?")
    first, second = pair.shown(seed=0)      # which response is shown first never depends on the label

A choice of one out of several responses, and a ranking, are stored as pairs that name their ranking;
`History.rankings` reassembles them. A thumb up or down on a single response is a `Thumb`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from hashlib import blake2b
from typing import Any, Literal

import orjson

from personalrm.partial_order import tiers
from personalrm.renamed import warn

Side = Literal["a", "b"]
Part = Literal["context", "target"]

ME = "me"
"""Default user where the data names none."""
_REQUIRED: Any = object()


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation. ``role`` is usually system, user or assistant; others are kept as they are."""

    role: str
    content: str

    @classmethod
    def unchecked(cls, role: str, content: str) -> Message:
        """The same record in a fifth of the time, as `Preference.unchecked`."""
        draft: Any = _DraftMessage()
        draft.role, draft.content = role, content
        draft.__class__ = cls
        made: Message = draft
        return made


class _DraftMessage:
    """Mutable record with the fields of `Message`."""

    __slots__ = tuple(one.name for one in fields(Message))


Context = tuple[Message, ...]
Pair = tuple[Sequence[Message], str, str]
"""A conversation and two responses to it, without a label."""


@dataclass(frozen=True, slots=True)
class Preference:
    """One pairwise choice of one person. Only ``chosen`` and ``rejected`` are needed; give them by name.

    Attributes:
        id: unique within one person's history; never derived from the label. Derived from the texts if not given.
        user: the person who made the choice.
        group: choices that share text share a group; a split keeps a group on one side. Derived from the
            conversation's first message if not given.
        context: the conversation before the responses, oldest first; may be empty. A text (one user message) or a
            list of {role, content} is accepted too.
        chosen: the response the person preferred (either one if ``tie``).
        rejected: the other response.
        tie: the person found both equally good; kept and marked, never scored as right or wrong.
        domain: topic or conversation type, if known.
        time: when the choice was made, ISO 8601 in UTC, if known.
        demographics: the data set's description of the person, as text, if any.
        reason: the person's own explanation of the choice, if given.
        judges: for cached verdicts of LLM judges, whether each was right on this pair.
        margin: difference of the ratings that the choice was derived from, if it was derived from ratings.
        split: the role that a benchmark assigns to this choice: training (``context``) or test (``target``).
        stated: the person's stated preferences by name: texts (``self_description``, ``system_string``) and stated
            importance, 0–100 (``factuality``: 80.0). Only the judge and the study `stated` use them in prompts.
        source: the file or data set that the id comes from: ids are unique within a source only. Not part of equality.
        ranking: the choice among several responses that this pair was derived from; None for a choice of two.
        weight: how much the pair counts; the pairs of one ranking add up to 1.
    """

    id: str = ""
    user: str = ME
    group: str = ""
    context: Context = ()
    chosen: str = _REQUIRED
    rejected: str = _REQUIRED
    tie: bool = False
    domain: str | None = None
    time: str | None = None
    demographics: str | None = None
    reason: str | None = None
    judges: Mapping[str, bool] = field(default_factory=dict)
    margin: float | None = None
    split: Part | None = None
    stated: Mapping[str, str | float] = field(default_factory=dict)
    source: str | None = field(default=None, compare=False)
    ranking: str | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.chosen is _REQUIRED or self.rejected is _REQUIRED:
            raise TypeError("a Preference needs 'chosen' and 'rejected'")
        _check_text(chosen=self.chosen, rejected=self.rejected)
        object.__setattr__(self, "context", _turns(self.context))
        if not self.id:
            object.__setattr__(self, "id", pair_id(self.user, self.context, self.chosen, self.rejected))
        if not self.group:
            object.__setattr__(self, "group", group_of(self.context, self.chosen, self.rejected))

    @classmethod
    def unchecked(
        cls,
        id: str,  # noqa: A002
        user: str,
        group: str,
        context: Context,
        chosen: str,
        rejected: str,
        tie: bool,
        margin: float | None,
        more: Mapping[str, Any],
    ) -> Preference:
        """The record of values that are already validated, for readers of large files; ``more`` holds other fields.

        Assigning to a frozen record costs nine times as much as to a plain one, so a plain one of the same fields is
        filled and becomes this one: 1.1 instead of 9.3 µs for 18 fields.
        """
        draft: Any = _Draft()
        draft.id, draft.user, draft.group, draft.context = id, user, group, context
        draft.chosen, draft.rejected, draft.tie, draft.margin = chosen, rejected, tie, margin
        draft.domain = draft.time = draft.demographics = draft.reason = draft.split = draft.source = None
        draft.judges, draft.stated, draft.ranking, draft.weight = {}, {}, None, 1.0
        for name, value in more.items():
            setattr(draft, name, value)
        draft.__class__ = cls
        made: Preference = draft
        return made

    def chosen_first(self, seed: int = 0) -> bool:
        """Whether the chosen response is shown first.

        A hash of id and seed decides whether the alphabetically smaller *text* comes first, so the order of the texts
        does not depend on the label: a flipped pair gives the same prompt with the opposite answer.
        """
        key = f"{seed}\0{self.id}".encode("utf-8", "surrogatepass")
        return (self.chosen < self.rejected) == (blake2b(key, digest_size=1).digest()[0] & 1 == 0)

    def shown(self, seed: int = 0) -> tuple[str, str]:
        """The two responses in the order in which they are shown."""
        pair = (self.chosen, self.rejected)
        return pair if self.chosen_first(seed) else (pair[1], pair[0])

    def preferred_side(self, seed: int = 0) -> Side:
        """Which of the two shown responses (``a`` is the first) the person preferred."""
        return "a" if self.chosen_first(seed) else "b"

    def flipped(self) -> Preference:
        """The same pair with the opposite label (for causal checks)."""
        return replace(self, chosen=self.rejected, rejected=self.chosen)


class _Draft:
    """Mutable record with the fields of `Preference`, which `Preference.unchecked` fills and then converts."""

    __slots__ = tuple(one.name for one in fields(Preference))


@dataclass(frozen=True, slots=True)
class Thumb:
    """A thumb up or down on one response, without a second response: unpaired feedback.

    Attributes:
        response: the response that was rated.
        liked: true for a thumb up.
        others: as in `Preference`.
    """

    response: str
    liked: bool
    user: str = ME
    context: Context = ()
    id: str = ""
    group: str = ""
    time: str | None = None
    reason: str | None = None
    source: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        _check_text(response=self.response)
        object.__setattr__(self, "context", _turns(self.context))
        if not self.id:
            object.__setattr__(self, "id", pair_id(self.user, self.context, self.response, self.response))
        if not self.group:
            object.__setattr__(self, "group", group_of(self.context, self.response, self.response))


@dataclass(frozen=True, slots=True)
class RankedChoice:
    """A complete choice among several responses, as a Plackett–Luce likelihood needs it.

    Attributes:
        id: the ``ranking`` that its pairs name.
        context: the conversation before the responses.
        tiers: the responses, best first; responses of one tier are not ordered. A choice of one out of four has two
            tiers, of one and of three responses.
    """

    id: str
    context: Context
    tiers: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, pairs: Sequence[Preference]) -> RankedChoice:
        """The ranking that the pairs came from. A response ranks below every response that won against it."""
        texts = (text for one in pairs for text in (one.chosen, one.rejected))
        wins = ((one.chosen, one.rejected) for one in pairs if not one.tie)
        return cls(pairs[0].ranking or pairs[0].id, pairs[0].context, tiers(wins, texts))


@dataclass(frozen=True, slots=True)
class History:
    """All choices of one person, oldest first.

    Attributes:
        user: the person.
        choices: pairs, including the pairs that a choice among several responses is stored as.
        thumbs: single responses that the person liked or disliked.
    """

    user: str
    choices: tuple[Preference, ...]
    thumbs: tuple[Thumb, ...] = ()

    def __len__(self) -> int:
        return len(self.choices)

    def __iter__(self) -> Iterator[Preference]:
        return iter(self.choices)

    @property
    def decided(self) -> tuple[Preference, ...]:
        """The choices that are not ties."""
        return tuple(one for one in self.choices if not one.tie)

    @property
    def rankings(self) -> tuple[RankedChoice, ...]:
        """The complete choices among several responses, in order of their first pair."""
        pairs: dict[str, list[Preference]] = {}
        for one in self.choices:
            if one.ranking is not None:
                pairs.setdefault(one.ranking, []).append(one)
        return tuple(RankedChoice.of(some) for some in pairs.values())

    def only(self, choices: Iterable[Preference], thumbs: Iterable[Thumb] = ()) -> History:
        """The same person with other choices. Thumbs are dropped unless given: they may belong to the holdout."""
        return History(self.user, tuple(choices), tuple(thumbs))


@dataclass(frozen=True, slots=True)
class Verdict:
    """A prediction for one pair, combined over both orders.

    Attributes:
        probability: that response ``a`` is preferred, in [0, 1]; None if unscored.
        reasoning: the judge's explanation, if it wrote one.
        unscored: reason for the missing probability; None if there is one. Unscored is neither wrong nor a tie.
    """

    probability: float | None
    reasoning: str | None = None
    unscored: str | None = None

    @property
    def winner(self) -> Side | None:
        """The preferred side, ``a`` or ``b``; None if unscored or exactly even."""
        if self.probability is None or self.probability == 0.5:
            return None
        return "a" if self.probability > 0.5 else "b"

    @property
    def prefers(self) -> Side | None:
        """Deprecated name of `winner` (version 0.1)."""
        warn("Verdict.prefers", "Verdict.winner")
        return self.winner

    def __bool__(self) -> bool:
        """Raises TypeError: every verdict would be true, whichever side won."""
        raise TypeError("a Verdict has no truth value: use verdict.winner ('a', 'b' or None) or verdict.probability")


def pair_id(user: str, context: Sequence[Message], one: str, other: str) -> str:
    """16 hexadecimal digits for this person, conversation and pair of responses, independent of the label.

    The id decides which response is shown first, so an id that depended on the label would leak it.
    """
    turns = [[turn.role, turn.content] for turn in context]
    return _hash([user, turns, one, other] if one <= other else [user, turns, other, one], 8)


def group_of(context: Sequence[Message], one: str, other: str) -> str:
    """12 hexadecimal digits for the conversation's first message (not system); for the pair itself if there is none.

    Choices in later turns of a conversation carry the earlier choice in their context, so all turns are one group.
    """
    for turn in context:
        if turn.role != "system":
            return _hash([turn.content], 6)
    return _hash([min(one, other), max(one, other)], 6)


def _hash(parts: list[object], size: int) -> str:
    try:
        return blake2b(orjson.dumps(parts), digest_size=size).hexdigest()
    except orjson.JSONEncodeError:  # lone surrogate; file readers and writers report it
        return blake2b(repr(parts).encode(), digest_size=size).hexdigest()


def _check_text(**texts: object) -> None:
    for name, one in texts.items():
        if not isinstance(one, str):
            raise TypeError(f"'{name}' must be text, found {type(one).__name__}")


def _turns(context: object) -> Context:
    """A context given as text, one message or several."""
    if isinstance(context, str):
        return (Message("user", context),) if context else ()
    given = [context] if isinstance(context, Message | Mapping) else context
    try:
        turns = tuple(one if isinstance(one, Message) else Message(one["role"], one["content"]) for one in given)  # type: ignore[attr-defined]
    except (TypeError, KeyError):
        raise TypeError("expected a context as a text, or as messages with 'role' and 'content'") from None
    for one in turns:
        _check_text(role=one.role, content=one.content)
    return turns
