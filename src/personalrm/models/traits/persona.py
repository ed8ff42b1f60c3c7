"""From a fitted person to words: claims with the choices behind them, and why one response was predicted.

A claim needs both: the person's own posterior must favour the trait (not merely everybody's), and the choices in
which the two responses differ in it must speak for it. "Prefers answers under 80 words: 9 of 11 choices" means that
in 11 choices exactly one response had fewer than 80 words, and in 9 of them it was chosen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from personalrm import __version__
from personalrm.models.traits.features import TRAITS, Array, split_words
from personalrm.models.traits.person import Evidence, Measured
from personalrm.models.traits.person import fallback as arms
from personalrm.models.traits.posterior import worth
from personalrm.models.traits.prior import PERSONAL, PERSONAL_COLUMNS, Prior, StandardizedFeatures
from personalrm.preferences import History, Preference
from personalrm.profile.options import Options
from personalrm.profile.provenance import fingerprint_of_history
from personalrm.profile.records import ArmSelection, Claim, Demonstration, Persona, Profile, TraitsState
from personalrm.synthesis.notes import remarks

_SURE = 0.9  # posterior probability that a trait counts for the person, and that the counts are no coin's
_LEAST = 3  # supporting choices of a claim
_MOST = 5  # claims of a persona
_THRESHOLDS = (20, 30, 50, 80, 120, 200, 300, 500, 800)  # words; round numbers for "under 80 words"
_SAME = 0.85  # two claims whose choices agree more than this say the same thing; the stronger stays
_SHOWN = 5  # demonstrations

NOTHING_CERTAIN = "No persona: no trait speaks clearly in these choices."
# How a trait is said, when the person wants more and when they want less of it.
_SAID: dict[str, tuple[str, str]] = {
    "words per sentence": ("longer sentences", "shorter sentences"),
    "numbered items": ("numbered steps", "no numbered steps"),
    "bullets": ("bullet points", "no bullet points"),
    "lines": ("answers set in several lines", "answers in one block"),
    "hedging words": ("careful, hedged wording", "wording without hedging"),
    "first person": ("answers that speak as 'I'", "answers that do not speak as 'I'"),
    "second person": ("being addressed as 'you'", "answers that do not address them"),
    "questions asked": ("answers that ask back", "answers that do not ask back"),
    "ends with a question": ("answers that end with a question", "answers that do not end with a question"),
    "refusal": ("answers that decline", "answers that do not decline"),
    "no opinion of its own": ("answers that keep out of opinions", "answers that do not hide behind neutrality"),
    "as an AI": ("answers that say they come from an AI", "answers without 'as an AI'"),
    "own opinion": ("answers that take a stand", "answers that take no stand"),
    "offer to help": ("offers of further help", "answers without offers of further help"),
    "balance words": ("a balanced view of all sides", "answers that do not weigh all sides"),
    "numbers": ("figures and numbers", "answers without figures"),
    "capital letters": ("names and proper nouns", "answers with few names"),
    "answers the question's words": ("answers that stay on the words of the question", "answers in words of their own"),
    "length of words": ("longer words", "plain short words"),
    "exclamation marks": ("exclamation marks", "answers without exclamation marks"),
    "warm words": ("warm wording", "matter-of-fact wording"),
    "empathy": ("empathy before the answer", "answers without shows of empathy"),
    "negations": ("answers that say what is not so", "answers without negations"),
    "examples given": ("examples", "answers without examples"),
    "starts with yes": ("answers that begin with yes or sure", "answers that do not begin with yes or sure"),
    "starts with no": ("answers that begin with no", "answers that do not begin with no"),
    "similarity to the message": ("answers close to the meaning of the question", "answers that lead away from it"),
}
_NO_NOUN = frozenset({"ends", "starts", "answers", "stays", "opens", "echoes", "as", "a", "no", "own"})
_LENGTH_COLUMNS = [
    index for index, name in enumerate(TRAITS) if name.startswith("length") and name != "length of words"
] + [TRAITS.index("distance from 90 words"), TRAITS.index("a few words only"), TRAITS.index("empty")]


@dataclass(frozen=True, slots=True)
class Person:
    """A fitted person: their evidence, their departure from everybody (p,), its covariance, whether it helps."""

    evidence: Evidence
    departure: Array
    covariance: Array
    measured: Measured


@dataclass(frozen=True, slots=True)
class _Finding:
    """A claim to be: ``side`` (n,) is +1 for choices that support it and -1 for those against."""

    claim: Claim
    strength: float
    side: Array


def reasoning(prior: Prior, departure: Array, side: StandardizedFeatures, probability: float) -> str:
    """One sentence: which traits spoke for the response that is predicted, and which against."""
    if probability == 0.5:
        return "The two responses do not differ in any trait."
    sign = 1.0 if probability > 0.5 else -1.0
    parts = {name: sign * value for name, value in _contributions(prior, departure, side).items()}
    pro = sorted((name for name in parts if parts[name] > 0.02), key=lambda name: -parts[name])[:3]
    con = [name for name in sorted(parts, key=lambda name: parts[name])[:1] if parts[name] < -0.1]
    winner = "A" if sign > 0 else "B"
    traits = _listed([_difference(name, side, sign) for name in pro]) or "many small traits"
    return f"{winner} is favoured by {traits}" + (f"; {_difference(con[0], side, sign)} against it." if con else ".")


def _contributions(prior: Prior, departure: Array, side: StandardizedFeatures) -> dict[str, float]:
    """Log-odds by trait for the first response; length in one, common words as 'wording'."""
    each = side.traits[0] * prior.traits
    own = side.traits[0, PERSONAL_COLUMNS] * (departure[: len(PERSONAL)] + prior.kinds @ side.kinds[0])
    each[PERSONAL_COLUMNS] += own
    parts = {name: float(each[index]) for index, name in enumerate(TRAITS) if index not in _LENGTH_COLUMNS}
    parts["length"] = float(each[_LENGTH_COLUMNS].sum())
    parts["wording"] = float(side.words[0] @ prior.words)
    if prior.sense is not None:
        weight = prior.sense.similarity + departure[len(PERSONAL)]
        parts["similarity to the message"] = float(side.similarity[0, 0] * weight)
        parts["meaning"] = float(side.meaning[0] @ prior.sense.meaning)
    return parts


def _difference(name: str, side: StandardizedFeatures, sign: float) -> str:
    if name in ("wording", "meaning"):
        return name
    if name == "length":
        return "greater length" if sign * side.traits[0, TRAITS.index("length")] > 0 else "brevity"
    if name == "similarity to the message":
        return "closeness to the question" if sign * side.similarity[0, 0] > 0 else "distance from the question"
    more = sign * side.traits[0, TRAITS.index(name)] > 0
    if name.startswith("share"):
        return f"a {'larger' if more else 'smaller'} {name}"
    if name.split()[0] in _NO_NOUN:
        return f"{'more' if more else 'less'} '{name}'"
    return f"{'more' if more else 'fewer' if name.endswith('s') else 'less'} {name}"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else ""


def profile(
    history: History, person: Person | None, prior: Prior, model: str, fitted: TraitsState, options: Options
) -> Profile:
    """The Profile of a fitted person; see `TraitsModel.profile`."""
    decided = history.decided
    if person is None:
        fallback = ArmSelection("default", {}, None, None, "No decided choice: the population alone predicts.")
        persona: Persona | None = None
        demonstrations: tuple[Demonstration, ...] = ()
    else:
        persona = _persona(_findings(decided, person))
        fallback = arms(person.measured)
        evidence = person.evidence
        demonstrations = _demonstrations(decided, worth(evidence.offset, evidence.t, prior.between, evidence.groups))
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
        notes=(*remarks(history), *([NOTHING_CERTAIN] if persona is None and person is not None else [])),
        personalrm=__version__,
    )


def _persona(findings: Sequence[_Finding]) -> Persona | None:
    if not findings:
        return None
    said = [finding.claim.text.split(":")[0] for finding in findings]
    return Persona(". ".join(said) + ".", tuple(finding.claim for finding in findings))


def _findings(choices: Sequence[Preference], person: Person) -> list[_Finding]:
    """Claims that both the posterior and the counts support, the strongest first, none said twice."""
    names = (*PERSONAL, "similarity to the message")
    found = [_length(choices, person)]
    found.extend(
        _finding(_SAID[names[column]], np.sign(person.evidence.t[:, column].round(9)), choices, person)
        for column in range(person.evidence.t.shape[1])
        if names[column] in _SAID
    )
    kept: list[_Finding] = []
    for one in sorted((one for one in found if one is not None), key=lambda one: -one.strength):
        if all(_alike(one.side, other.side) < _SAME for other in kept):
            kept.append(one)
    return kept[:_MOST]


def _alike(one: Array, other: Array) -> float:
    return float(abs(one @ other) / math.sqrt((one @ one) * (other @ other)))


def _length(choices: Sequence[Preference], person: Person) -> _Finding | None:
    """Under or over a round number of words.

    The number is the one that parts most pairs, whatever was chosen; of several the one in the middle.
    """
    sizes = np.array([(len(split_words(one.chosen)), len(split_words(one.rejected))) for one in choices])
    parted = [int(((sizes < limit).sum(axis=1) == 1).sum()) for limit in _THRESHOLDS]
    best = [limit for limit, pairs in zip(_THRESHOLDS, parted, strict=True) if pairs == max(parted)]
    limit = best[len(best) // 2]
    side = (sizes[:, 0] >= limit).astype(float) - (sizes[:, 1] >= limit)
    return _finding((f"answers of at least {limit} words", f"answers under {limit} words"), side, choices, person)


def _finding(said: tuple[str, str], side: Array, choices: Sequence[Preference], person: Person) -> _Finding | None:
    """What the model predicts for this person where one response has more of the trait, and the counts of it.

    ``side`` (n,) is +1 where the chosen response has more, -1 where it has less, 0 where neither. The claim is about
    responses as they come: what usually goes along with the trait in these pairs is part of it. None unless the
    posterior and the counts each favour one direction with 90 % probability, by at least three choices.
    """
    parted = side != 0
    if int(parted.sum()) < _LEAST:
        return None
    evidence = person.evidence
    along = (evidence.t[parted] * side[parted, None]).mean(axis=0)
    common = float((evidence.offset[parted] * side[parted]).mean())
    mean = common + float(along @ person.departure)
    deviation = math.sqrt(max(float(along @ person.covariance @ along), 1e-12))
    more = mean > 0
    signed = side if more else -side
    supporting = tuple(one.id for one, value in zip(choices, signed, strict=True) if value > 0)
    opposing = tuple(one.id for one, value in zip(choices, signed, strict=True) if value < 0)
    sure = 0.5 * (1.0 + math.erf(abs(mean) / deviation / math.sqrt(2.0)))
    if sure < _SURE or len(supporting) < _LEAST or _no_coin(len(supporting), len(opposing)) < _SURE:
        return None
    text = f"Prefers {said[0 if more else 1]}: {len(supporting)} of {len(supporting) + len(opposing)} choices"
    return _Finding(Claim(text, supporting, opposing), abs(mean) / deviation, signed)


def _no_coin(supporting: int, opposing: int) -> float:
    """Probability that the trait is chosen more often than not, given the counts and a flat prior."""
    n = supporting + opposing + 1
    return float(sum(math.comb(n, k) for k in range(supporting + 1)) / 2**n)


def _demonstrations(choices: Sequence[Preference], worth: Array) -> tuple[Demonstration, ...]:
    """The choices that helped most to predict the person's other groups."""
    order = np.argsort(-worth, kind="stable")[:_SHOWN]
    return tuple(Demonstration(choices[int(i)].id, None, float(worth[i])) for i in order if worth[i] > 0)
