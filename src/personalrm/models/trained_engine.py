"""A trained model behind the front door: ``--model trained:DIR`` learns a Profile and predicts from it.

    engine = TrainedEngine("runs/pref")
    profile = await engine.fit(history)                              # milliseconds; no step of training
    await (await engine.open(profile)).compare(context, a, b)

The profile holds the person's choices and which model they belong to; what the model makes of them is made anew where
it is needed. Whether that helps this person is measured as in the embedded engine: each group of choices is predicted
from the others, with them and without.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from personalrm import __version__
from personalrm.data.splits import leave_group_out
from personalrm.errors import NotEnoughChoices, ProfileError
from personalrm.models.base import ScalarModel
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


@dataclass(frozen=True)
class TrainedEngine:
    """The model in a folder that `train` wrote.

    Attributes:
        folder: what ``--out`` named.
        options: written into profiles; nothing of them changes what is learned.
    """

    folder: str
    options: Options = field(default_factory=Options)
    scalar: bool = field(default=True, init=False)
    asks_endpoint: bool = field(default=False, init=False)

    @property
    def has_uncertainty(self) -> bool:
        """Learned models hold a posterior of the person, fine-tuned ones do not. DataError if there is no model."""
        return kind_of(Path(self.folder)) == "learned"

    async def fit(self, history: History, known: Profile | None = None) -> Profile:
        """Learn the profile; ``known`` saves nothing here."""
        return await in_fitting_worker(self._fit, history)

    async def open(self, profile: Profile) -> LocalPredictor:
        """The model for this person. ProfileError if the folder holds another one than the profile was fitted with."""
        return await in_fitting_worker(self._open, profile)

    async def open_population(self, profile: Profile) -> LocalPredictor:
        """The model before it is fitted to anybody."""
        return LocalPredictor(await in_fitting_worker(_loaded, self.folder, stamp_of_folder(self.folder)))

    def _fit(self, history: History) -> Profile:
        if not history.decided:
            raise NotEnoughChoices(f"{history.user} has no decided choice among {len(history)}: nothing to learn from")
        stamp = stamp_of_folder(self.folder)
        measured = measure(_loaded(self.folder, stamp), history)
        notes = [
            "a trained model's view of a person is a vector: for a persona one can read, fit with traits or an LLM"
        ]
        if trained_people(Path(self.folder)).holds(history.user):
            notes.append("the model was trained on this person's choices too, so what helps is judged too kindly")
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
        if state.stamp not in (stamp, fingerprint_of(Path(self.folder))):  # the second one until version 0.1
            raise ProfileError(
                f"the profile of {profile.user} was fitted with another model than {self.folder} holds: fit it again"
            )
        model = _loaded(self.folder, stamp)
        fitted = model.fit(profile.history)
        used = fitted if profile.fallback.chosen == "persona" else model
        from personalrm.models.learned import LearnedModel  # torch, 3 s, which loading the model has paid

        if not isinstance(fitted, LearnedModel):
            return LocalPredictor(used)
        # all choices of the person count here, also where they are not used to predict
        return UncertainLocalPredictor(used, partial(learned_margin_posterior, fitted))


def measure(model: ScalarModel, history: History) -> Measured:
    """The model before and after it is fitted to the person, each group of choices predicted from the others."""
    decided = history.decided
    before = _losses(model, decided)
    held = dict.fromkeys(one.group for one in decided)
    if len(held) < 2:
        return Measured.of(before, None, groups_of(decided))
    after = np.zeros(len(decided))
    place = {one.id: at for at, one in enumerate(decided)}
    for rest, asked in leave_group_out(history):
        after[[place[one.id] for one in asked]] = _losses(model.fit(rest), asked)
    return Measured.of(before, after, groups_of(decided))


def _losses(model: ScalarModel, choices: Sequence[Preference]) -> Array:
    """Log loss of each choice (n,), nats."""
    chances = model.compare_many([(one.context, one.chosen, one.rejected) for one in choices])
    finite(chances)
    losses: Array = -np.log(np.clip(chances, 1e-12, 1.0))
    return losses


_LOADED: OrderedDict[tuple[str, str], ScalarModel] = OrderedDict()
_MOST_LOADED = 2
_loading = threading.Lock()


def _loaded(folder: str, stamp: str) -> ScalarModel:
    """Loading takes seconds, and a session asks about many pairs; whoever comes second waits for the first."""
    with _loading:
        if (folder, stamp) not in _LOADED:
            _LOADED[folder, stamp] = load_trained(Path(folder))
            if len(_LOADED) > _MOST_LOADED:
                _LOADED.popitem(last=False)
        _LOADED.move_to_end((folder, stamp))
        return _LOADED[folder, stamp]
