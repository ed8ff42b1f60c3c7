"""Query selection (active learning): which pair should a user be asked to compare next?

    next_questions(history, read_candidates("pairs.jsonl"), predictor.of_pairs, top=3)    # [Question(candidate, …)]
    select_queries(posterior, "information", 3)                  # indices of the three pairs, selected greedily

The input is a `MarginPosterior`: margins m + F z, z ~ N(0, I), with s² = |f|² the variance of one margin, and w
(`gain_weight`) the share of a variance that an answer removes. The criteria, of pair i (n,), do not depend on which
response comes first, and are zero where the responses are identical:

    information    H[E σ] − E H[σ]                      BALD (arXiv 1112.5745): information about the user, nats
    prediction     ½ wᵢ Σⱼ wⱼ (fᵢ·fⱼ)²                  EPIG (arXiv 2304.08151): about all candidates' answers
    pref           σ'(mᵢ)² sᵢ²                          PReF (arXiv 2503.06358), s² = vᵀ H⁻¹ v

Expected log loss on pairs not asked, embedded engine, 160 simulated people, after 4 (8) answers: random 0.6504
(0.6357), information 0.6430 (0.6251), prediction 0.6447 (0.6258), pref 0.6424 (0.6261). A PReF model, 40 people, mean
over 1 to 12 answers: random 0.6560, information 0.6472, prediction 0.6495, pref 0.6493. The three hardly differ; the
first is best on average and needs no pool. docs/asking.md has results on real people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from personalrm.data.candidates import Candidate
from personalrm.errors import DataError
from personalrm.models.traits.fit import Array, sigmoid
from personalrm.models.uncertainty import MarginPosterior
from personalrm.preferences import History, Message, Pair
from personalrm.renamed import renamed

Criterion = Literal["information", "prediction", "pref"]
CRITERIA: tuple[Criterion, ...] = get_args(Criterion)
_MOST_TRAITS = 3
"""Traits named for each question."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(40)


def pref(posterior: MarginPosterior) -> Array:
    """σ'(m)² s²: first-order variance of the predicted probability (n,)."""
    p = sigmoid(posterior.margin)
    found: Array = (p * (1.0 - p)) ** 2 * posterior.variance
    return found


def information(posterior: MarginPosterior) -> Array:
    """H[E σ(N(m, s²))] − E H[σ(N(m, s²))] (n,), nats: mutual information of the answer and the user's weights."""
    margins = posterior.margin[:, None] + np.sqrt(posterior.variance)[:, None] * _NODES
    weights = _WEIGHTS / _WEIGHTS.sum()
    found: Array = _entropy(sigmoid(margins) @ weights) - _entropy(sigmoid(margins)) @ weights
    return np.where(posterior.variance > 0.0, np.maximum(found, 0.0), 0.0)


def prediction(posterior: MarginPosterior) -> Array:
    """½ wᵢ Σⱼ wⱼ (fᵢ·fⱼ)² (n,), nats: second-order reduction of the expected log loss over all answers.

    Two answers with covariance E σ'ᵢ E σ'ⱼ (fᵢ·fⱼ) have a mutual information of about ½ cov² / (var var) nats.
    """
    return 0.5 * _variance_reduction(posterior, posterior.gain_weight)


def _variance_reduction(posterior: MarginPosterior, weights: Array) -> Array:
    """Reduction of the weighted sum of all variances by an answer to each pair (n,): wᵢ Σⱼ weightⱼ (fᵢ·fⱼ)²."""
    every = posterior.factor.T @ (posterior.factor * weights[:, None])
    found: Array = posterior.gain_weight * np.maximum(
        np.einsum("nr,rs,ns->n", posterior.factor, every, posterior.factor), 0.0
    )
    return found


_MEASURES: Mapping[Criterion, Callable[[MarginPosterior], Array]] = {
    "information": information,
    "prediction": prediction,
    "pref": pref,
}


def _entropy(p: Array) -> Array:
    inside = np.clip(p, 1e-300, 1.0), np.clip(1.0 - p, 1e-300, 1.0)
    return -(p * np.log(inside[0]) + (1.0 - p) * np.log(inside[1]))


def select_queries(posterior: MarginPosterior, criterion: Criterion, count: int) -> list[int]:
    """Indices of the pairs to ask, best first; ties go to the earlier. Fewer than ``count`` if no more are informative.

    Greedy: each pair is chosen under the posterior expected after the answers before it, so that redundant pairs, such
    as those of one conversation, are not asked in a row.
    """
    return [at for at, _ in _greedy(posterior, criterion, count)]


