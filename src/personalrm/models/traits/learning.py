"""Learning a prior from other people's choices (empirical Bayes), each step judged on people it has not seen.

1. everybody's weights: penalised maximum likelihood, the amount of shrinkage by cross-validation over people;
2. how far people differ and how sharp predictions may be: each person's groups of choices are predicted from
   their other groups, on top of step 1's out-of-fold predictions;
3. the difference by trait: expectation-maximisation, drawn towards the common variance.

prior = learn(read_people("prism.jsonl.gz"), sources=["prism.jsonl.gz"])
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from personalrm.errors import NotEnoughChoices
from personalrm.models.traits import fit as maths
from personalrm.models.traits.features import KINDS, TRAITS, Array, TraitReader, last_message
from personalrm.models.traits.prior import PERSONAL, PERSONAL_COLUMNS, Prior, Sense, Units
from personalrm.models.traits.sense import relate
from personalrm.preferences import History, Preference

if TYPE_CHECKING:
    from personalrm.models.encoders import Encoder

# Prior standard deviations of the parts (log-odds per standard unit), from cross-validation on prism and mt_bench;
# the result is flat around them: half or double costs less than 0.002 nats.
_TRAIT_SD, _WORD_SD, _KIND_SD, _SIMILARITY_SD, _MEANING_SD = 0.07, 0.5, 0.055, 0.22, 0.55
_SHRINK = (0.15, 0.4, 1.0, 2.5)
_BETWEEN = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08)
_SHARPNESS = (0.85, 1.0, 1.15, 1.3, 1.5, 1.75, 2.0)
_USUAL_BETWEEN, _TRUST = 0.03, 40.0
_FOLDS = 5
_MOST_CHOICES = 12_000  # of the population, 1,062 columns of float32: 51 MB
_MOST_OWN, _MOST_PEOPLE = 40, 200  # choices of a person and people looked at in steps 2 and 3
_CHUNK = 32
_DIGITS = 6

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Block:
    """Choices as read: traits of both responses, difference of words, kinds, similarities, difference of meaning."""

    chosen: Floats
    rejected: Floats
    words: NDArray[np.int8]
    kinds: Floats
    similar: Floats
    meaning: Floats
    group: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Scales:
    """What one unit of each column of the design is worth: words (W,), mean and deviation of kinds (K,)."""

    words: Array
    kind_mean: Array
    kind_scale: Array


def learn(
    people: Iterable[History],
    *,
    encoder: Encoder | None = None,
    seed: int = 0,
    sources: Sequence[str] = (),
) -> Prior:
    """Learn a prior; ties are left out, people are read one at a time.

    Args:
        people: the population; of more than 12,000 choices a random part of the people is kept.
        encoder: also learn weights of sentence embeddings.
        seed: of the folds over people and of that draw.
        sources: names of the data sets, for the lineage.

    Raises:
        NotEnoughChoices: nobody made a decided choice.
    """
    rng = np.random.default_rng(seed)
    blocks = _gather(people, encoder, rng)
    person = np.repeat(np.arange(len(blocks)), [len(one.words) for one in blocks])
    known = _Block(*(np.concatenate([getattr(one, name) for one in blocks]) for name in _Block.__slots__))
    blank = _blank(known, with_sense=encoder is not None)
    pairs = _differences(known, blank)
    scales = _scales(known)
    x = _design(pairs, scales)
    shrink, outside = _shrinkage(x, rng.permutation(len(blocks))[person] % min(_FOLDS, len(blocks)))
    weights = maths.shared_weights(x, shrink=shrink)
    few = _some(person, known.group, rng)
    between, sharpness, losses = _people_differ(outside, pairs.personal, few)
    lineage = {
        "sources": list(sources), "people": len(blocks), "choices": len(x), "seed": seed,
        "shrink": shrink, "sharpness": sharpness, "log_loss_of_unseen_people": losses,
    }  # fmt: skip
    return replace(_filled(blank, weights * sharpness, scales, between), lineage=lineage)


def _gather(people: Iterable[History], encoder: Encoder | None, rng: np.random.Generator) -> list[_Block]:
    """Everybody's choices as read, at most ``_MOST_CHOICES``."""
    reader = TraitReader()
    blocks: list[_Block] = []
    total = 0
    for one in people:
        if not one.decided:
            continue
        blocks.append(_read(one.decided, reader, encoder))
        total += len(one.decided)
        while total > _MOST_CHOICES and len(blocks) > 1:
            total -= len(blocks.pop(int(rng.integers(len(blocks)))).words)
    if not blocks:
        raise NotEnoughChoices("The population holds no decided choice: give a file of other people's choices.")
    return blocks


