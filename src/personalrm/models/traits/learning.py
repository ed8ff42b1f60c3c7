"""Learns a prior from other people's choices (empirical Bayes), with each step validated on held-out people.

1. the population's weights: penalised maximum likelihood. Shrinkage and inverse temperature are cross-validated over
   people and, where several people judged the same texts, over people and texts together (`text_folds`);
2. the differences between people: each person's groups of choices are predicted from their other groups, on top of the
   out-of-fold predictions;
3. the covariance of people's weights: expectation–maximisation, shrunk towards a common variance (`covariance`). The
   amount of shrinkage is selected on held-out people if there are at least 100 people.

A ranking counts as one choice: its pairs have a total weight of 1 in step 1, and its best against its worst response
represents it in steps 2 and 3.

prior = learn(read_people("prism.jsonl.gz"), sources=["prism.jsonl.gz"])
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from personalrm.data.shares import shares
from personalrm.errors import NotEnoughChoices
from personalrm.models.traits.calibrating import thresholds
from personalrm.models.traits.covariance import weight_covariance, weight_variances
from personalrm.models.traits.design import PairFeatures, design_of, read, together
from personalrm.models.traits.features import Array
from personalrm.models.traits.fit import (
    INVERSE_TEMPERATURES,
    cross_fitted,
    integrated,
    lowest,
    shared_weights,
    sharpest,
    softplus,
    text_folds,
)
from personalrm.models.traits.forgetting import learn_half_life, people_in_time
from personalrm.models.traits.gain import PUBLIC, GainPrior, cases_of
from personalrm.models.traits.person import widest_pairs
from personalrm.models.traits.posterior import Person, leave_out_all
from personalrm.models.traits.prior import USUAL_BETWEEN, Prior
from personalrm.models.traits.reader import TraitReader
from personalrm.models.traits.sampled import AllPairs, sampled
from personalrm.models.traits.whole import learned_threshold, rewards_of
from personalrm.preferences import History

if TYPE_CHECKING:
    from personalrm.models.encoders import Encoder

_BETWEEN = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08)
_TRUST, _TRUSTS = 20.0, (10.0, 20.0, 40.0, 80.0)
_VARIANCE_TRUST = 40.0
_ENOUGH_PEOPLE = 100  # minimum people for selecting the shrinkage on held-out people
_FOLDS, _TRUST_FOLDS, _TRUST_ROUNDS = 5, 3, 10
_MOST_CHOICES = 12_000  # maximum choices of the population; 1,062 columns of float32: 51 MB

Codes = NDArray[np.intp]


def learn(
    people: Iterable[History],
    *,
    encoder: Encoder | None = None,
    seed: int = 0,
    sources: Sequence[str] = (),
    reader: TraitReader | None = None,
    new_texts: bool = True,
) -> Prior:
    """Learn a prior; ties are ignored, and people are read one at a time.

    Args:
        people: the population; from more than 12,000 choices, a random subset of the people is used.
        encoder: also learn weights of sentence embeddings.
        seed: random seed of the folds over people and of that subset.
        sources: names of the data sets, for the lineage.
        reader: extracts features from texts; a shared one reads each text once.
        new_texts: whether the prior will predict texts that the population has not judged, as in real use. Shrinkage
            for judged texts is far weaker: on UKP (folds by person) .012 nats better, on new texts .041 worse.

    Raises:
        NotEnoughChoices: there is no decided choice.
    """
    rng = np.random.default_rng(seed)
    reader = reader or TraitReader()
    kept = people_to_learn_from(people, rng)
    known = together([read(one.decided, reader, encoder) for one in kept])
    timed = np.array([all(each.time for each in one.decided) for one in kept])
    counted = counted_once(kept)
    prior = learn_from(known, *person_and_group(kept), rng, new_texts=new_texts, timed=timed, counted=counted)
    threshold = learned_threshold(kept, partial(rewards_of, prior, reader, encoder), prior.covariance)
    return replace(prior, threshold=threshold, lineage={"sources": list(sources), **prior.lineage, "seed": seed})


def learn_from(
    known: PairFeatures,
    person: Codes,
    group: Codes,
    rng: np.random.Generator,
    *,
    new_texts: bool = True,
    timed: NDArray[np.bool_] | None = None,
    counted: Counted | None = None,
) -> Prior:
    """Learn from extracted features: person of each choice (n,), its group (n,), and which people have ordered
    choices."""
    design = design_of(known, with_sense=known.meaning.shape[1] > 0)
    pairs = design.differences(known)
    x, t = design.columns(pairs), pairs.personal
    count = int(person.max()) + 1
    texts = text_folds(person, group) if new_texts else None
    weight, once = (None, slice(None)) if counted is None else counted
    crossed = cross_fitted(x, rng.permutation(count)[person] % min(_FOLDS, count), texts, weight)
    weights = shared_weights(x, shrink=crossed.shrink, weight=weight, step=crossed.step)
    every = None if weight is None else AllPairs(person, group, crossed.outside, t, weight)
    t, person, group = t[once], person[once], group[once]
    few = sampled(person, group, rng)
    differ = _people_differ([one.person(crossed.outside[once], t) for one in few], t.shape[1])
    outside = differ.inverse_temperature * crossed.outside[once]
    gain = _gains([one.whole(outside, t, group) for one in few], differ.without, rng)
    every_pair = None if every is None else every.of_each(few, person, group, differ.inverse_temperature)
    promised = thresholds([one.person(outside, t) for one in few], differ.without, every_pair)
    lineage = {
        "people": count, "choices": len(x), "shrink": crossed.shrink,
        "inverse_temperature": differ.inverse_temperature, "trust": differ.trust,
        "new_texts": new_texts, "log_loss_of_unseen_people": differ.losses,
    }  # fmt: skip
    prior = design.filled(weights * differ.inverse_temperature, differ.covariance)
    half_life = learn_half_life(people_in_time(timed, outside, t, person, group), differ.covariance).half_life
    return replace(prior, lineage=lineage, gain=gain, sure=promised, half_life=half_life)


def person_and_group(people: Sequence[History]) -> tuple[Codes, Codes]:
    """Person of each decided choice (n,), and the number of its group among all people's groups."""
    codes: dict[str, int] = {}
    group = [codes.setdefault(one.group, len(codes)) for each in people for one in each.decided]
    return np.repeat(np.arange(len(people)), [len(one.decided) for one in people]), np.array(group, dtype=np.intp)


