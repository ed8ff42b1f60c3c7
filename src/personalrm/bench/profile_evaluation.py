"""Evaluates a profile on held-out choices of its user, with any model by name.

evaluation = await evaluate_profile(pool, "traits", profile, history, profile.options, data="june.jsonl")
"""

from __future__ import annotations

from personalrm.bench.evaluation import Evaluation, evaluate
from personalrm.bench.origins import NOTHING, origin_of_profile
from personalrm.llm import background_loop
from personalrm.llm.language_model import UsageMeter
from personalrm.models.engine_pool import EnginePool
from personalrm.models.registry import ALONE, FUSED, is_fused
from personalrm.models.served_name import without_url
from personalrm.preferences import History
from personalrm.profile.options import Options, VerdictMode
from personalrm.profile.records import Profile
from personalrm.profile.spend import Spend


async def evaluate_profile(
    pool: EnginePool,
    model: str,
    profile: Profile,
    history: History,
    options: Options,
    *,
    verdicts: VerdictMode | None = None,
    data: str = "",
) -> Evaluation:
    """Evaluate the predictions of ``model`` for a profile on ``history``; a judge's verdicts are kept for its weight.

    Args:
        pool: opens the engine.
        model: name of the model.
        profile, history: the user's profile, and held-out choices of the same user.
        options: options of the engine.
        verdicts: how the judge answers; default as in the options.
        data: name of the test set in the result.
    """
    mode = verdicts or options.verdicts
    meter = UsageMeter(await pool.endpoint(model)) if pool.asks(model) else None
    engine = await pool.engine(model, options, meter)
    evaluation = evaluate(
        await engine.open(profile),
        history,
        profile.history,
        origin_of_profile(profile, model) if meter is None else NOTHING,
        name=FUSED if is_fused(model) else without_url(model) if meter is None else "synthesizeme",
        model=model.removeprefix(ALONE) if meter else without_url(model),
        verdicts=mode,
        spend=Spend if meter is None else meter.spend,
        seed=profile.seed,
        data=data,
    )
    found = await background_loop.join(evaluation)
    await pool.keep_verdicts(model, profile, history, found.verdicts, mode)
    return found
