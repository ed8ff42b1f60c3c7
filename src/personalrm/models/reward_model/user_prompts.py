"""What of a person stands in the reward model's input, as one text before the conversation.

    user_prompt("history", history)                      # their newest choices, with what they chose
    user_prompt("persona", history, profile)             # what is believed about their taste
    user_prompt("none", history)                         # None: everybody's reward

It is the person's part of the judge's prompt, word for word, so that a profile serves both. The arm that won the
profile's fallback plays no part here: how far a persona is to be trusted is what the training learns.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from personalrm.errors import DataError
from personalrm.preferences import History
from personalrm.profile.records import Profile
from personalrm.synthesis.judging import FewShotExample, JudgeContext
from personalrm.synthesis.persona import persona_text

Kind = Literal["none", "persona", "persona+demonstrations", "history", "demographics"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MOST_CHOICES = 6
MOST_CHARACTERS = 6_000
"""Of past choices: 1,500 tokens. A PRISM pair of one turn has 970 characters, so six of them nearly always fit."""


def needs_profile(kind: Kind) -> bool:
    """Whether this kind is written from a profile and not from the choices alone."""
    return kind in ("persona", "persona+demonstrations")


def user_prompt(
    kind: Kind,
    history: History,
    profile: Profile | None = None,
    most_choices: int = MOST_CHOICES,
    most_characters: int = MOST_CHARACTERS,
) -> str | None:
    """The person's text; None where nothing is known of them.

    Args:
        kind: what of the person is told.
        history: the choices that may be told of; ties are skipped, they prefer nothing.
        profile: learned from these choices and no others; for the kinds that need one.
        most_choices: past choices shown at most, the newest first to be taken.
        most_characters: of all past choices together; one that does not fit is left out, never cut.

    Raises:
        DataError: an unknown kind, or no profile where the kind needs one.
    """
    if kind not in KINDS:
        raise DataError(f"there is no user prompt '{kind}': choose one of {', '.join(KINDS)}")
    if needs_profile(kind) and profile is None and history.decided:
        raise DataError(f"the user prompt '{kind}' is written from a profile, and none was given for {history.user}")
    return _sight(kind, history, profile, most_choices, most_characters).text.strip() or None


def _sight(kind: Kind, history: History, profile: Profile | None, choices: int, characters: int) -> JudgeContext:
    if kind == "history":
        return JudgeContext(_newest((FewShotExample(one) for one in reversed(history.decided)), choices, characters))
    if kind == "demographics":
        stated = [one.demographics for one in history if one.demographics]
        return JudgeContext(demographics=stated[-1] if stated else None)
    if kind == "none" or profile is None:
        return JudgeContext()
    if kind == "persona":
        return JudgeContext(persona=_persona(profile))
    demonstrations = (FewShotExample(profile.choice(one.choice), one.reasoning) for one in profile.demonstrations)
    return JudgeContext(_newest(demonstrations, choices, characters), _persona(profile), profile.seed)


def _persona(profile: Profile) -> str | None:
    return None if profile.persona is None else persona_text(profile.persona)


def _newest(shown: Iterable[FewShotExample], most: int, characters: int) -> tuple[FewShotExample, ...]:
    """The first ones that fit, turned round: what is told of first is the oldest, as in the judge's prompt."""
    kept: list[FewShotExample] = []
    for one in shown:
        size = len(JudgeContext((one,)).text)
        if len(kept) < most and size <= characters:
            kept.append(one)
            characters -= size
    return tuple(reversed(kept))
