"""``default``: the judge that knows nothing of the person; what every personal judge has to beat."""

from __future__ import annotations

from personalrm.llm.endpoint import Endpoint
from personalrm.models.judges import FittedJudge, seeing
from personalrm.preferences import History
from personalrm.profile.options import Options
from personalrm.synthesis.judging import JudgeContext


async def default(endpoint: Endpoint, history: History, options: Options) -> FittedJudge:
    """Nothing is learned."""
    return seeing(endpoint, JudgeContext(), options)