def _read(choices: Sequence[Preference], reader: TraitReader, encoder: Encoder | None) -> _Block:
    numbers = {name: index for index, name in enumerate(dict.fromkeys(one.group for one in choices))}
    parts = [_read_chunk(choices[at : at + _CHUNK], reader, encoder) for at in range(0, len(choices), _CHUNK)]
    columns: list[Any] = [np.concatenate(column) for column in zip(*parts, strict=True)]
    columns.append(np.array([numbers[one.group] for one in choices], dtype=np.intp))
    return _Block(*columns)


def _read_chunk(choices: Sequence[Preference], reader: TraitReader, encoder: Encoder | None) -> tuple[Any, ...]:
    asked = [last_message(one.context) for one in choices]
    chosen = [(message, one.chosen) for message, one in zip(asked, choices, strict=True)]
    rejected = [(message, one.rejected) for message, one in zip(asked, choices, strict=True)]
    rows = reader.rows(chosen + rejected)
    n = len(choices)
    similar, meaning = np.zeros((n, 0)), np.zeros((n, 0))
    if encoder is not None:
        near, sense = relate(encoder, chosen + rejected)
        similar, meaning = np.stack([near[:n], near[n:]], axis=1), sense[:n] - sense[n:]
    words = (rows.words[:n] - rows.words[n:]).astype(np.int8)
    small = np.float32
    return (
        rows.traits[:n].astype(small), rows.traits[n:].astype(small), words, rows.kinds[:n].astype(small),
        similar.astype(small), meaning.astype(small),
    )  # fmt: skip


def _blank(known: _Block, *, with_sense: bool) -> Prior:
    """A prior that knows the units of the traits and nothing else.

    The unit is the deviation of the differences within a choice: that is where the evidence is. It is no less than a
    tenth of the deviation among responses, so that a trait that hardly ever differs is not blown up.
    """
    both = np.concatenate([known.chosen, known.rejected]).astype(float)
    deviation = both.std(axis=0)
    scale = np.maximum((known.chosen - known.rejected).astype(float).std(axis=0), 0.1 * deviation)
    scale[scale < 1e-6] = 1.0
    sense = None
    if with_sense:
        spread = float(known.similar.std()) or 1.0
        sense = Sense(_short(float(known.similar.mean())), _short(spread), 0.0, np.zeros(known.meaning.shape[1]))
    people = len(PERSONAL) + with_sense
    return Prior(
        centre=_rounded(both.mean(axis=0)),
        scale=_rounded(scale),
        traits=np.zeros(len(TRAITS)),
        words=np.zeros(known.words.shape[1]),
        kinds=np.zeros((len(PERSONAL), len(KINDS))),
        between=np.full(people, _USUAL_BETWEEN),
        sense=sense,
    )


def _differences(known: _Block, blank: Prior) -> Units:
    """Chosen minus rejected, in standard units."""
    similar = known.similar.astype(float)
    spread = blank.sense.scale if blank.sense is not None else 1.0
    return Units(
        blank.standard(known.chosen) - blank.standard(known.rejected),
        known.words.astype(np.float32),
        known.kinds.astype(float),
        (similar[:, :1] - similar[:, 1:]) / spread,
        known.meaning.astype(float),
    )


def _scales(known: _Block) -> _Scales:
    often = np.sqrt(np.square(known.words, dtype=np.float32).mean(axis=0) / 2.0)
    return _Scales(
        words=_WORD_SD / np.sqrt(len(often)) / np.maximum(often, 0.05),
        kind_mean=known.kinds.mean(axis=0).astype(float),
        kind_scale=np.maximum(known.kinds.std(axis=0).astype(float), 0.1) * np.sqrt(len(KINDS)) / _KIND_SD,
    )


def _design(pairs: Units, scales: _Scales) -> Floats:
    """One column a weight, each scaled so that a priori all weights are alike: N(0, 1 / shrink)."""
    kinds = (pairs.kinds - scales.kind_mean) / scales.kind_scale
    crossed = pairs.traits[:, PERSONAL_COLUMNS, None] * kinds[:, None, :]
    parts = (
        pairs.traits * _TRAIT_SD,
        pairs.words * scales.words,
        crossed.reshape(len(kinds), -1),
        pairs.similarity * _SIMILARITY_SD,
        pairs.meaning * _MEANING_SD,
    )
    return np.hstack([part.astype(np.float32) for part in parts])


