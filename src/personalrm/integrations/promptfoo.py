"""promptfoo: a Python assertion that scores an output by a user's profile, with no grader model.

# assert.py, named in the configuration as {"type": "python", "value": "file://assert.py"}
from personalrm.integrations.promptfoo import get_assert

Variables of a test: ``user_id`` names the user, ``question`` is the user's message (default: the test's prompt), and
``reference`` is an optional answer to compare with. PERSONALRM_PROFILES names the folder of ``USER.json``.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from personalrm.errors import DataError
from personalrm.formatting.numbers import signed
from personalrm.integrations.messages import context_of
from personalrm.integrations.users import UserRewards
from personalrm.llm import background_loop
from personalrm.preferences import Verdict

PROFILES = "PERSONALRM_PROFILES"
"""Environment variable: the folder of ``USER.json``."""


def get_assert(output: Any, context: Mapping[str, Any]) -> dict[str, Any]:
    """The assertion that promptfoo calls.

    Args:
        output: the model's answer as a string, or the value that promptfoo parsed from JSON.
        context: ``vars`` of the test and the ``prompt``.

    Returns:
        ``{"pass", "score", "reason"}``; it passes with a score of at least 0.5. With a reference the score is the
        probability that the user prefers the output. Without one it is Φ(z), where z is the output's reward
        standardised by the rewards of the user's past responses and Φ the normal distribution function. An output
        that could not be scored gets 0.

    Raises:
        DataError: no ``user_id``, no profile of that user, or PERSONALRM_PROFILES is not set.
    """
    told = context.get("vars") or {}
    asked = str(told.get("question") or context.get("prompt") or "")
    return _graded(*preference(told.get("user_id"), asked, output, told.get("reference")))


def preference(user: object, asked: str, output: object, reference: object = None) -> tuple[float | None, str]:
    """A user's score of an output in [0, 1] (see `get_assert`) with the reason; None if it could not be scored.

    Raises:
        DataError: no user, no profile of that user, or PERSONALRM_PROFILES is not set.
    """
    if not user:
        raise DataError("expected the user in the variable 'user_id', found none")
    folder = os.environ.get(PROFILES)
    if not folder:
        raise DataError(f"set {PROFILES} to the folder of USER.json profiles")
    if output is None:
        return None, "there is no output"
    text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False, default=str)
    return background_loop.run(_preference(_rewards(folder), str(user), asked, text, reference))


async def _preference(
    rewards: UserRewards, user: str, asked: str, output: str, reference: object
) -> tuple[float | None, str]:
    profile, context = rewards.profiles.of(user), context_of(asked)
    if profile is None:
        raise DataError(f"there is no profile of '{user}' in the folder that {PROFILES} names")
    if reference not in (None, ""):  # an empty cell in a table of tests means no reference
        verdict = await (await rewards.open(profile)).compare(context, output, str(reference))
        return verdict.probability, _reason(verdict)
    [reward] = await rewards.score([user], [context], [output])
    share = None if reward is None else 0.5 * (1.0 + math.erf(reward / math.sqrt(2.0)))
    return share, "no readable score" if reward is None else f"{signed(reward, 2)} deviations from {user}'s mean"


def _graded(score: float | None, reason: str) -> dict[str, Any]:
    return {"pass": score is not None and score >= 0.5, "score": score or 0.0, "reason": reason}


def _reason(verdict: Verdict) -> str:
    return verdict.reasoning or verdict.unscored or f"preferred with probability {verdict.probability:.2f}"


@cache
def _rewards(folder: str) -> UserRewards:
    return UserRewards(folder)
