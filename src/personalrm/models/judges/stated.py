"""``stated``: shows the person's statements about themselves and their wishes, but no choices."""

from __future__ import annotations

from personalrm.llm.endpoint import Endpoint
from personalrm.models.judges import FittedJudge, seeing
from personalrm.preferences import History
from personalrm.profile.options import Options
from personalrm.synthesis.judging import JudgeContext

TEXTS = ("self_description", "system_string")
"""The keys of ``stated`` whose texts are understandable on their own."""


async def stated(endpoint: Endpoint, history: History, options: Options) -> FittedJudge:
    """The person's statement, if the data has one; else judged as by default, with a note."""
    said = statement(history)
    if said is None:
        return seeing(endpoint, JudgeContext(), options, {"note": "the data has no statement: judged as by default"})
    return seeing(endpoint, JudgeContext(own_words=said), options, {"own_words": said})


def statement(history: History) -> str | None:
    """The person's latest statement about themselves; None if there is none."""
    for choice in reversed(history.choices):
        parts = [str(choice.stated[name]).strip() for name in TEXTS if choice.stated.get(name)]
        if parts:
            return "\n".join(parts)
    return None
