"""The prior of the embedded engine: what is known about a person's preferences before their first choice.

A ``Prior`` contains the population's weights of the traits, of common words and of traits by kind of message, the
covariance of people's weights, and its training data (``lineage``). It contains coefficients only, no texts.
``learning.learn`` creates one.

    prior = learn(read_people("prism.jsonl.gz"))
    side = prior.units(reader, [("How do I boil an egg?", "Ten minutes.")])      # a response in standard units
    other = prior.units(reader, [("How do I boil an egg?", "I can't help.")])
    prior.population_logits(side.minus(other))         # log-odds that the first is preferred
    Prior.from_json(prior.as_json())                                             # the same prior
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalrm.errors import ProfileError
from personalrm.models.encoders import Encoder
from personalrm.models.traits import sure as thresholds
from personalrm.models.traits.embedding_weights import WIDTH, relate
from personalrm.models.traits.features import KINDS, TRAITS, Array
from personalrm.models.traits.gain import PUBLIC, GainPrior
from personalrm.models.traits.lexicon import common_words
from personalrm.models.traits.reader import TraitReader
from personalrm.models.traits.thumbs import USUAL, Threshold

# The traits in which people may differ, and which depend on the kind of message: those that can be named to a person.
# Letting all 85 differ predicts no better (prism, log loss 0.5485 against 0.5455 for these).
PERSONAL: tuple[str, ...] = (
    "length", "words per sentence", "numbered items", "bullets", "lines", "hedging words", "first person",
    "second person", "questions asked", "ends with a question", "refusal", "no opinion of its own", "as an AI",
    "own opinion", "offer to help", "balance words", "numbers", "capital letters", "answers the question's words",
    "length of words", "exclamation marks", "warm words", "empathy", "negations", "examples given",
    "starts with yes", "starts with no",
)  # fmt: skip
PERSONAL_COLUMNS = [TRAITS.index(name) for name in PERSONAL]

USUAL_BETWEEN = 0.03
"""Variance of a personal trait's weight between people, without data."""
LARGEST, SMALLEST_SCALE = 1e9, 1e-9
"""Largest absolute value of a prior's numbers; larger ones would overflow later and mean a damaged file."""
_CLIP = 5.0  # standard units; larger values are not more informative (a 200,000-character response is just "very long")


@dataclass(frozen=True, slots=True)
class EmbeddingWeights:
    """The encoder's part: mean and deviation of the similarity to the message, its weight, weights of the embedding."""

    centre: float
    scale: float
    similarity: float
    meaning: Array

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> EmbeddingWeights:
        """Raises KeyError, TypeError or ValueError if a part is missing or no number."""
        centre, similarity = (float(numbers(state[name], ())) for name in ("centre", "similarity"))
        scale = float(numbers(state["scale"], (), SMALLEST_SCALE))
        return cls(centre, scale, similarity, numbers(state["meaning"], (WIDTH,)))


@dataclass(frozen=True, slots=True)
class StandardizedFeatures:
    """Features of responses in standard units, or their differences.

    Attributes:
        traits, words, kinds: as in ``Rows``, traits standardised and clipped.
        similarity: encoder similarity to the message, (n, 1), or (n, 0) without an encoder.
        meaning: embedding of the response (n, 384), or (n, 0).
    """

    traits: Array
    words: NDArray[np.float32]
    kinds: Array
    similarity: Array
    meaning: Array

    def minus(self, other: StandardizedFeatures) -> StandardizedFeatures:
        """Differences; the kinds stay the same, because both responses answer the same message."""
        return StandardizedFeatures(
            self.traits - other.traits,
            self.words - other.words,
            self.kinds,
            self.similarity - other.similarity,
            self.meaning - other.meaning,
        )

    def rows(self, chosen: slice) -> StandardizedFeatures:
        """A subset of the rows."""
        return StandardizedFeatures(
            self.traits[chosen],
            self.words[chosen],
            self.kinds[chosen],
            self.similarity[chosen],
            self.meaning[chosen],
        )

    @property
    def personal(self) -> Array:
        """The features in which people may differ: personal traits and, with the encoder, the similarity (n, P or P +
        1)."""
        return np.hstack([self.traits[:, PERSONAL_COLUMNS], self.similarity])


