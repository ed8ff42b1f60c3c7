"""``default``: the judge without information about the person; the baseline of every personal judge."""

from __future__ import annotations

from personalrm.llm.endpoint import Endpoint
from personalrm.models.judges import FittedJudge, seeing
from personalrm.preferences import History
from personalrm.profile.options import Options
from personalrm.synthesis.judging import JudgeContext


async def default(endpoint: Endpoint, history: History, options: Options) -> FittedJudge:
    """Nothing is fitted."""
    return seeing(endpoint, JudgeContext(), options)
