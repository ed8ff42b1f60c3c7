"""A profile as the person has corrected it: claims they called wrong, outdated or asked to forget are left out.

What a person says of a claim goes before what was inferred: the persona, the prompts and the demonstrations no longer
say it. How corrections change predictions is the engine's business; see `store.corrections` for what is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from personalrm.profile.records import Claim, Persona, Profile
from personalrm.store.corrections import Correction

_GONE = frozenset({"wrong", "outdated", "forget"})


def topic(claim: str) -> str:
    """What a claim is about, without its counts: ``Prefers short answers: 9 of 11 choices`` → ``prefers short
    answers``."""
    return claim.partition(":")[0].strip().casefold()


def corrected(profile: Profile, corrections: Sequence[Correction]) -> Profile:
    """The profile without the claims that the person took back."""
    gone = {topic(one.claim) for one in corrections if one.verdict in _GONE}
    if profile.persona is None or not gone:
        return profile
    kept = tuple(one for one in profile.persona.claims if topic(one.text) not in gone)
    if len(kept) == len(profile.persona.claims):
        return profile
    return replace(profile, persona=_said_of(kept, profile.persona))


def _said_of(kept: Sequence[Claim], before: Persona) -> Persona:
    """A persona of these claims only: a summary that names the others would say them again."""
    said = ". ".join(one.text.partition(":")[0] for one in kept)
    summary = f"{said}." if said else "Nothing that the person has confirmed or left standing."
    return replace(before, summary=summary, claims=tuple(kept))
