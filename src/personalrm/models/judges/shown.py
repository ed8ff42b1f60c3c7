"""``demographics`` and ``history``: baselines that show what is known of the person as it is."""

from __future__ import annotations

from personalrm.llm.endpoint import Endpoint
from personalrm.models.judges import FittedJudge, seeing
from personalrm.preferences import History
from personalrm.profile.options import Options
from personalrm.synthesis.demonstrations import fitting
from personalrm.synthesis.judging import FewShotExample, JudgeContext


async def demographics(endpoint: Endpoint, history: History, options: Options) -> FittedJudge:
    """The person's own demographics, where the data has them; else it judges as by default, and says so."""
    told = next((one.demographics for one in reversed(history.choices) if one.demographics), None)
    if told is None:
        return seeing(endpoint, JudgeContext(), options, {"note": "the data has no demographics: judged as by default"})
    return seeing(endpoint, JudgeContext(demographics=told), options, {"demographics": told})


async def history(endpoint: Endpoint, history: History, options: Options) -> FittedJudge:
    """The person's choices with their labels, oldest first; where they do not fit, the newest that do."""
    shown = past_choices(history, options.seed)
    return seeing(endpoint, JudgeContext(shown, seed=options.seed), options, {"shown": len(shown)})


def past_choices(history: History, seed: int) -> tuple[FewShotExample, ...]:
    """The newest choices that fit into a prompt, oldest first; none where there are none."""
    newest = [FewShotExample(one) for one in reversed(history.decided)]
    return tuple(reversed(fitting(newest, seed))) if newest else ()
