"""Removes percentages about one person that were not calibrated on people, for example from older profiles.

Earlier versions stored "94 % sure" after four choices; such a statement was right in 54 of 100 cases. It is removed
when a profile is read, so that no screen, report, page or export shows it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from personalrm.profile.records import ArmSelection, Profile, TraitsState

FEWEST_GROUPS = 5
"""Minimum number of groups of choices for a percentage."""
FEWEST_PEOPLE = 100
"""Minimum number of other people for a percentage: the share of 35 people of MT-Bench has a standard error of 8
points."""
_CLAUSES = re.compile(r"(?<=[.!?;])\s+")
_PERCENT = re.compile(r"\d\s?%|\bper ?cent\b", re.IGNORECASE)
_UNKNOWN = "How often this holds for later choices is not known."


def calibrated(profile: Profile, *, old: bool = False) -> Profile:
    """The profile without uncalibrated percentages: with few groups of choices or few other people, from another engine
    than traits, or from an old version.

    Args:
        profile: the profile as read.
        old: whether an earlier version wrote it; its percentages were never calibrated.
    """
    groups = len({one.group for one in profile.history.decided})
    if groups >= FEWEST_GROUPS and people_behind(profile) >= FEWEST_PEOPLE and not old:
        return profile
    found = profile.fallback
    if found.confidence is None and not _PERCENT.search(found.reason):
        return profile
    return replace(profile, fallback=_without(found))


def people_behind(profile: Profile) -> int:
    """Number of other people whose gains the profile's prior was learned from (`models.traits.gain`); 0 for engines
    without such a prior."""
    if not isinstance(profile.engine, TraitsState):
        return 0
    prior: Any = profile.engine.state.get("prior")
    try:
        return max(int(one["people"]) for one in prior["gain"])
    except (KeyError, TypeError, ValueError, OverflowError):  # a prior of version 0.1, or a damaged one
        return 0


def _without(found: ArmSelection) -> ArmSelection:
    clauses = _CLAUSES.split(found.reason)
    kept = [one for one in clauses if not _PERCENT.search(one)]
    if kept and kept[-1].endswith(";"):
        kept[-1] = kept[-1][:-1] + "."
    reason = found.reason if len(kept) == len(clauses) else " ".join([*kept, _UNKNOWN])
    return replace(found, confidence=None, reason=reason)
