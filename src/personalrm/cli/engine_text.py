"""Text on the engine of a profile, for the first line of its output."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from personalrm.profile.records import Profile


def is_of_traits(found: Profile) -> bool:
    """Whether the embedded engine alone fitted the profile."""
    from personalrm.profile.records import TraitsState

    return isinstance(found.engine, TraitsState)


def is_fused(found: Profile) -> bool:
    """Whether traits and a language model are combined."""
    from personalrm.profile.records import FusedState

    return isinstance(found.engine, FusedState)


def predicts_with(found: Profile) -> str:
    """What predicts, for a fused profile as of its fit; for others whether the persona is part of the prompts."""
    from personalrm.profile.records import FusedState
    from personalrm.synthesis.prompting import persona_in_use

    if isinstance(found.engine, FusedState):
        arms = [arm for arm, weight in found.engine.weights.items() if weight]
        return f"predicts with traits and the model ({', '.join(arms)})" if arms else "predicts with traits alone"
    if found.persona is None:
        return "no persona"
    return "persona in use" if persona_in_use(found) else "persona not in use (see What helps)"


def preset_of(found: Profile) -> str:
    """The preset; empty for the embedded engine, which has none."""
    return "" if is_of_traits(found) else f", preset {found.preset}"
