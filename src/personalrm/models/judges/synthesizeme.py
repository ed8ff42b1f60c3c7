"""``synthesizeme``: the fitted profile with the arm selected on validation, and its ablations.

``:persona``, ``:demonstrations`` and ``:both`` always use that arm of the same profile; ``:unverified`` also uses
reasonings whose prediction was wrong; ``:unselected`` shows every choice. All of them share the calls of the fit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from personalrm.llm.endpoint import Endpoint
from personalrm.models.judges import FittedJudge, JudgeFactory, seeing
from personalrm.preferences import History
from personalrm.profile.options import Options
from personalrm.profile.records import Arm, Profile
from personalrm.synthesis.fitting import fit, judge_context_for


async def synthesizeme(
    endpoint: Endpoint,
    history: History,
    options: Options,
    arm: Arm | None = None,
    changed: Callable[[Options], Options] | None = None,
) -> FittedJudge:
    """Fit the person's profile, for an ablation with changed options, and use an arm (None: the selected one)."""
    profile = await fit(endpoint, history, changed(options) if changed else options)
    shown = arm or profile.fallback.chosen
    return seeing(endpoint, judge_context_for(profile, shown), options, learned(profile, shown))


def learned(profile: Profile, arm: Arm) -> dict[str, Any]:
    """Parts of a profile for reports: the persona, each claim with the choices it cites, and the arm in use."""
    record: dict[str, Any] = {"arm": arm, "confidence": profile.fallback.confidence}
    if "persona" in arm and profile.persona is None:
        record["note"] = "no persona could be written"
    if profile.persona is not None:
        record["persona"] = profile.persona.summary
        record["claims"] = [
            {"claim": one.text, "for": list(one.supporting), "against": list(one.opposing)}
            for one in profile.persona.claims
        ]
    return record


def _unverified(options: Options) -> Options:
    return replace(options, verification=False)


def _unselected(options: Options) -> Options:
    return replace(options, selection=False)


persona: JudgeFactory = partial(synthesizeme, arm="persona")
demonstrations: JudgeFactory = partial(synthesizeme, arm="demonstrations")
both: JudgeFactory = partial(synthesizeme, arm="persona+demonstrations")
unverified: JudgeFactory = partial(synthesizeme, changed=_unverified)
unselected: JudgeFactory = partial(synthesizeme, changed=_unselected)
