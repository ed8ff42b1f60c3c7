"""``synthesizeme``: the fitted profile, with the arm that won on validation."""

from __future__ import annotations

from typing import Any

from personalrm.llm.endpoint import Endpoint
from personalrm.models.judges import Asking, seeing
from personalrm.preferences import History
from personalrm.synthesis.fitting import fit, sight_of
from personalrm.synthesis.options import Options
from personalrm.synthesis.profile import Profile


async def synthesizeme(endpoint: Endpoint, history: History, options: Options) -> Asking:
    """Fit the person's profile; show what its winning arm shows."""
    profile = await fit(endpoint, history, options)
    return seeing(endpoint, sight_of(profile), options, learned(profile))


def learned(profile: Profile) -> dict[str, Any]:
    """What a report shows of a profile: the persona, each claim with the choices behind it, and the arm that won."""
    record: dict[str, Any] = {"arm": profile.fallback.chosen, "confidence": profile.fallback.confidence}
    if profile.persona is not None:
        record["persona"] = profile.persona.summary
        record["claims"] = [
            {"claim": one.text, "for": list(one.supporting), "against": list(one.opposing)}
            for one in profile.persona.claims
        ]
    return record


JUDGES = {"synthesizeme": synthesizeme}
