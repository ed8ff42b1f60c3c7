"""Converts one row, with the roles of its columns, to choices.

reading = RowReading(Register())
found = choices_of({"user": "ada", "prompt": "Hi", "chosen": "Hello!", "rejected": "?"}, layout, reading)
found.choices, found.thumbs, found.faults, found.too_close
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from personalrm.data.about import about, as_written, given_id, is_tie, margin_of, own_group, user_of
from personalrm.data.contents import Turns, is_conversation
from personalrm.data.conversations import (
    apart,
    apart_text,
    conversation_of,
    is_dialogue,
    turns,
    without_answer,
    without_prompt,
)
from personalrm.data.fields import Fields, describe, text
from personalrm.data.identity import Register
from personalrm.data.layout import Layout
from personalrm.data.numbering import Numbering
from personalrm.data.outcomes import Outcome, of_list, of_sides, tie_words
from personalrm.data.rating_scales import RatingScales
from personalrm.data.ratings import Judged, Pair
from personalrm.data.templated import without_end_token
from personalrm.data.thinking import without_thinking
from personalrm.data.two_texts import pair_of, two_texts
from personalrm.data.unpacking import structured, unpacked
from personalrm.data.unpaired import unpaired
from personalrm.errors import RowError
from personalrm.preferences import Message, Preference, Thumb, group_of, pair_id

MOST = 64
"""Maximum responses to one prompt; n responses give n (n - 1) / 2 pairs."""


@dataclass(slots=True)
class RowReading:
    """State while a file is read.

    Attributes:
        register: the ids found so far.
        numbering: meaning of numbers in a winner column.
        min_gap: for ratings: pairs whose scores differ by less are omitted.
        labels: if false, the winner is not read; every pair becomes a tie of two different responses, in the order of
            the row, or of their texts if the order of the row is the label.
        source: the file's name.
        scales: the people's rating scales; None uses ratings unchanged, and omits ratings without a counterpart.
        common_scale: whether ``min_gap`` is measured on the population's scale.
    """

    register: Register
    numbering: Numbering
    min_gap: float = 0.0
    labels: bool = True
    source: str | None = None
    scales: RatingScales | None = None
    common_scale: bool = True

    def slope(self, user: str) -> float:
        """Points of the common scale per point of this person's scale."""
        if self.scales is None or not self.common_scale or self.min_gap <= 0:
            return 1.0
        return self.scales.of(user).slope


@dataclass(slots=True)
class Found:
    """Result of a row: choices, thumbs, faults of single choices, and the number of rated pairs below ``min_gap``.

    ``rated`` are the thumbs from ratings without a counterpart; ``undecided`` counts ratings that give no thumb.
    """

    choices: Sequence[Preference] = ()
    thumbs: Sequence[Thumb] = ()
    faults: Sequence[RowError] = ()
    too_close: int = 0
    rated: int = 0
    undecided: int = 0


def choices_of(row: Fields, layout: Layout, reading: RowReading, user: str | None = None) -> Found:
    """The choices in a row; ``user`` as returned by `user_of`, if known. RowError if the whole row is invalid."""
    if layout.kind == "pair":
        return Found((_pair(row, layout, reading, user),))
    if layout.kind == "sides":
        both = two_texts(row, layout) if reading.labels else None
        if both is not None:
            context = without_answer(conversation_of(row, layout), both[:2])
            return Found((_preference(row, layout, reading, context, pair_of(*both), user=user),))
        outcome = of_sides(row, layout, reading.numbering, reading.labels)
    else:
        outcome = of_list(row, layout, reading.numbering, reading.labels)
    if len(outcome.responses) > MOST:
        found = f"{len(outcome.responses)}"
        raise RowError(f"at most {MOST} responses to one prompt", field=outcome.field, found=found)
    return _several(row, layout, reading, outcome, user or user_of(row, layout))


