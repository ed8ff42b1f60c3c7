"""Models fitted to the population of a benchmark fold.

    recipe = Recipe(seed=0)
    model = traits("traits", recipe, lambda: others, 0)      # once per fold; models of one recipe share results
    model.fit(history).compare_many(pairs)                   # once per person

Models are fitted to the people of the other folds (or of ``--population``); a predicted person's own history is only
used in `fit`. Fine-tuning takes minutes per fold: with a run folder, the model is stored there and training can be
resumed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from personalrm.data.splits import folds_by_person
from personalrm.errors import MissingExtra, NotEnoughChoices
from personalrm.models.base import LocalModel
from personalrm.models.surface import First, Longer, Random, Shorter
from personalrm.preferences import History

if TYPE_CHECKING:
    from personalrm.models.fusion.out_of_fold import Labelled
    from personalrm.models.traits import TraitsModel
    from personalrm.models.traits.reader import TraitReader

People = Callable[[], Iterable[History]]
"""Returns other people's complete histories; a model that needs no population does not call it."""
STOPPING = 6
"""One in this many people is used for early stopping of a fine-tuned model."""
_REMEMBERED = 131_072
"""Rows of traits cached in a run: 70 MB, both responses of 65,000 choices."""


@dataclass(frozen=True, slots=True)
class Training:
    """Training options for a benchmark.

    Attributes:
        features: features of responses for the learned methods.
        backbone: base model of the fine-tuned Bradley–Terry model.
        device: ``auto``, ``cpu`` or ``cuda``.
        folder: where fine-tuned models are stored; a temporary folder if None.
    """

    features: str = "traits+minilm"
    backbone: str = "minilm"
    device: Any = "auto"
    folder: Path | None = None


class Populations:
    """Population models by fold and kind, each fitted once. They share one reader, so each text is read once."""

    def __init__(self) -> None:
        self._models: dict[tuple[int, bool], TraitsModel] = {}
        self._outside: dict[tuple[int, int], list[Labelled]] = {}
        self._reader: TraitReader | None = None

    def of(self, people: People, fold: int, encoder: bool, seed: int, new_texts: bool = True) -> TraitsModel:
        """The population model of a fold."""
        if (fold, encoder) not in self._models:
            self._models[fold, encoder] = self._learned(people, encoder, seed, new_texts)
        return self._models[fold, encoder]

    def outside(self, people: People, fold: int, seed: int, new_texts: bool = True) -> list[Labelled]:
        """Log-odds of the population's own choices, each without the person and, for new texts, without the text."""
        if (fold, seed) not in self._outside:
            from personalrm.models.fusion.out_of_fold import out_of_fold

            model = self.of(people, fold, encoder=False, seed=seed, new_texts=new_texts)
            self._outside[fold, seed] = out_of_fold(list(people()), model, seed, new_texts=new_texts)
        return self._outside[fold, seed]

    def _learned(self, people: People, encoder: bool, seed: int, new_texts: bool) -> TraitsModel:
        from personalrm.models.traits import TraitsModel  # pulls in the numerical stack
        from personalrm.models.traits.reader import TraitReader

        self._reader = self._reader or TraitReader(remember=_REMEMBERED)
        others = iter(people())
        first = next(others, None)
        if first is None:  # there are no other people: use the shipped prior
            return TraitsModel.shipped(encoder=encoder)
        everyone, reader = chain([first], others), self._reader
        return TraitsModel.from_population(everyone, encoder=encoder, seed=seed, reader=reader, new_texts=new_texts)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings shared by the models of a run.

    Attributes:
        seed: random seed.
        training: training options.
        populations: population models fitted so far.
        new_texts: whether the predicted texts are not judged by the population.
    """

    seed: int = 0
    training: Training = field(default_factory=Training)
    populations: Populations = field(default_factory=Populations)
    new_texts: bool = True


def surface(name: str, recipe: Recipe, people: People, fold: int) -> LocalModel:
    """A surface baseline; there is nothing to fit."""
    models: dict[str, LocalModel] = {
        "longer": Longer(),
        "shorter": Shorter(),
        "first": First(),
        "random": Random(recipe.seed),
    }
    return models[name]


def traits(name: str, recipe: Recipe, people: People, fold: int) -> LocalModel:
    """The embedded engine."""
    return recipe.populations.of(people, fold, name.endswith("+encoder"), recipe.seed, recipe.new_texts)


def learned(name: str, recipe: Recipe, people: People, fold: int) -> LocalModel:
    """One of the learned methods, with the method's default settings."""
    try:
        from personalrm.models.learned import Settings, train
    except ImportError as error:
        raise MissingExtra(f"'{name}' is trained: pip install 'personalrm[train]' ({error})") from error
    method, _, published = name.partition(":")
    chosen: Any = method
    settings = Settings(
        chosen, recipe.training.features, published=bool(published), seed=recipe.seed, new_texts=recipe.new_texts
    )
    return train(people(), settings)


def bradley_terry(name: str, recipe: Recipe, people: People, fold: int) -> LocalModel:
    """A reward model fine-tuned with TRL; the name determines the user information in its input."""
    from personalrm.models.reward_model import PersonalReward, settings_for, shipped_profile, train, traits_profiles
    from personalrm.models.reward_model.training import run_of
    from personalrm.models.reward_model.user_prompts import needs_profile

    others, training = [one for one in people() if one.decided], recipe.training
    if len(others) < STOPPING:
        raise NotEnoughChoices(f"'{name}' needs at least {STOPPING} other people to train on, found {len(others)}")
    kind: Any = name.partition(":")[2] or "none"
    settings = settings_for(training.backbone, user_prompt=kind, device=training.device, seed=recipe.seed)
    profiles = traits_profiles(others, recipe.seed) if needs_profile(kind) else shipped_profile
    with ExitStack() as stack:
        kept = training.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="personalrm-bt-")))
        rows, stopping = _sides(others, settings, profiles)
        made_of = run_of(rows, stopping, settings).key  # in the name: each model has its own folder
        where = kept / f"{name.replace(':', '-')}-fold-{fold}-{made_of}"
        train(rows, stopping, settings, where, resume=True)
        return replace(PersonalReward.load(where, training.device), profile_of=profiles)


def saved(name: str, recipe: Recipe, people: People, fold: int) -> LocalModel:
    """An already trained model, from ``trained:DIR``; the population is not used."""
    from personalrm.models.trained import load_trained

    return load_trained(Path(name.partition(":")[2]), recipe.training.device)


def _sides(people: Sequence[History], settings: Any, profiles: Any) -> tuple[list[Any], list[Any]]:
    """Training rows, and rows of other people for early stopping."""
    from personalrm.models.reward_model import training_rows

    part = folds_by_person((one.user for one in people), STOPPING, settings.seed)
    sides = ([one for one in people if (part[one.user] == 0) is held] for held in (False, True))
    rows, stopping = (
        training_rows(side, settings.user_prompt, profiles, settings.seed, settings.prompt_characters) for side in sides
    )
    return rows, stopping
