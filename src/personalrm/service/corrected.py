"""Effect of a person's correction of a claim.

| correction | persona | fitting |
|---|---|---|
| right | the claim is marked as confirmed | unchanged |
| wrong | the claim is never shown again | the person's own weight of its trait is zero (embedded engine) |
| outdated | shown only if newer choices support it again | excludes the choices for it made before the correction |
| forget | the claim is never shown again | excludes the choices for it |
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from personalrm.profile.records import Claim, Persona, Profile
from personalrm.store.corrections import Correction, excluded
from personalrm.store.history import Learnable

_NEVER_AGAIN = frozenset({"wrong", "forget"})
_NUMBER = re.compile(r"\d+")


def topic(claim: str) -> str:
    """The subject of a claim, without counts and thresholds, which change with every choice.

    ``Prefers answers under 80 words: 9 of 11 choices`` → ``prefers answers under # words``
    """
    return " ".join(_NUMBER.sub("#", claim.partition(":")[0]).split()).casefold()


def learnable(learned: Learnable, corrections: Sequence[Correction]) -> Learnable:
    """The choices to fit on, without those for claims that are outdated or to be forgotten."""
    gone = excluded(corrections)
    if not gone:
        return learned
    return replace(learned, choices=tuple(one for one in learned.choices if one.preference.id not in gone))


def corrected(profile: Profile, corrections: Sequence[Correction]) -> Profile:
    """The profile after the person's corrections."""
    wrong = [Claim(one.claim, one.supporting, one.opposing) for one in corrections if one.verdict == "wrong"]
    if wrong and profile.traits is not None:
        from personalrm.models.traits.online import without_claims

        profile = without_claims(profile, wrong)
    hidden = {topic(one.claim) for one in corrections if one.verdict in _NEVER_AGAIN}
    if profile.persona is None or not hidden:
        return profile
    kept = tuple(one for one in profile.persona.claims if topic(one.text) not in hidden)
    if len(kept) == len(profile.persona.claims):
        return profile
    return replace(profile, persona=_said_of(kept))


def _said_of(kept: Sequence[Claim]) -> Persona | None:
    """A persona of these claims only; the model's summary is dropped, because it may repeat removed claims."""
    if not kept:
        return None
    said = ". ".join(one.text.partition(":")[0] for one in kept)
    return Persona(f"{said}.", tuple(kept))
