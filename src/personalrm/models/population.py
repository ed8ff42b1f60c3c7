"""Priors learned from a population, cached: one for people outside it, and one for each person in it.

priors = PopulationPriors("prism.jsonl.gz", encoder=False, seed=0)
priors.without("ada")                 # TraitsModel whose prior was learned without ada's choices
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from personalrm.data.reading import read_people
from personalrm.errors import NotEnoughChoices
from personalrm.preferences import History
from personalrm.recently_used import RecentlyUsed

if TYPE_CHECKING:
    from personalrm.models.traits import TraitsModel

Population = str | Path | Iterable[History]
"""Other people's choices: a file, or histories."""
KEPT = 16
"""Maximum cached priors; an evicted one is learned again when needed."""


class PopulationPriors:
    """Thread-safe; concurrent requests for the same prior wait for the first.

    Args:
        population: a file is read again for each prior; histories are kept.
        encoder: also learn weights of sentence embeddings.
        seed: random seed.
    """

    def __init__(self, population: Population, *, encoder: bool, seed: int) -> None:
        self._population = population if isinstance(population, str | Path) else tuple(population)
        self._encoder, self._seed = encoder, seed
        self._users: frozenset[str] | None = None
        self._priors: RecentlyUsed[str | None, TraitsModel] = RecentlyUsed(KEPT)
        self._lock = threading.Lock()

    def without(self, user: str) -> TraitsModel:
        """The population's model, without this person.

        Raises:
            NotEnoughChoices: nobody else has a decided choice.
        """
        with self._lock:
            if self._users is None:
                self._users = frozenset(one.user for one in self._people())
            left_out = user if user in self._users else None
            return self._priors.get(left_out) or self._priors.keep(left_out, self._learned(left_out))

    def _learned(self, left_out: str | None) -> TraitsModel:
        from personalrm.models.traits import TraitsModel  # numpy, 0.1 s

        if left_out is not None and self._users == frozenset((left_out,)):
            raise NotEnoughChoices(f"the population has no person other than {left_out}: give other people's choices")
        others = (one for one in self._people() if one.user != left_out)
        return TraitsModel.from_population(others, encoder=self._encoder, seed=self._seed)

    def _people(self) -> Iterator[History]:
        given = self._population
        return read_people(given) if isinstance(given, str | Path) else iter(given)
