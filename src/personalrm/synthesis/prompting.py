"""A profile as portable prompts: for any judge model, and for generation.

judge_prompt(profile, context, "Yes.", "It depends.")      # messages for a chat API
generation_prompt(profile)                                 # a system prompt
"""

from __future__ import annotations

from collections.abc import Sequence

from personalrm import prompts
from personalrm.formatting.texts import portable
from personalrm.preferences import Message
from personalrm.profile.records import Profile
from personalrm.synthesis import rendering
from personalrm.synthesis.fitting import judge_context_of
from personalrm.synthesis.judging import question

EXAMPLES = 3
LONGEST_EXAMPLE = 2_000
NOTHING_USED = "There is no description of this person to go by: answer as you would answer anybody."
_CONVERSATION, _A, _B = "{{conversation}}", "{{response_a}}", "{{response_b}}"


def judge_prompt(
    profile: Profile, context: Sequence[Message] | None, a: str | None, b: str | None
) -> list[dict[str, str]]:
    """Return messages that ask for a reasoned verdict; a missing context or response becomes a placeholder."""
    turns = (Message("user", _CONVERSATION),) if context is None else context
    asked = question(judge_context_of(profile), turns, _A if a is None else a, _B if b is None else b, "reasoned")
    return [{"role": one.role, "content": portable(_only_own_slots(one.content))} for one in asked]


def generation_prompt(profile: Profile) -> str:
    """Return a system prompt with the persona and liked answers of the selected arm; see `persona_in_use`."""
    judge_context = judge_context_of(profile)
    parts = [prompts.load("generation")]
    if judge_context.persona:
        parts.append(rendering.tagged("persona", judge_context.persona))
    liked = [one.choice.chosen for one in judge_context.demonstrations if len(one.choice.chosen) <= LONGEST_EXAMPLE]
    parts += [f"<liked_answer>\n{rendering.safe(text)}\n</liked_answer>" for text in liked[:EXAMPLES]]
    if len(parts) == 1:
        parts.append(NOTHING_USED)
    return portable("\n\n".join(parts))


def persona_in_use(profile: Profile) -> bool:
    """Return whether judge and prompts show the persona: only if it improved predictions on validation."""
    return profile.persona is not None and "persona" in profile.fallback.chosen


def _only_own_slots(prompt: str) -> str:
    """The prompt with placeholders inside past choices escaped, so that they are not filled in."""
    shown, tag, pair = prompt.rpartition("<pair>")
    for slot in (_CONVERSATION, _A, _B):
        shown = shown.replace(slot, slot.replace("{{", "{ {"))
    return f"{shown}{tag}{pair}"