class Counted(NamedTuple):
    """Weight of each decided choice (n,), and the positions of the choices with one pair per ranking."""

    weight: Array
    once: Codes


def counted_once(people: Sequence[History]) -> Counted | None:
    """Weights that make every ranking count as one choice; None if all choices are between two and count equally."""
    if all(one.ranking is None and one.weight == 1.0 for each in people for one in each.decided):
        return None
    begins = np.cumsum([0, *(len(one.decided) for one in people)])
    once = [begin + np.sort(widest_pairs(one.decided)) for begin, one in zip(begins, people, strict=False)]
    return Counted(np.concatenate([shares(one.decided) for one in people]), np.concatenate(once))


def people_to_learn_from(people: Iterable[History], rng: np.random.Generator) -> list[History]:
    """People with decided choices; a random subset if there are more than ``_MOST_CHOICES`` choices."""
    kept: list[History] = []
    total = 0
    for one in people:
        if not one.decided:
            continue
        kept.append(one)
        total += len(one.decided)
        while total > _MOST_CHOICES and len(kept) > 1:
            total -= len(kept.pop(int(rng.integers(len(kept)))).decided)
    if not kept:
        raise NotEnoughChoices("The population has no decided choice: give a file of other people's choices.")
    return kept


def _gains(people: Sequence[Person], without: Sequence[Array], rng: np.random.Generator) -> GainPrior:
    """Gains from own weights of these people, with population weights and a covariance learned without them.

    With a covariance learned from the same people the share of gains is too high: 60 % instead of 55 % (PRISM,
        MT-Bench).
    """
    return GainPrior.learned(cases_of(people, without, rng)) or PUBLIC


