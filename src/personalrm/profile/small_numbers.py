"""Removes percentages about one person that were not calibrated on people, for example from older profiles.

Earlier versions stored "94 % sure" after four choices; such a statement was right in 54 of 100 cases. It is removed
when a profile is read, so that no screen, report, page or export shows it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from personalrm.profile.records import ArmSelection, Profile

FEWEST_GROUPS = 5
"""Minimum number of groups of choices for a percentage."""
_CALIBRATED = ("traits", "trained")
"""Engines whose share of people who gain was calibrated on people (`models.traits.gain`)."""
_CLAUSES = re.compile(r"(?<=[.!?;])\s+")
_PERCENT = re.compile(r"\d\s?%|\bper ?cent\b", re.IGNORECASE)
_UNKNOWN = "How often this holds for later choices is not known."


def calibrated(profile: Profile, *, old: bool = False) -> Profile:
    """The profile without uncalibrated percentages: with few groups, from a language model, or from an old version.

    Args:
        profile: the profile as read.
        old: whether an earlier version wrote it; its percentages were never calibrated.
    """
    groups = len({one.group for one in profile.history.decided})
    if profile.engine.kind in _CALIBRATED and groups >= FEWEST_GROUPS and not old:
        return profile
    found = profile.fallback
    if found.confidence is None and not _PERCENT.search(found.reason):
        return profile
    return replace(profile, fallback=_without(found))


def _without(found: ArmSelection) -> ArmSelection:
    clauses = _CLAUSES.split(found.reason)
    kept = [one for one in clauses if not _PERCENT.search(one)]
    if kept and kept[-1].endswith(";"):
        kept[-1] = kept[-1][:-1] + "."
    reason = found.reason if len(kept) == len(clauses) else " ".join([*kept, _UNKNOWN])
    return replace(found, confidence=None, reason=reason)
