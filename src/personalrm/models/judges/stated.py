"""``stated``: shows what the person says of themselves and of what they want, nothing of their choices."""

from __future__ import annotations

from personalrm.llm.endpoint import Endpoint
from personalrm.models.judges import FittedJudge, seeing
from personalrm.preferences import History
from personalrm.profile.options import Options
from personalrm.synthesis.judging import JudgeContext

TEXTS = ("self_description", "system_string")
"""The statements in a choice's ``stated`` that are texts a reader understands by themselves."""


async def stated(endpoint: Endpoint, history: History, options: Options) -> FittedJudge:
    """The person's statement, where the data has one; else it judges as by default, and says so."""
    said = statement(history)
    if said is None:
        return seeing(endpoint, JudgeContext(), options, {"note": "the data holds no statement: judged as by default"})
    return seeing(endpoint, JudgeContext(own_words=said), options, {"own_words": said})


def statement(history: History) -> str | None:
    """What the person says of themselves, the newest where it changed; None if the data holds nothing."""
    for choice in reversed(history.choices):
        parts = [str(choice.stated[name]).strip() for name in TEXTS if choice.stated.get(name)]
        if parts:
            return "\n".join(parts)
    return None
