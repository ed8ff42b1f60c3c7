"""Feature vector of a response in its conversation: readable traits, an encoder's embedding, or both.

    features = learn_features("traits+minilm", people, encoder_named("minilm"))
    features.of([(context, response)]).shape                # (1, d); a choice is the difference of two rows
    features.personal(rows).shape                           # (1, p): the columns in which users may differ

All columns are scaled so that the same prior variance suits every weight. Users may differ in the readable traits and
in the similarity of a response to the question; without traits, in the principal directions of response differences.
(On PRISM, 3 seeds, 16 such directions in addition to the traits make PReF worse: log loss 0.5521 against 0.5508.)
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from personalrm.errors import NotEnoughChoices
from personalrm.models.encoders import Encoder
from personalrm.models.learned.people import Floats
from personalrm.models.traits.design import (
    MEANING_SD,
    SIMILARITY_SD,
    TRAIT_SD,
    Design,
    design_of,
    read,
    together,
)
from personalrm.models.traits.features import last_message
from personalrm.models.traits.prior import PERSONAL_COLUMNS
from personalrm.models.traits.reader import TraitReader
from personalrm.preferences import History, Message

Item = tuple[Sequence[Message], str]
"""A response in its conversation."""
PERSONAL_SD = 0.17
"""Standard deviation of a trait's weight over users, log-odds per standard unit; the traits engine estimates √0.03."""
_DIRECTIONS = 16
_ENOUGH = 4_000  # choices that centre and scale are estimated from
_CHUNK = 64
_REMEMBER = 4_096
TRAITS = "traits"


def encoder_part(name: str) -> str | None:
    """The encoder in a feature name; None if there is none."""
    if name == TRAITS:
        return None
    return name.removeprefix(f"{TRAITS}+")


@dataclass(frozen=True, slots=True)
class Features:
    """See the module's docstring.

    Attributes:
        name: as in the settings.
        design: centre and scale of the traits; None without traits.
        encoder: None without embeddings.
        similarity: mean and standard deviation of a response's similarity to the last message.
        directions: principal directions of the embedding in which users may differ, without traits (16, width).
        kept: cache of recent rows, by conversation and response.
    """

    name: str
    design: Design | None
    encoder: Encoder | None
    similarity: tuple[float, float] = (0.0, 1.0)
    directions: Floats | None = None
    kept: OrderedDict[tuple[str, str], Floats] = field(default_factory=OrderedDict, repr=False, compare=False)

    def of(self, items: Sequence[Item]) -> Floats:
        """Rows (n, d); repeated responses are computed once, and the last 4,096 rows are cached (24 MB)."""
        keys = [("\0".join(one.content for one in context), response) for context, response in items]
        found = {key: row for key in keys if (row := self.kept.get(key)) is not None}
        new = {key: item for key, item in zip(keys, items, strict=True) if key not in found}
        found |= zip(new, self._read(list(new.values())), strict=True)
        rows = [found[key] for key in keys]
        self.kept.update((key, found[key].copy()) for key in islice(new, max(0, len(new) - _REMEMBER), None))
        while len(self.kept) > _REMEMBER:
            self.kept.popitem(last=False)
        return np.stack(rows) if rows else np.zeros((0, self.width), np.float32)

    @property
    def width(self) -> int:
        """Features per row, d."""
        return self._trait_columns + (0 if self.encoder is None else 1 + self.encoder.width)

    def personal(self, rows: Floats) -> Floats:
        """The columns in which users may differ (…, p), from rows (…, d)."""
        parts = []
        at = self._trait_columns
        if self.design is not None:
            parts.append(rows[..., PERSONAL_COLUMNS] * (PERSONAL_SD / TRAIT_SD))
        if self.encoder is not None:
            parts.append(rows[..., at : at + 1] * (PERSONAL_SD / SIMILARITY_SD))
        if self.directions is not None:
            parts.append(rows[..., at + 1 :] @ self.directions.T)
        return np.concatenate(parts, axis=-1)

    @property
    def _trait_columns(self) -> int:
        if self.design is None:
            return 0
        blank = self.design.blank
        return len(blank.traits) + len(blank.words) + blank.kinds.size

    def _read(self, items: Sequence[Item]) -> Floats:
        if not items:
            return np.zeros((0, self.width), np.float32)
        return np.hstack([part for part in (self._traits(items), self._embedded(items)) if part is not None])

    def _traits(self, items: Sequence[Item]) -> Floats | None:
        if self.design is None:
            return None
        reader, found = TraitReader(), []
        for at in range(0, len(items), _CHUNK):
            pairs = [(last_message(context), response) for context, response in items[at : at + _CHUNK]]
            found.append(self.design.columns(self.design.blank.units(reader, pairs)))
        return np.concatenate(found) if found else None

    def _embedded(self, items: Sequence[Item]) -> Floats | None:
        if self.encoder is None:
            return None
        similar, meaning = _relate(self.encoder, items)
        centre, scale = self.similarity
        near = (similar - centre) / scale * SIMILARITY_SD
        return np.hstack([near[:, None], meaning * MEANING_SD]).astype(np.float32)


def learn_features(name: str, people: Sequence[History], encoder: Encoder | None) -> Features:
    """Fit centre, scale and directions to a population's choices; ``encoder`` is the one that the name asks for.

    Raises:
        NotEnoughChoices: no decided choice.
    """
    some = _some(people)
    if not some:
        raise NotEnoughChoices("the population holds no decided choice: give a file of other people's choices")
    design = None
    if name.startswith(TRAITS):
        reader = TraitReader()
        design = design_of(together([read(one.decided, reader) for one in some]), with_sense=False)
    if encoder is None:
        return Features(name, design, None)
    choices = list(islice((choice for one in some for choice in one.decided), _ENOUGH))
    similar, meaning = _relate(encoder, [(one.context, text) for one in choices for text in (one.chosen, one.rejected)])
    directions = None if design is not None else _directions(meaning[0::2] - meaning[1::2])
    return Features(name, design, encoder, (float(similar.mean()), float(similar.std()) or 1.0), directions)


def _some(people: Iterable[History]) -> list[History]:
    """People until there are enough choices to estimate centre and scale from."""
    found, choices = [], 0
    for one in people:
        if one.decided and choices < _ENOUGH:
            found.append(one)
            choices += len(one.decided)
    return found


def _relate(encoder: Encoder, items: Sequence[Item]) -> tuple[Floats, Floats]:
    """Cosine similarity of each response to the last message (n,), and its embedding (n, width)."""
    texts = [encoder.text(context, response) for context, response in items]
    both = encoder.embed([last_message(context) for context, _ in items] + texts)
    messages, responses = both[: len(items)], both[len(items) :]
    return (messages * responses).sum(axis=1), responses


def _directions(differences: Floats) -> Floats:
    """Principal directions of response differences, in the columns of `Features.of`, scaled to unit deviation."""
    _, _, right = np.linalg.svd(differences, full_matrices=False)
    kept = right[: min(_DIRECTIONS, len(right))]
    spread = (differences @ kept.T).std()
    found: Floats = (kept * (PERSONAL_SD / MEANING_SD / max(float(spread), 1e-9))).astype(np.float32)
    return found