def _pair(row: Fields, layout: Layout, reading: RowReading, user: str | None) -> Preference:
    if layout.is_marked and as_written(row, layout):
        return _written(row, layout, reading, user)
    columns = layout.pair
    chosen, rejected = _response(row, columns[0]), _response(row, columns[1])
    context = conversation_of(row, layout)
    if isinstance(chosen, str) and isinstance(rejected, str) and not (chosen[:1] in _OPEN or rejected[:1] in _OPEN):
        context, one, other = _texts(row, layout, context, chosen, rejected)
    else:
        sides = [turns(value, name) for name, value in zip(columns, (chosen, rejected), strict=True)]
        context, (one, other) = apart(context, sides, columns)
    if not reading.labels:
        pair = Pair(min(one, other), max(one, other), True, None)
    elif layout.may_tie:
        gap = margin_of(row, layout)
        tie = is_tie(row, layout) or tie_words(row, layout) or (gap == 0 and "chosen_score" in layout.roles)
        pair = Pair(one, other, tie, gap)
    else:
        pair = Pair(one, other, False, None)
    return _preference(row, layout, reading, context, pair, user=user)


def _written(row: Fields, layout: Layout, reading: RowReading, user: str | None) -> Preference:
    """The choice of a row that `writing` marked: its texts are used unchanged."""
    listed = structured(row.get("context"), "context")
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
        raise RowError("a list of {role, content}", field="context", found=describe(listed))
    context = tuple(Message(text(one.get("role"), "role"), text(one.get("content"), "content")) for one in listed)
    one, other = (_written_response(row.get(name), name) for name in ("chosen", "rejected"))
    pair = Pair(one, other, is_tie(row, layout), margin_of(row, layout))
    if not reading.labels:
        pair = Pair(min(one, other), max(one, other), True, None)
    return _preference(row, layout, reading, context, pair, user=user)


def _written_response(value: object, field: str) -> str:
    """A response as `writing` writes it: text, or a message if the text could be parsed as one."""
    found = unpacked(value) if isinstance(value, str) else value
    if isinstance(found, Mapping) and is_conversation(found):
        return text(found.get("content"), field)
    return text(value, field)


_OPEN = ("[", "{")
_REPEATED = 10


def _response(row: Fields, column: str) -> Any:
    value = row.get(column)
    if type(value) is str:
        return value
    if value is None or value != value:
        found = describe(value) if column in row else "no such column"
        raise RowError("text", field=column, found=found)
    return value


def _texts(row: Fields, layout: Layout, context: Turns, chosen: str, rejected: str) -> tuple[Turns, str, str]:
    """The two responses as texts, with or without the prompt."""
    one = without_end_token(without_thinking(text(chosen, layout.pair[0])))
    other = without_end_token(without_thinking(text(rejected, layout.pair[1])))
    if not layout.has_conversation:
        shared, one, other = apart_text(one, other)
        return (*context, *shared), one, other
    if context and is_dialogue(one) and is_dialogue(other):
        shared, one, other = apart_text(one, other)
        return (
            apart(context, [(*shared, *turns(said, "chosen")) for said in (one, other)], ("chosen", "rejected"))[0],
            one,
            other,
        )
    if one[:_REPEATED] == other[:_REPEATED]:
        for column in layout.roles.get("prompt", ()) + layout.roles.get("context", ()):
            one, other = without_prompt(row.get(column), one, other)
    return without_answer(context, (one, other)), one, other


