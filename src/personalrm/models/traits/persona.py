"""Converts a fitted person to text: claims with the choices behind them, and the reasoning of a prediction.

`claims` selects the claims.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from personalrm import __version__
from personalrm.formatting.texts import counted
from personalrm.models.traits.claims import FDR, Found, claims
from personalrm.models.traits.features import TRAITS, Array
from personalrm.models.traits.person import Evidence, measure, once_a_ranking
from personalrm.models.traits.person import arm_selection as arms
from personalrm.models.traits.posterior import worth
from personalrm.models.traits.prior import PERSONAL, PERSONAL_COLUMNS, Prior, StandardizedFeatures
from personalrm.models.traits.wording import difference
from personalrm.preferences import History, Preference
from personalrm.profile.options import Options
from personalrm.profile.provenance import fingerprint_of_history
from personalrm.profile.records import ArmSelection, Demonstration, Persona, Profile, TraitsState
from personalrm.synthesis.notes import remarks

_SHOWN = 5  # demonstrations

NOTHING_CERTAIN = "No persona: no trait speaks clearly in these choices."
_LENGTH_COLUMNS = [
    index for index, name in enumerate(TRAITS) if name.startswith("length") and name != "length of words"
] + [TRAITS.index("distance from 90 words"), TRAITS.index("a few words only"), TRAITS.index("empty")]

_SINGLE = [(index, name) for index, name in enumerate(TRAITS) if index not in _LENGTH_COLUMNS]


@dataclass(frozen=True, slots=True)
class Person:
    """A fitted person: their evidence, their departure from the population's weights (p,) and its covariance."""

    evidence: Evidence
    departure: Array
    covariance: Array


def reasoning(prior: Prior, departure: Array, side: StandardizedFeatures, probability: float) -> str:
    """One sentence: the traits that favour the predicted response, and the strongest one against it."""
    if probability == 0.5:
        return "The two responses do not differ in any trait."
    sign = 1.0 if probability > 0.5 else -1.0
    parts = {name: sign * value for name, value in _contributions(prior, departure, side).items()}
    pro = sorted((name for name in parts if parts[name] > 0.02), key=lambda name: -parts[name])[:3]
    con = [name for name in sorted(parts, key=lambda name: parts[name])[:1] if parts[name] < -0.1]
    winner = "A" if sign > 0 else "B"
    traits = _listed([_difference(name, side, sign) for name in pro]) or "many small traits"
    return f"{winner} is favoured by {traits}" + (f"; against it: {_difference(con[0], side, sign)}." if con else ".")


def _contributions(prior: Prior, departure: Array, side: StandardizedFeatures) -> dict[str, float]:
    """Contribution of each trait to the log-odds of the first response; length traits summed, common words as
    'wording'."""
    each = side.traits[0] * prior.traits
    own = side.traits[0, PERSONAL_COLUMNS] * (departure[: len(PERSONAL)] + prior.kinds @ side.kinds[0])
    each[PERSONAL_COLUMNS] += own
    values = each.tolist()
    parts = {name: values[index] for index, name in _SINGLE}
    parts["length"] = float(each[_LENGTH_COLUMNS].sum())
    parts["wording"] = float(side.words[0] @ prior.words)
    if prior.sense is not None:
        weight = prior.sense.similarity + departure[len(PERSONAL)]
        parts["similarity to the message"] = float(side.similarity[0, 0] * weight)
        parts["meaning"] = float(side.meaning[0] @ prior.sense.meaning)
    return parts


def _difference(name: str, side: StandardizedFeatures, sign: float) -> str:
    if name in ("wording", "meaning"):
        return f"its {name}"
    if name == "similarity to the message":
        return difference(name, more=sign * float(side.similarity[0, 0]) > 0)
    return difference(name, more=sign * float(side.traits[0, TRAITS.index(name)]) > 0)


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else ""


def profile(
    history: History, person: Person | None, prior: Prior, model: str, fitted: TraitsState, options: Options
) -> Profile:
    """The Profile of a fitted person; see `TraitsModel.profile`."""
    decided = history.decided
    if person is None:
        fallback = _without_pairs(history)
        persona: Persona | None = None
        tried: tuple[str, ...] = ()
        demonstrations: tuple[Demonstration, ...] = ()
    else:
        evidence = person.evidence
        found = claims(*once_a_ranking(decided, evidence), prior.covariance)
        persona = _persona(found)
        tried = _tried(found)
        fallback = arms(measure(evidence, prior.covariance, prior.gain))
        demonstrations = _demonstrations(decided, worth(evidence.offset, evidence.t, prior.covariance, evidence.groups))
    return Profile(
        user=history.user,
        model=model,
        history=history,
        training=tuple(one.id for one in decided),
        validation=(),
        persona=persona,
        demonstrations=demonstrations,
        fallback=fallback,
        fingerprint=fingerprint_of_history(history),
        options=options,
        engine=fitted,
        notes=(*remarks(history), *tried),
        personalrm=__version__,
    )


def _without_pairs(history: History) -> ArmSelection:
    """The arm for a person without comparisons; the gain from single thumbs cannot be measured on pairs."""
    if not history.thumbs:
        return ArmSelection("default", {}, None, None, "No decided choice: predictions are those of the population.")
    thumbs = counted(len(history.thumbs), "thumb")
    return ArmSelection("persona", {}, None, None, f"Learned from {thumbs} only; the gain was not measured.")


def _persona(found: Found) -> Persona | None:
    return Persona(found.summary, found.claims) if found.claims else None


def _tried(found: Found) -> tuple[str, ...]:
    """How the claims were tested, or that none passed."""
    if not found.claims:
        return (NOTHING_CERTAIN,)
    return (
        f"{counted(found.tried, 'trait')} tried. A claim is of this person's own weights, beyond those of people in "
        f"general; at most {FDR:g} of all claims are expected to be false.",
    )


def _demonstrations(choices: Sequence[Preference], worth: Array) -> tuple[Demonstration, ...]:
    """The choices that improved predictions of the person's other groups most."""
    order = np.argsort(-worth, kind="stable")[:_SHOWN]
    return tuple(Demonstration(choices[int(i)].id, None, float(worth[i])) for i in order if worth[i] > 0)
