"""A trained model behind the front door: ``--model trained:DIR`` learns a Profile and predicts from it.

    engine = TrainedEngine("runs/pref")
    profile = await engine.fit(history)                       # milliseconds; no step of training
    await engine.predictor(profile).compare(context, a, b)

The profile holds the person's choices and which model they belong to; what the model makes of them is made anew where
it is needed. Whether that helps this person is measured as in the embedded engine: each group of choices is predicted
from the others, with them and without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from personalrm import __version__
from personalrm.data.splits import leave_group_out
from personalrm.errors import NotEnoughChoices, ProfileError
from personalrm.models.encoders.weights import fingerprint_of
from personalrm.models.engines import TRAINED, ScalarPredictor
from personalrm.models.trained import Trained, load_trained, trained_people
from personalrm.models.traits.features import Array
from personalrm.models.traits.person import Measured, fallback, groups_of
from personalrm.preferences import History, Preference
from personalrm.profile.provenance import fingerprint_of_history, stamp_of_folder
from personalrm.profile.records import Profile, Reasoning


@dataclass(frozen=True)
class TrainedEngine:
    """The model in a folder that `train` wrote."""

    folder: str

    async def fit(self, history: History, known: Mapping[str, Reasoning] | None = None) -> Profile:
        """Learn the profile; ``known`` is of no use here."""
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
            model=TRAINED + self.folder,
            preset="default",
            seed=0,
            history=history,
            training=tuple(one.id for one in history.decided),
            validation=(),
            persona=None,
            reasonings=(),
            demonstrations=(),
            candidates=(),
            fallback=fallback(measured),
            prompts={},
            fingerprint=fingerprint_of_history(history),
            checkpoint=stamp,
            notes=tuple(notes),
            personalrm=__version__,
        )

    def predictor(self, profile: Profile) -> ScalarPredictor:
        """Raises ProfileError if the folder holds another model by now; its place does not matter."""
        stamp = stamp_of_folder(self.folder)
        if profile.checkpoint not in (stamp, fingerprint_of(Path(self.folder))):  # the second one until version 0.1
            raise ProfileError(
                f"the profile of {profile.user} was fitted with another model than {self.folder} holds: fit it again"
            )
        model = _loaded(self.folder, stamp)
        return ScalarPredictor(model.fit(profile.history) if profile.fallback.chosen == "persona" else model)


def measure(model: Trained, history: History) -> Measured:
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


def _losses(model: Trained, choices: Sequence[Preference]) -> Array:
    """Log loss of each choice (n,), nats."""
    chances = model.compare_many([(one.context, one.chosen, one.rejected) for one in choices])
    losses: Array = -np.log(np.clip(chances, 1e-12, 1.0))
    return losses


@lru_cache(maxsize=2)
def _loaded(folder: str, stamp: str) -> Trained:
    """Loading takes seconds, and a session asks about many pairs."""
    return load_trained(Path(folder))