def _greedy(posterior: MarginPosterior, criterion: Criterion, count: int) -> Iterator[tuple[int, MarginPosterior]]:
    """Each selected pair, and the posterior under which it is selected."""
    chosen: list[int] = []
    while len(chosen) < min(count, len(posterior.margin)):
        values = _MEASURES[criterion](posterior)
        values[chosen] = 0.0
        best = int(values.argmax())
        if values[best] <= 0.0:
            return
        yield best, posterior
        chosen.append(best)
        posterior = posterior.after(best)


@dataclass(frozen=True, slots=True)
class WeightReduction:
    """A trait, and the share of its weight's posterior variance that an answer is expected to remove."""

    trait: str
    share: float


@dataclass(frozen=True, slots=True)
class Question:
    """A pair to ask.

    Attributes:
        candidate: the pair.
        probability: that ``candidate.a`` is preferred, under the present posterior.
        variance_removed: share of the variance of this user's answers to all candidates that the answer is expected to
            remove, beyond that of the questions before it; the shares add up.
        settles: the traits on whose weights it is most informative, in order; empty if the model has no named traits.
        value: of the criterion, in its own unit.
    """

    candidate: Candidate
    probability: float
    variance_removed: float
    settles: tuple[WeightReduction, ...]
    value: float


def next_questions(
    history: History,
    candidates: Iterable[Candidate],
    posterior: Callable[[Sequence[Pair]], MarginPosterior],
    *,
    top: int = 1,
    criterion: Criterion = "information",
) -> list[Question]:
    """The pairs to ask this user, best first; fewer than ``top`` if no more are informative.

    Args:
        history: the answers so far.
        candidates: the pairs to choose from.
        posterior: gives the posterior over the margins of some pairs.
        top: number of questions.
        criterion: acquisition function, one of `CRITERIA`.

    Raises:
        DataError: an impossible ``top`` or ``criterion``.
    """
    if criterion not in CRITERIA:
        raise DataError(f"criterion: expected {', '.join(CRITERIA)}, found '{criterion}'")
    if top < 1:
        raise DataError(f"top: expected at least 1 question, found {top}")
    left = unanswered(history, candidates)
    pairs = [(one.context, one.a, one.b) for one in left]
    first = posterior(pairs) if pairs else MarginPosterior(np.zeros(0), np.zeros((0, 0)), np.zeros((0, 0)))
    total = float(first.gain_weight @ first.variance)
    probabilities = first.probabilities
    return [
        Question(
            left[at],
            float(probabilities[at]),
            float(_variance_reduction(now, first.gain_weight)[at]) / total,
            _weight_reductions(now, at),
            float(_MEASURES[criterion](now)[at]),
        )
        for at, now in _greedy(first, criterion, top)
    ]


def unanswered(history: History, candidates: Iterable[Candidate]) -> list[Candidate]:
    """The candidates that can be asked: not answered, no duplicates, and two different responses.

    Texts are compared, not ids: those are unique within one file only.
    """
    met = {_texts(one.context, one.chosen, one.rejected) for one in history}
    left = []
    for one in candidates:
        texts = _texts(one.context, one.a, one.b)
        if texts not in met and one.a != one.b:
            left.append(one)
        met.add(texts)
    return left


def _texts(context: Sequence[Message], one: str, other: str) -> tuple[tuple[Message, ...], str, str]:
    return tuple(context), min(one, other), max(one, other)


def _weight_reductions(posterior: MarginPosterior, pair: int) -> tuple[WeightReduction, ...]:
    """The traits on whose weights the answer is most informative."""
    before = np.einsum("pr,pr->p", posterior.weight_factor, posterior.weight_factor)
    shares = (
        posterior.gain_weight[pair]
        * (posterior.weight_factor @ posterior.factor[pair]) ** 2
        / np.maximum(before, 1e-12)
    )
    order = np.argsort(-shares, kind="stable")[:_MOST_TRAITS]
    return (
        tuple(WeightReduction(posterior.names[at], float(shares[at])) for at in order if shares[at] > 0.0)
        if posterior.names
        else ()
    )


__getattr__ = renamed(__name__, {"several": "select_queries", "Settled": "WeightReduction"})
