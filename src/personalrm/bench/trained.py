"""Trained reward models as methods: trained anew for each fold, or taken from a folder that `train` wrote.

    method = method_named("pref", Setup())                   # gpo, vpl, pal, lore, pref; ``:published`` as in the paper
    method = method_named("bt:persona", Setup())             # Bradley–Terry fine-tuned; what of the person it is told
    method = method_named("trained:runs/pref", Setup())      # one that is trained already

The people of the other folds (or of ``--population``) are trained on, and a person who is predicted is met with their
own history alone. A fine-tuned model takes minutes a fold: with a folder of a run it is kept there and gone on with.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from personalrm.bench.predicting import Population, Prediction, Predictor
from personalrm.bench.protocols import Task
from personalrm.data.splits import folds_by_person
from personalrm.errors import DataError, MissingExtra, NotEnoughChoices
from personalrm.models.registry import TRAINED
from personalrm.preferences import History, Verdict

if TYPE_CHECKING:
    from personalrm.models.trained import Trained

BRADLEY_TERRY = "bt"
LEARNED: tuple[str, ...] = ("gpo", "vpl", "pal", "lore", "pref")
PUBLISHED: tuple[str, ...] = tuple(f"{one}:published" for one in LEARNED)
PROMPTED: tuple[str, ...] = tuple(
    f"{BRADLEY_TERRY}:{one}" for one in ("persona", "persona+demonstrations", "history", "demographics")
)
_STOPPING = 6  # of so many people one stops the training of a fine-tuned model


@dataclass(frozen=True, slots=True)
class Training:
    """How models are trained for a benchmark.

    Attributes:
        features: what the learned methods see of a response.
        backbone: what Bradley–Terry is fine-tuned from.
        device: ``auto``, ``cpu`` or ``cuda``.
        folder: where fine-tuned models are kept; a temporary one if None.
    """

    features: str = "traits+minilm"
    backbone: str = "minilm"
    device: Any = "auto"
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Personalised:
    """A trained model, fitted to each person before it predicts."""

    model: Trained

    async def predict(self, task: Task) -> Prediction:
        fitted = self.model.fit(task.history)
        probabilities = fitted.compare_many([(one.context, one.a, one.b) for one in task.questions])
        return Prediction([Verdict(float(one)) for one in probabilities])


def learned(name: str, training: Training, seed: int) -> Callable[[Population, int], Predictor]:
    """One of the learned methods, by name; the method's own settings otherwise."""

    def learning(population: Population, fold: int) -> Predictor:
        try:
            from personalrm.models.learned import Settings, train
        except ImportError as error:
            raise MissingExtra(f"'{name}' is trained: pip install 'personalrm[train]' ({error})") from error
        method, _, published = name.partition(":")
        settings: Any = Settings(_known(method), training.features, published=bool(published), seed=seed)
        return Personalised(train(population(), settings))

    return learning


def bradley_terry(name: str, training: Training, seed: int) -> Callable[[Population, int], Predictor]:
    """A reward model fine-tuned through TRL; the name says what of a person stands in its input."""

    def learning(population: Population, fold: int) -> Predictor:
        from personalrm.models.reward_model import (
            PersonalReward,
            settings_for,
            shipped_profile,
            train,
            traits_profiles,
        )
        from personalrm.models.reward_model.training import run_of
        from personalrm.models.reward_model.user_prompts import needs_profile

        people = [one for one in population() if one.decided]
        if len(people) < _STOPPING:
            raise NotEnoughChoices(f"'{name}' needs at least {_STOPPING} other people to train on, found {len(people)}")
        kind: Any = name.partition(":")[2] or "none"
        settings = settings_for(training.backbone, user_prompt=kind, device=training.device, seed=seed)
        profiles = traits_profiles(people, seed) if needs_profile(kind) else shipped_profile
        with ExitStack() as stack:
            kept = training.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="personalrm-bt-")))
            learned, stopping = _sides(people, settings, profiles)
            made_of = run_of(learned, stopping, settings).key  # in the name: another model never takes its place
            where = kept / f"{name.replace(':', '-')}-fold-{fold}-{made_of}"
            train(learned, stopping, settings, where, resume=True)
            return Personalised(replace(PersonalReward.load(where, training.device), profile_of=profiles))

    return learning


def saved(name: str, training: Training, seed: int) -> Callable[[Population, int], Predictor]:
    """A model that is trained already; the population teaches it nothing more."""

    def learning(population: Population, fold: int) -> Predictor:
        from personalrm.models.trained import load_trained

        return Personalised(load_trained(Path(name.removeprefix(TRAINED)), training.device))

    return learning


def _sides(people: Sequence[History], settings: Any, profiles: Any) -> tuple[list[Any], list[Any]]:
    """Rows to learn from, and rows of other people that stop the training."""
    from personalrm.models.reward_model import training_rows

    part = folds_by_person((one.user for one in people), _STOPPING, settings.seed)
    sides = ([one for one in people if (part[one.user] == 0) is held] for held in (False, True))
    learned, stopping = (
        training_rows(side, settings.user_prompt, profiles, settings.seed, settings.prompt_characters) for side in sides
    )
    return learned, stopping


def _known(method: str) -> Any:
    if method not in LEARNED:
        raise DataError(f"there is no learned method '{method}'; known are {', '.join(LEARNED)}")
    return method