def _several(row: Fields, layout: Layout, reading: RowReading, outcome: Outcome, user: str) -> Found:
    """The pairs of a choice among several responses, and thumbs for ratings without a counterpart."""
    context = conversation_of(row, layout)
    if outcome.turns:
        context, responses = apart(context, outcome.turns, outcome.fields)
    else:
        responses = list(outcome.responses)
        context = without_answer(context, responses)
    made, too_close = outcome.pairs(responses, reading.min_gap, reading.slope(user))
    if outcome.simple:
        first, second = responses
        pair = made[0] if made else Pair(first, second, reading.labels and outcome.best == frozenset({0, 1}), None)
        return Found([_preference(row, layout, reading, context, pair, user=user)])
    whole = _Ranking.of(row, layout, context, responses, made, user, reading.source)
    choices: list[Preference] = []
    faults: list[RowError] = []
    for pair in made:
        try:
            choices.append(_preference(row, layout, reading, context, pair, whole, user))
        except RowError as error:
            faults.append(error)
    if made or too_close or not reading.labels:
        if not (made or too_close):
            raise RowError("at least two different responses", field=outcome.field, found="the same response twice")
        return Found(choices, (), faults, too_close)
    judged = [one._replace(response=text) for one, text in zip(outcome.judged, responses, strict=True)]
    scales = reading.scales if outcome.best is None else None
    single = unpaired(judged, None if scales is None else lambda: scales.of(user), reading.min_gap)
    if not (single.liked or single.rated or single.undecided):
        raise RowError("at least two different responses", field=outcome.field, found="the same response twice")
    thumbs = [_thumb(one, row, layout, reading, context, user) for one in (*single.liked, *single.rated)]
    return Found(thumbs=thumbs, rated=len(single.rated), undecided=single.undecided)


def _thumb(one: Judged, row: Fields, layout: Layout, reading: RowReading, context: Turns, user: str) -> Thumb:
    """A thumb on a single response."""
    said = about(row, layout)
    return Thumb(
        one.response,
        bool(one.liked),
        user,
        context,
        given_id(row, layout)[1] or "",
        own_group(row, layout) or group_of(context, one.response, one.response),
        said.get("time"),
        said.get("reason"),
        reading.source,
    )


@dataclass(frozen=True, slots=True)
class _Ranking:
    """The fields shared by the pairs of one choice."""

    id_field: str
    id: str | None
    group: str
    more: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        row: Fields,
        layout: Layout,
        context: Turns,
        responses: Sequence[str],
        made: Sequence[Pair],
        user: str,
        source: str | None,
    ) -> _Ranking:
        id_field, own_id = given_id(row, layout)
        texts = "\0".join([user, *(turn.content for turn in context), *sorted(responses)])
        content = blake2b(texts.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
        name = f"{own_id}-{content}" if own_id else content
        decided = sum(not pair.tie for pair in made)
        more = {"source": source, **about(row, layout)}
        more |= {"ranking": name, "weight": 1 / max(decided, 1)} if len(made) > 1 else {"ranking": None}
        group = own_group(row, layout) or group_of(context, min(responses), max(responses))  # shared by all pairs
        return cls(id_field, own_id, group, more)


def _preference(
    row: Fields,
    layout: Layout,
    reading: RowReading,
    context: Turns,
    pair: Pair,
    whole: _Ranking | None = None,
    user: str | None = None,
) -> Preference:
    chosen, rejected, tie, gap = pair
    if chosen == rejected and not (tie and reading.labels):
        found = "the same text as the chosen response" if reading.labels else "the same response twice"
        raise RowError("two different responses", field=_second(layout), found=found)
    user = user or user_of(row, layout)
    if whole is not None:
        id_field, own_id, more, group = whole.id_field, whole.id, whole.more, whole.group
        if own_id is not None:
            own_id = f"{own_id}-{pair_id(user, (), chosen, rejected)[:8]}"
    else:
        id_field, own_id = given_id(row, layout)
        more = about(row, layout)
        more.setdefault("source", reading.source)
        group = own_group(row, layout) or group_of(context, chosen, rejected)
    # The id is registered last, so that an invalid row does not use it up.
    if own_id is not None:
        choice_id = reading.register.given(user, own_id, id_field, reading.source or "")
    else:
        label = 2 if tie else int(chosen > rejected)
        choice_id = reading.register.made(pair_id(user, context, chosen, rejected), label)
    return Preference.unchecked(choice_id, user, group, context, chosen, rejected, tie, gap, more)


def _second(layout: Layout) -> str:
    return next(iter(layout.roles.get("rejected", layout.sides.columns[1:2])), "rejected")