def _filled(blank: Prior, weights: Array, scales: _Scales, between: Array) -> Prior:
    """The weights of the design's columns, undone into weights per standard unit."""
    sizes = np.cumsum([len(TRAITS), len(scales.words), len(PERSONAL) * len(KINDS)])
    traits, words, crossed, sense = np.split(weights, sizes)
    traits = traits * _TRAIT_SD
    kinds = crossed.reshape(len(PERSONAL), len(KINDS)) / scales.kind_scale
    traits[PERSONAL_COLUMNS] -= kinds @ scales.kind_mean
    filled = replace(
        blank,
        traits=_rounded(traits),
        words=_rounded(words * scales.words),
        kinds=_rounded(kinds),
        between=_rounded(between),
    )
    if blank.sense is None:
        return filled
    meaning = _rounded(sense[1:] * _MEANING_SD)
    return replace(filled, sense=replace(blank.sense, similarity=_short(sense[0] * _SIMILARITY_SD), meaning=meaning))


def _shrinkage(x: Floats, fold: NDArray[np.intp]) -> tuple[float, Array]:
    """The amount of shrinkage that predicts unseen people best, and those predictions (log-odds of all choices)."""
    best: tuple[float, float, Array] = (np.inf, _SHRINK[2], np.zeros(len(x)))
    folds = range(int(fold.max()) + 1)
    if len(folds) < 2:
        return best[1], best[2]
    grams = [x[fold == one].T @ x[fold == one] for one in folds] if len(x) > x.shape[1] else None
    whole = None if grams is None else np.sum(grams, axis=0)
    outside = {shrink: np.zeros(len(x)) for shrink in _SHRINK}
    for one in folds:
        away, gram = fold != one, None if grams is None or whole is None else whole - grams[one]
        start = None
        for shrink in reversed(_SHRINK):
            start = maths.shared_weights(x[away], shrink=shrink, gram=gram, start=start)
            outside[shrink][~away] = x[~away] @ start
    for shrink, logit in outside.items():
        loss = min(maths.log_loss(sharp * logit) for sharp in _SHARPNESS)
        if loss < best[0]:
            best = (loss, shrink, logit)
    return best[1], best[2]


@dataclass(frozen=True, slots=True)
class _Own:
    """One person: rows of their choices, and the positions among them that are predicted together."""

    rows: NDArray[np.intp]
    parts: list[NDArray[np.intp]]


def _some(person: NDArray[np.intp], group: NDArray[np.intp], rng: np.random.Generator) -> list[_Own]:
    """Some people with choices in several groups: rows of each, and the groups dealt into up to five parts."""
    chosen = []
    for one in rng.permutation(person.max() + 1):
        rows = np.flatnonzero(person == one)[:_MOST_OWN]
        part = group[rows] % _FOLDS
        if len(np.unique(part)) > 1:
            chosen.append(_Own(rows, [np.flatnonzero(part == each) for each in np.unique(part)]))
        if len(chosen) == _MOST_PEOPLE:
            break
    return chosen


def _people_differ(outside: Array, t: Array, people: list[_Own]) -> tuple[Array, float, dict[str, float]]:
    """Variance between people by trait (p,), sharpness of everybody's weights, and log losses with them and without."""
    width = t.shape[1]

    def loss(between: Array, sharpness: float) -> float:
        held = [maths.Person(sharpness * outside[one.rows], t[one.rows], one.parts) for one in people]
        predicted = maths.leave_out_all(held, between)
        return float(np.mean(np.concatenate([np.logaddexp(0.0, -maths.integrated(*one)) for one in predicted])))

    if not people or not outside.any():
        return np.full(width, _USUAL_BETWEEN), 1.0, {}
    usual = np.full(width, _USUAL_BETWEEN)
    sharpness = min(_SHARPNESS, key=lambda one: loss(usual, one))
    common = np.full(width, min(_BETWEEN, key=lambda one: loss(np.full(width, one), sharpness)))
    between = maths.between_people(sharpness * outside, t, [one.rows for one in people], common, trust=_TRUST)
    nobody = np.full(width, 1e-9)
    losses = {
        "everybody": min(loss(nobody, one) for one in _SHARPNESS),
        "personal": loss(between, sharpness),
    }
    return between, sharpness, {name: round(value, 4) for name, value in losses.items()}


def _rounded(values: Array) -> Array:
    """Six significant digits: what is written is exactly what is used."""
    return np.array([_short(value) for value in values.ravel()]).reshape(values.shape)


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