@dataclass(frozen=True, slots=True)
class _Differences:
    """The differences between people.

    Attributes:
        covariance: covariance of the personal weights among people (p, p).
        without: the same, learned without each third of the people: person i is not in the data of ``without[i % 3]``.
        inverse_temperature: factor of the population's log-odds.
        trust: pseudo-people of the common variance; None with too little data.
        losses: log loss of held-out people, by the population's weights and by their own.
    """

    covariance: Array
    without: Sequence[Array]
    inverse_temperature: float
    trust: float | None
    losses: dict[str, float]


def _people_differ(people: Sequence[Person], width: int) -> _Differences:
    usual = np.full(width, USUAL_BETWEEN)
    if not any(one.offset.any() for one in people):
        return _Differences(np.diag(usual), [np.diag(usual)], 1.0, None, {})
    alone = np.concatenate([one.offset for one in people])
    heat, population_loss = sharpest(alone)[::-1]
    inverse_temperature = lowest(INVERSE_TEMPERATURES, heat, lambda one: _loss(_sharpened(people, one), usual))
    people = _sharpened(people, inverse_temperature)
    common = np.full(width, lowest(_BETWEEN, _BETWEEN[3], lambda one: _loss(people, np.full(width, one))))
    variances = weight_variances(people, common, trust=_VARIANCE_TRUST)
    if len(people) >= _ENOUGH_PEOPLE:
        trust, without = _trusted(people, variances)
    else:
        trust, without = _TRUST, covariances_without(people, variances, _TRUST)
    covariance = weight_covariance(people, variances, trust=trust)
    losses = {
        "population": population_loss,
        "personal": _loss(people, covariance),
    }
    rounded = {name: round(value, 4) for name, value in losses.items()}
    return _Differences(covariance, without, inverse_temperature, trust, rounded)


def covariances_without(people: Sequence[Person], variances: Array, trust: float) -> list[Array]:
    """Covariances (p, p) of people's weights; the i-th is learned without every third person from the i-th on."""
    return [_held_out(people, fold, variances, trust) for fold in range(_TRUST_FOLDS)]


def _held_out(people: Sequence[Person], fold: int, variances: Array, trust: float) -> Array:
    """The covariance without every third person."""
    learned = [one for at, one in enumerate(people) if at % _TRUST_FOLDS != fold]
    if not learned:
        return np.diag(variances)
    return weight_covariance(learned, variances, trust=trust, rounds=_TRUST_ROUNDS)


def _sharpened(people: Sequence[Person], inverse_temperature: float) -> list[Person]:
    return [Person(inverse_temperature * one.offset, one.t, one.groups) for one in people]


def _loss(people: Sequence[Person], covariance: Array) -> float:
    """Mean log loss of their choices, each part predicted from the others, in nats per choice."""
    found = leave_out_all(people, covariance)
    return float(np.mean(np.concatenate([softplus(-integrated(*one)) for one in found])))


def _trusted(people: Sequence[Person], variances: Array) -> tuple[float, list[Array]]:
    """The shrinkage for which a covariance learned from some people predicts the others best; `covariances_without`."""
    without = cache(partial(covariances_without, people, variances))

    def held_out_loss(trust: float) -> float:
        total = 0.0
        for fold, covariance in enumerate(without(trust)):
            others = people[fold::_TRUST_FOLDS]
            total += _loss(others, covariance) * sum(len(one.offset) for one in others)
        return total

    trust = lowest(_TRUSTS, _TRUST, held_out_loss)
    return trust, without(trust)
