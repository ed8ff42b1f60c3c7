"""``demographics`` and ``history``: baselines that show the person's data unchanged."""

from __future__ import annotations

from personalrm.llm.endpoint import Endpoint
from personalrm.models.judges import FittedJudge, seeing
from personalrm.preferences import History
from personalrm.profile.options import Options
from personalrm.synthesis.demonstrations import fitting
from personalrm.synthesis.judging import FewShotExample, JudgeContext


async def demographics(endpoint: Endpoint, history: History, options: Options) -> FittedJudge:
    """The person's demographics, if the data has them; else judged as by default, with a note."""
    told = next((one.demographics for one in reversed(history.choices) if one.demographics), None)
    if told is None:
        return seeing(endpoint, JudgeContext(), options, {"note": "the data has no demographics: judged as by default"})
    return seeing(endpoint, JudgeContext(demographics=told), options, {"demographics": told})


async def history(endpoint: Endpoint, history: History, options: Options) -> FittedJudge:
    """The person's choices with their labels, oldest first; if they do not all fit, the newest that do."""
    shown = past_choices(history, options.seed)
    return seeing(endpoint, JudgeContext(shown, seed=options.seed), options, {"shown": len(shown)})


def past_choices(history: History, seed: int) -> tuple[FewShotExample, ...]:
    """The newest choices that fit into a prompt, oldest first; empty if there are none."""
    newest = [FewShotExample(one) for one in reversed(history.decided)]
    return tuple(reversed(fitting(newest, seed))) if newest else ()
