"""The origin of a method's model: a content stamp, and the users it was trained on.

origin = origin_of(method, alone=False)          # alone: there is no population to learn from
origin.stamp                                     # changes when the model in ``trained:DIR`` is replaced
check_unseen(label, origin, people, users)       # DataError if the model was trained on one of these users
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from personalrm.errors import DataError, MissingExtra
from personalrm.models.registry import TRAINED, is_embedded
from personalrm.preferences import History
from personalrm.profile.provenance import Lineage, stamp_of_folder, stamp_of_prior
from personalrm.profile.records import FusedState, Profile, TraitsState

if TYPE_CHECKING:
    from personalrm.bench.protocols import Method


@dataclass(frozen=True, slots=True)
class Origin:
    """Origin of a model.

    Attributes:
        stamp: content hash of the prior, model folder, encoder or backbone; None where there is none.
        learned_from: lineage (training users) of each pretrained model that takes part.
        what: name of the pretrained model for error messages; empty for the method itself.
    """

    stamp: str | None = None
    learned_from: tuple[Lineage, ...] = ()
    what: str = ""

    def holds(self, history: History) -> bool:
        """Whether this user's choices were in the training data."""
        return any(one.holds_history(history) for one in self.learned_from)


Origins = Callable[[bool], Origin]
"""Returns a method's origin; the argument says whether there is no population to learn from."""


NOTHING = Origin()
"""Origin of a method without a pretrained model."""


def nothing(alone: bool) -> Origin:
    """Return `NOTHING`; the origin function of methods without a pretrained model."""
    return NOTHING


def origin_of(method: Method, *, alone: bool) -> Origin:
    """The method's origin; `NOTHING` for custom methods without an attribute ``origin``."""
    found: Origins = getattr(method, "origin", nothing)
    return found(alone)


def of_traits(encoder: bool) -> Origins:
    """Origin function of the traits engine: the shipped prior where there is no population to learn one from."""

    def origin(alone: bool) -> Origin:
        if alone:
            from personalrm.models.traits.shipped import shipped_people, shipped_stamp

            stamp, people = shipped_stamp(encoder=encoder), shipped_people(encoder=encoder)
            return Origin(stamp, (people,), "the prior that ships with the package")
        if not encoder:
            return Origin()
        from personalrm.models.encoders import shared_minilm

        return Origin(shared_minilm().name)

    return origin


def of_learned(features: str) -> Origins:
    """Origin function of a learned method: the encoder of its features."""

    def origin(alone: bool) -> Origin:
        try:
            from personalrm.models.encoders import encoder_named
            from personalrm.models.learned.features import encoder_part
        except ImportError as error:
            raise MissingExtra(f"the learned methods need: pip install 'personalrm[train]' ({error})") from error
        part = encoder_part(features)
        return Origin(None if part is None else encoder_named(part).name)

    return origin


def of_backbone(name: str) -> Origins:
    """Origin function of a fine-tuned method: its backbone."""

    def origin(alone: bool) -> Origin:
        try:
            from personalrm.models.reward_model.backbones import identify
        except ImportError as error:
            raise MissingExtra(f"fine-tuning needs: pip install 'personalrm[train]' ({error})") from error
        found = identify(name)
        return Origin(f"{found.config}/{found.tokenizer}")

    return origin


def of_folder(name: str) -> Origins:
    """Origin function of ``trained:DIR``: the model in the folder and its training users."""

    def origin(alone: bool) -> Origin:
        from personalrm.models.trained import lineages

        folder = Path(name.removeprefix(TRAINED))
        return Origin(stamp_of_folder(folder), lineages(folder))

    return origin


def origin_of_profile(profile: Profile, model: str) -> Origin:
    """Origin of the model that predicts for a profile: a model folder, or the prior it was fitted with."""
    if model.startswith(TRAINED):
        return of_folder(model)(False)
    state = profile.engine
    parts = list(state.parts.values()) if isinstance(state, FusedState) else [state]
    for prior in (one.state.get("prior") for one in parts if isinstance(one, TraitsState)):
        if isinstance(prior, Mapping) and is_embedded(model):
            return _of_prior(prior)
    return Origin()


def _of_prior(prior: Mapping[str, Any]) -> Origin:
    from personalrm.models.traits.shipped import is_shipped, shipped_people

    encoder, lineage = prior.get("sense") is not None, prior.get("lineage")
    known = isinstance(lineage, Mapping) and is_shipped(lineage, encoder=encoder)
    people = (shipped_people(encoder=encoder),) if known else ()
    return Origin(stamp_of_prior(prior), people, "the prior that ships with the package")


def check_unseen(label: str, origin: Origin, people: Iterable[History], users: frozenset[str]) -> None:
    """Raise DataError if a model would be tested on users of its training data.

    Args:
        label: name of the method.
        origin: origin of its model.
        people: all users in the data.
        users: ids of the users who are predicted.
    """
    if not origin.learned_from:
        return
    seen = [one.user for one in people if one.user in users and origin.holds(one)]
    if seen:
        what = f"{origin.what}, which '{label}' uses here," if origin.what else label
        way_out = "learn from others with --population FILE or --folds 2 or more" if origin.what else "test on others"
        raise DataError(
            f"{what} was trained on {len(seen)} of the {len(users)} people who are to be predicted (such as "
            f"'{seen[0]}'): {way_out}, or give --train-on-test-users-context"
        )
