"""Reasons for choices in the person's own words: choices without one, and adding them.

    unexplained(profile.history)                            # decided choices without a reason, newest first
    explained(profile.history, {"c3": "Too long."})         # the history with the reason

Wherever a choice is shown to a language model, its reason is included (``<own_words>``): when reasonings and the
persona are written, and in the judge's demonstrations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from personalrm.errors import DataError
from personalrm.preferences import History, Preference

LONGEST = 4_000
"""Maximum characters of a reason."""


def unexplained(history: History) -> list[Preference]:
    """Decided choices without a reason, newest first."""
    return [one for one in reversed(history.decided) if not (one.reason or "").strip()]


def explained(history: History, reasons: Mapping[str, str]) -> History:
    """The history with these reasons, by choice id; an existing reason is replaced.

    Raises:
        DataError: no choice with that id, or a reason that is empty or longer than `LONGEST` characters.
    """
    known = {one.id for one in history}
    for name, reason in reasons.items():
        if name not in known:
            raise DataError(
                f"{history.user} has no choice '{name}': personalrm why PROFILE lists choices and their ids"
            )
        if not isinstance(reason, str):
            raise DataError(f"the reason of choice '{name}' is not text: {reason!r:.40}")
        if not reason.strip():
            raise DataError(f"the reason of choice '{name}' is empty: say why in a few words")
        if len(reason) > LONGEST:
            raise DataError(
                f"the reason of choice '{name}' has {len(reason):,} characters: at most {LONGEST:,} are kept"
            )
    told = (replace(one, reason=reasons[one.id].strip()) if one.id in reasons else one for one in history)
    return history.only(told, history.thumbs)
