"""Design matrix of responses: features scaled by the expected size of their weights.

All Bradley–Terry weights get the same ridge penalty, so each column is scaled by the prior standard deviation of its
weight. `design_of` estimates the units of traits, words and kinds of message from choices; `Design` holds them.

    design = design_of([read(history.decided, reader) for history in people])
    design.columns(design.blank.units(reader, [(message, response)]))       # (1, d); differences of rows are choices
    design.filled(weights, covariance)                                       # weights of columns as a Prior
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from personalrm.models.traits.embedding_weights import relate
from personalrm.models.traits.features import KINDS, TRAITS, Array, last_message
from personalrm.models.traits.prior import PERSONAL, PERSONAL_COLUMNS, EmbeddingWeights, Prior, StandardizedFeatures
from personalrm.models.traits.reader import TraitReader
from personalrm.preferences import Preference

if TYPE_CHECKING:
    from personalrm.models.encoders import Encoder

# Prior standard deviations of the parts (log-odds per standard unit), from cross-validation on prism and mt_bench;
# the result is flat around them: half or double costs less than 0.002 nats.
TRAIT_SD, WORD_SD, KIND_SD, SIMILARITY_SD, MEANING_SD = 0.07, 0.5, 0.055, 0.22, 0.55
_CHUNK = 32
_BLOCK = 1_024
_DIGITS = 6

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PairFeatures:
    """Features of n choices.

    Attributes:
        chosen, rejected: traits of the two responses (n, T).
        words: presence of common words, chosen minus rejected (n, W).
        kinds: kinds of the message (n, K).
        similar: similarity of the chosen and of the rejected response to the message (n, 2); (n, 0) without encoder.
        meaning: difference of the embeddings (n, 384); (n, 0) without encoder.
    """

    chosen: Floats
    rejected: Floats
    words: NDArray[np.int8]
    kinds: Floats
    similar: Floats
    meaning: Floats


@dataclass(frozen=True, slots=True)
class Design:
    """Units of the columns.

    Attributes:
        blank: a prior with the units of the traits and zero weights.
        words: scale of each word (W,).
        kind_mean, kind_scale: mean and scale of each kind of message (K,).
    """

    blank: Prior
    words: Array
    kind_mean: Array
    kind_scale: Array

    def columns(self, units: StandardizedFeatures) -> Floats:
        """Columns (n, d), scaled so that every weight has the same prior N(0, 1 / shrink).

        Computed in blocks of rows: intermediate results of 12,000 rows would take 200 MB.
        """
        if len(units.kinds) <= _BLOCK:
            return self._block(units)
        found = np.empty((len(units.kinds), self._block(units.rows(slice(1))).shape[1]), dtype=np.float32)
        for at in range(0, len(found), _BLOCK):
            found[at : at + _BLOCK] = self._block(units.rows(slice(at, at + _BLOCK)))
        return found

    def _block(self, units: StandardizedFeatures) -> Floats:
        kinds = (units.kinds - self.kind_mean) / self.kind_scale
        crossed = units.traits[:, PERSONAL_COLUMNS, None] * kinds[:, None, :]
        parts = (
            units.traits * TRAIT_SD,
            units.words * self.words,
            crossed.reshape(len(kinds), -1),
            units.similarity * SIMILARITY_SD,
            units.meaning * MEANING_SD,
        )
        return np.hstack([part.astype(np.float32) for part in parts])

    def differences(self, known: PairFeatures) -> StandardizedFeatures:
        """Features of the chosen minus those of the rejected responses, in standard units (n rows)."""
        similar = known.similar.astype(float)
        spread = self.blank.sense.scale if self.blank.sense is not None else 1.0
        return StandardizedFeatures(
            self.blank.standard(known.chosen) - self.blank.standard(known.rejected),
            known.words.astype(np.float32),
            known.kinds.astype(float),
            (similar[:, :1] - similar[:, 1:]) / spread,
            known.meaning.astype(float),
        )

    def filled(self, weights: Array, covariance: Array) -> Prior:
        """A prior with these weights of the columns (d,), converted to weights per standard unit."""
        sizes = np.cumsum([len(TRAITS), len(self.words), len(PERSONAL) * len(KINDS)])
        traits, words, crossed, sense = np.split(weights, sizes)
        traits = traits * TRAIT_SD
        kinds = crossed.reshape(len(PERSONAL), len(KINDS)) / self.kind_scale
        traits[PERSONAL_COLUMNS] -= kinds @ self.kind_mean
        filled = replace(
            self.blank,
            traits=_rounded(traits),
            words=_rounded(words * self.words),
            kinds=_rounded(kinds),
            covariance=_rounded(covariance),
        )
        if self.blank.sense is None:
            return filled
        meaning = _rounded(sense[1:] * MEANING_SD)
        similarity = _short(sense[0] * SIMILARITY_SD)
        return replace(filled, sense=replace(self.blank.sense, similarity=similarity, meaning=meaning))


def read(choices: Sequence[Preference], reader: TraitReader, encoder: Encoder | None = None) -> PairFeatures:
    """Features of one person's choices; at least one."""
    parts = [_read_chunk(choices[at : at + _CHUNK], reader, encoder) for at in range(0, len(choices), _CHUNK)]
    columns: list[Any] = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return PairFeatures(*columns)


def together(blocks: Sequence[PairFeatures]) -> PairFeatures:
    """Concatenate the features of several people's choices."""
    return PairFeatures(*(np.concatenate([getattr(one, name) for one in blocks]) for name in PairFeatures.__slots__))


def design_of(known: PairFeatures, *, with_sense: bool) -> Design:
    """Estimate the units from choices; ``with_sense`` also those of an encoder's similarity and embedding."""
    often = np.sqrt(np.square(known.words, dtype=np.float32).mean(axis=0) / 2.0)
    return Design(
        _blank(known, with_sense=with_sense),
        words=WORD_SD / np.sqrt(len(often)) / np.maximum(often, 0.05),
        kind_mean=known.kinds.mean(axis=0).astype(float),
        kind_scale=np.maximum(known.kinds.std(axis=0).astype(float), 0.1) * np.sqrt(len(KINDS)) / KIND_SD,
    )


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


def _blank(known: PairFeatures, *, with_sense: bool) -> Prior:
    """A prior with the units of the traits and zero weights.

    The unit of a trait is the standard deviation of its difference within a choice, because the model is fitted to
    differences. It is at least a tenth of the standard deviation over responses, so that a trait that rarely differs
    within a choice is not scaled up.
    """
    both = np.concatenate([known.chosen, known.rejected]).astype(float)
    deviation = both.std(axis=0)
    scale = np.maximum((known.chosen - known.rejected).astype(float).std(axis=0), 0.1 * deviation)
    scale[scale < 1e-6] = 1.0
    sense = None
    if with_sense:
        spread = float(known.similar.std()) or 1.0
        sense = EmbeddingWeights(
            _short(float(known.similar.mean())), _short(spread), 0.0, np.zeros(known.meaning.shape[1])
        )
    return Prior.unweighted(_rounded(both.mean(axis=0)), _rounded(scale), sense)


def _rounded(values: Array) -> Array:
    """Values with six significant digits, so that a saved prior is identical to the one in memory."""
    return np.array([_short(value) for value in values.ravel()]).reshape(values.shape)


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