@dataclass(frozen=True, slots=True)
class Prior:
    """See the module's docstring.

    Attributes:
        centre, scale: mean and scale of each trait (T,); a standard unit is (value - centre) / scale, clipped to ±5.
        traits: the population's weight of each trait, log-odds per standard unit (T,).
        words: weight of each common word that is present (W,).
        kinds: adjustment of the weight of a personal trait for each kind of message (P, K).
        covariance: of people's weights around the population's (P, P); one more dimension with the encoder.
        sense: the weights for the encoder, or None.
        lineage: data sets, counts and settings of its training.
        gain: gains from own weights of the people it was learned from.
        sure: confidence thresholds for each risk that can be guaranteed.
        half_life: number of choices after which a choice's weight is halved; None: no forgetting (see `forgetting`).
        threshold: distribution of people's thresholds for thumbs.
    """

    centre: Array
    scale: Array
    traits: Array
    words: Array
    kinds: Array
    covariance: Array
    sense: EmbeddingWeights | None = None
    lineage: Mapping[str, Any] = field(default_factory=dict)
    gain: GainPrior = PUBLIC
    sure: thresholds.Thresholds = ()
    half_life: float | None = None
    threshold: Threshold = USUAL

    @classmethod
    def unweighted(cls, centre: Array, scale: Array, sense: EmbeddingWeights | None = None) -> Prior:
        """A prior with the units of the traits and zero weights."""
        return cls(
            centre=centre,
            scale=scale,
            traits=np.zeros(len(TRAITS)),
            words=np.zeros(len(common_words())),
            kinds=np.zeros((len(PERSONAL), len(KINDS))),
            covariance=USUAL_BETWEEN * np.eye(len(PERSONAL) + (sense is not None)),
            sense=sense,
        )

    def as_json(self) -> dict[str, Any]:
        """Named lists and numbers with six significant digits (the prior is rounded when it is learned)."""
        state: dict[str, Any] = {
            "lineage": dict(self.lineage),
            "traits": list(TRAITS),
            "centre": self.centre.tolist(),
            "scale": self.scale.tolist(),
            "weights": self.traits.tolist(),
            "words": self.words.tolist(),
            "kinds": self.kinds.tolist(),
            "covariance": self.covariance[np.triu_indices(len(self.covariance))].tolist(),
            "gain": self.gain.as_json(),
            "sure": thresholds.as_json(self.sure),
        }
        if self.half_life is not None:
            state["half_life"] = self.half_life
        if self.threshold != USUAL:
            state["threshold"] = list(self.threshold)
        if self.sense is not None:
            state["sense"] = {
                "centre": self.sense.centre,
                "scale": self.sense.scale,
                "similarity": self.sense.similarity,
                "meaning": self.sense.meaning.tolist(),
            }
        return state

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Prior:
        """Raises ProfileError if the traits are those of another version, or a part is missing or of the wrong size."""
        try:
            if tuple(state["traits"]) != TRAITS:
                raise ProfileError("The profile's traits are those of another version of personalrm; fit it again.")
            sense = None if state.get("sense") is None else EmbeddingWeights.from_json(state["sense"])
            each = (len(TRAITS),)
            return cls(
                centre=numbers(state["centre"], each),
                scale=numbers(state["scale"], each, SMALLEST_SCALE),
                traits=numbers(state["weights"], each),
                words=numbers(state["words"], (len(common_words()),)),
                kinds=numbers(state["kinds"], (len(PERSONAL), len(KINDS))),
                covariance=_covariance(state, len(PERSONAL) + (sense is not None)),
                sense=sense,
                lineage=state["lineage"],
                gain=GainPrior.from_json(state["gain"]) if "gain" in state else PUBLIC,
                sure=thresholds.from_json(state.get("sure", ())),
                half_life=float(numbers(state["half_life"], (), 1.0)) if "half_life" in state else None,
                threshold=Threshold.from_json(state["threshold"]) if "threshold" in state else USUAL,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ProfileError(f"The trait weights of the profile are damaged ({error!r}); fit it again.") from error

    def standard(self, traits: NDArray[Any]) -> Array:
        """Convert traits (n, T) to standard units, clipped."""
        return np.clip((traits - self.centre) / self.scale, -_CLIP, _CLIP)

    def units(
        self, reader: TraitReader, pairs: Sequence[tuple[str, str]], encoder: Encoder | None = None
    ) -> StandardizedFeatures:
        """Features of responses (message, response) in standard units; needs the encoder if the prior has a
        ``sense``."""
        rows = reader.rows(pairs)
        traits = self.standard(rows.traits)
        if self.sense is None or encoder is None:
            empty = np.zeros((len(pairs), 0))
            return StandardizedFeatures(traits, rows.words, rows.kinds, empty, empty)
        similarity, meaning = relate(encoder, pairs)
        centred = (similarity[:, None] - self.sense.centre) / self.sense.scale
        return StandardizedFeatures(traits, rows.words, rows.kinds, centred, meaning)

    def with_lineage(self, lineage: Mapping[str, Any]) -> Prior:
        """The same prior with another lineage."""
        return replace(self, lineage=lineage)

    def personal_weights(self) -> Array:
        """The population's weights of the personal traits (p,), in the order of ``covariance``."""
        own = self.traits[PERSONAL_COLUMNS]
        return own if self.sense is None else np.append(own, self.sense.similarity)

    def population_logits(self, side: StandardizedFeatures) -> Array:
        """Log-odds of each row by the population's weights (n,)."""
        total = side.traits @ self.traits + side.words @ self.words
        total += ((side.traits[:, PERSONAL_COLUMNS] @ self.kinds) * side.kinds).sum(axis=1)
        if self.sense is not None:
            total += side.similarity[:, 0] * self.sense.similarity + side.meaning @ self.sense.meaning
        result: Array = total
        return result


def numbers(value: Any, shape: tuple[int, ...], least: float = -LARGEST) -> Array:
    """An array of exactly this shape; TypeError or ValueError for another shape or unusable numbers.

    Args:
        least: the smallest allowed number.
    """
    found: Array = np.array(value, dtype=float)
    if found.shape != shape or not (np.abs(found) <= LARGEST).all():  # false for NaN as well
        raise ValueError(f"expected numbers up to {LARGEST:g} in shape {shape}, found shape {found.shape}")
    if (found < least).any():
        raise ValueError(f"expected numbers of at least {least:g}, found {found.min():g}")
    return found


def symmetric(upper: Array, size: int) -> Array:
    """A symmetric matrix from its upper triangle, row by row."""
    whole = np.zeros((size, size))
    rows, columns = np.triu_indices(size)
    whole[rows, columns] = upper
    whole[columns, rows] = upper
    return whole


def _covariance(state: Mapping[str, Any], size: int) -> Array:
    """The stored covariance; profiles of 0.1 have variances only. ValueError if it is not a covariance."""
    if "covariance" not in state:
        found = np.diag(numbers(state["between"], (size,), 0.0))
    else:
        found = symmetric(numbers(state["covariance"], (size * (size + 1) // 2,)), size)
    if np.linalg.eigvalsh(found)[0] <= 0.0:
        raise ValueError("the covariance of people's weights is not positive definite")
    return found


def check_units(centre: Array, scale: Array) -> None:
    """ValueError unless these can be centre and scale of the traits."""
    numbers(centre, (len(TRAITS),))
    numbers(scale, (len(TRAITS),), SMALLEST_SCALE)
