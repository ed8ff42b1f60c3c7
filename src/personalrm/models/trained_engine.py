"""Engine of trained models: ``--model trained:DIR`` fits a Profile and predicts from it.

    engine = TrainedEngine("runs/pref")
    profile = await engine.fit(history)                              # milliseconds; no gradient step of training
    await (await engine.open(profile)).compare(context, a, b)

The profile holds the user's choices and the identity of the model; the posterior is recomputed when the profile is
opened. Whether personalisation helps this user is measured as in the embedded engine: each group of choices is
predicted from the others, and without them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from personalrm import __version__
from personalrm.data.splits import leave_group_out
from personalrm.errors import DataError, NotEnoughChoices, ProfileError
from personalrm.models.base import ScalarModel
from personalrm.models.encoders import Cached
from personalrm.models.encoders.weights import fingerprint_of
from personalrm.models.engines import LocalPredictor, UncertainLocalPredictor, finite
from personalrm.models.trained import kind_of, load_trained, trained_people
from personalrm.models.traits.features import Array
from personalrm.models.traits.person import Measured, arm_selection, groups_of
from personalrm.models.uncertainty import learned_margin_posterior
from personalrm.models.worker import in_fitting_worker
from personalrm.preferences import History, Preference
from personalrm.profile.options import Options
from personalrm.profile.provenance import fingerprint_of_history, stamp_of_folder
from personalrm.profile.records import Profile, TrainedState
from personalrm.recently_used import RecentlyUsed


@dataclass(frozen=True)
class TrainedEngine:
    """The model in an output folder of `personalrm train`.

    Attributes:
        folder: the output folder.
        options: written into profiles; they do not change the fit.
    """

    folder: str
    options: Options = field(default_factory=Options)
    scalar: bool = field(default=True, init=False)
    asks_endpoint: bool = field(default=False, init=False)

    @property
    def has_uncertainty(self) -> bool:
        """Learned models have a posterior of the user, fine-tuned ones do not. DataError if there is no model."""
        return kind_of(Path(self.folder)) == "learned"

    async def fit(self, history: History, known: Profile | None = None) -> Profile:
        """The profile of a user; ``known`` has no effect here."""
        return await in_fitting_worker(self._fit, history)

    async def open(self, profile: Profile) -> LocalPredictor:
        """The model for this user. ProfileError if the folder holds another model than the profile was fitted with."""
        return await in_fitting_worker(self._open, profile)

    async def open_population(self, profile: Profile) -> LocalPredictor:
        """The model before it is fitted to a user."""
        return LocalPredictor(await in_fitting_worker(_loaded, self.folder, stamp_of_folder(self.folder)))

    def _fit(self, history: History) -> Profile:
        if not history.decided:
            raise NotEnoughChoices(f"{history.user} has no decided choice among {len(history)}: nothing to learn from")
        stamp = stamp_of_folder(self.folder)
        measured = measure(_loaded(self.folder, stamp), history)
        notes = ["a trained model represents a person by a vector: for a readable persona, fit with traits or an LLM"]
        if trained_people(Path(self.folder)).holds(history.user):
            notes.append("the model was trained on this person's choices, so the measured gain is optimistic")
        return Profile(
            user=history.user,
            model=f"trained:{self.folder}",
            history=history,
            training=tuple(one.id for one in history.decided),
            validation=(),
            persona=None,
            demonstrations=(),
            fallback=arm_selection(measured),
            fingerprint=fingerprint_of_history(history),
            options=self.options,
            engine=TrainedState(stamp),
            notes=tuple(notes),
            personalrm=__version__,
        )

    def _open(self, profile: Profile) -> LocalPredictor:
        stamp = stamp_of_folder(self.folder)
        state = profile.engine
        if not isinstance(state, TrainedState):
            raise ProfileError(
                f"the profile of {profile.user} was fitted with {profile.model}, not with a trained model: fit it again"
            )
        if state.stamp not in (stamp, fingerprint_of(Path(self.folder))):  # the second form was used until version 0.1
            raise ProfileError(
                f"the profile of {profile.user} was fitted with another model than {self.folder} holds: fit it again"
            )
        model = _loaded(self.folder, stamp)
        fitted = model.fit(profile.history)
        predictor = fitted if profile.fallback.chosen == "persona" else model
        from personalrm.models.learned import (
            LearnedModel,
        )  # imports torch (3 s), which loading the model has already done

        if not isinstance(fitted, LearnedModel):
            return LocalPredictor(predictor)
        # the posterior uses all choices, even where prediction uses the population-level reward
        return UncertainLocalPredictor(predictor, partial(learned_margin_posterior, fitted))


def measure(model: ScalarModel, history: History) -> Measured:
    """Log loss before and after fitting to the user, with each group of choices predicted from the others."""
    decided = history.decided
    before = _losses(model, decided)
    groups = dict.fromkeys(one.group for one in decided)
    if len(groups) < 2:
        return Measured.of(before, None, groups_of(decided))
    after = np.zeros(len(decided))
    place = {one.id: at for at, one in enumerate(decided)}
    for rest, target in leave_group_out(history):
        after[[place[one.id] for one in target]] = _losses(model.fit(rest), target)
    return Measured.of(before, after, groups_of(decided))


def _losses(model: ScalarModel, choices: Sequence[Preference]) -> Array:
    """Log loss of each choice (n,), nats."""
    chances = model.compare_many([(one.context, one.chosen, one.rejected) for one in choices])
    finite(chances)
    losses: Array = -np.log(np.clip(chances, 1e-12, 1.0))
    return losses


def encoder_behind(folder: str) -> Cached:
    """The encoder of the model in the folder. DataError if there is no model, or one without an encoder."""
    model = _loaded(folder, stamp_of_folder(folder))
    reward = getattr(model, "shared_reward", None)  # of a learned model, whose class imports torch
    found = None if reward is None else reward.features.encoder
    if not isinstance(found, Cached):
        raise DataError(f"the model in {folder} has no encoder")
    return found


_CACHE_SIZE = 2
_LOADED = RecentlyUsed[tuple[str, str], ScalarModel](_CACHE_SIZE)
_loading = threading.Lock()


def _loaded(folder: str, stamp: str) -> ScalarModel:
    """Cached and locked: loading takes seconds, and a session opens many predictors."""
    with _loading:
        found = _LOADED.get((folder, stamp))
        return _LOADED.keep((folder, stamp), load_trained(Path(folder))) if found is None else found
