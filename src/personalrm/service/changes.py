"""Differences between two versions of a profile, as text and numbers for display."""

from __future__ import annotations

from typing import Any

from personalrm.profile.records import Profile
from personalrm.service.corrected import topic

_MOVED = 0.02
"""Changes of a weight below this (log-odds per standard unit) are not shown."""


def changes(before: Profile | None, now: Profile) -> dict[str, Any]:
    """Claims and choices added, removed and kept, and the traits whose weight changed most."""
    if before is None:
        return {"first": True, "claims_added": _claims(now), "choices_added": len(now.history)}
    old, new = {topic(one): one for one in _claims(before)}, {topic(one): one for one in _claims(now)}
    had, has = {one.id for one in before.history}, {one.id for one in now.history}
    return {
        "first": False,
        "claims_added": [text for name, text in new.items() if name not in old],
        "claims_gone": [text for name, text in old.items() if name not in new],
        "claims_kept": len(old.keys() & new.keys()),
        "choices_added": len(has - had),
        "choices_gone": len(had - has),
        "weights": _moved(before, now),
    }


def _claims(profile: Profile) -> list[str]:
    return [one.text for one in profile.persona.claims] if profile.persona is not None else []


def _moved(before: Profile, now: Profile, most: int = 5) -> list[dict[str, Any]]:
    if before.traits is None or now.traits is None:
        return []
    old = {one.trait: one.person for one in before.traits.weights}
    by_size = sorted(now.traits.weights, key=lambda one: -abs(one.person - old.get(one.trait, one.person)))
    return [
        {"trait": one.trait, "before": old[one.trait], "now": one.person}
        for one in by_size[:most]
        if abs(one.person - old.get(one.trait, one.person)) >= _MOVED
    ]
