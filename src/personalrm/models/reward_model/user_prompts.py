"""User information in the reward model's input: one text before the conversation.

    user_prompt("history", history)                      # the user's latest choices
    user_prompt("persona", history, profile)             # the persona of their profile
    user_prompt("none", history)                         # None: the same reward for all users

It is the user part of the judge's prompt, verbatim, so that a profile serves both. The profile's arm selection is not
used here: how much weight a persona deserves is learned in training.
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
"""Maximum characters of past choices, about 1,500 tokens. A single-turn PRISM pair has 970, so six usually fit."""


def needs_profile(kind: Kind) -> bool:
    """Whether this kind is made from a profile rather than from the choices alone."""
    return kind in ("persona", "persona+demonstrations")


def user_prompt(
    kind: Kind,
    history: History,
    profile: Profile | None = None,
    most_choices: int = MOST_CHOICES,
    most_characters: int = MOST_CHARACTERS,
) -> str | None:
    """The user's text; None without usable choices.

    Args:
        kind: kind of user information.
        history: the choices that may be shown; ties are skipped.
        profile: fitted to these choices and no others; for the kinds that need one.
        most_choices: maximum past choices; the latest are taken first.
        most_characters: maximum characters of all past choices; one that does not fit is left out, never truncated.

    Raises:
        DataError: an unknown kind, or no profile where the kind needs one.
    """
    if kind not in KINDS:
        raise DataError(f"unknown user prompt '{kind}': expected one of {', '.join(KINDS)}")
    if needs_profile(kind) and profile is None and history.decided:
        raise DataError(f"the user prompt '{kind}' needs a profile, and none was given for {history.user}")
    return _judge_context(kind, history, profile, most_choices, most_characters).text.strip() or None


def _judge_context(
    kind: Kind, history: History, profile: Profile | None, choices: int, characters: int
) -> JudgeContext:
    if kind == "history":
        return JudgeContext(_newest((FewShotExample(one) for one in reversed(history.decided)), choices, characters))
    if kind == "demographics":
        stated = [one.demographics for one in history if one.demographics]
        return JudgeContext(demographics=stated[-1] if stated else None)
    if kind == "none" or profile is None:
        return JudgeContext()
    if kind == "persona":
        return JudgeContext(persona=_persona(profile))
    demonstrations = (FewShotExample(choice, one.reasoning) for one, choice in profile.demonstrated())
    return JudgeContext(_newest(demonstrations, choices, characters), _persona(profile), profile.seed)


def _persona(profile: Profile) -> str | None:
    return None if profile.persona is None else persona_text(profile.persona)


def _newest(shown: Iterable[FewShotExample], most: int, characters: int) -> tuple[FewShotExample, ...]:
    """The first ones that fit, reversed to chronological order, as in the judge's prompt."""
    kept: list[FewShotExample] = []
    for one in shown:
        size = len(JudgeContext((one,)).text)
        if len(kept) < most and size <= characters:
            kept.append(one)
            characters -= size
    return tuple(reversed(kept))
