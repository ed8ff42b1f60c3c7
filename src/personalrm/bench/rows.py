"""Rows of a run's log: one for each task, and one for each order in which a pair was judged.

Probabilities are those of response ``a``; ``order`` is ``ab`` or ``ba``, the order the model saw (null for methods
without an order). Each row is self-contained: it names method, model, seed and user.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from personalrm.bench.lines import Line
from personalrm.bench.plan import PlannedPair, PlannedTask
from personalrm.bench.protocols import Prediction
from personalrm.preferences import Verdict
from personalrm.synthesis.judging import Judgement, OrderVerdict, reasoning_of

Row = dict[str, Any]


def task_row(line: Line, planned: PlannedTask, found: Prediction, seconds: float) -> Row:
    """The row of one task: its answers with both orders combined, their cost, and what was learned of the user."""
    spend = found.spend
    return {
        **_whose(line, planned),
        "fold": planned.fold,
        "history": len(planned.task.history),
        "ids": [one.id for one in planned.task.questions],
        "probability": [one.probability for one in found.answers],
        "orders": [_orders(one) for one in found.answers],
        "unscored": [one.unscored for one in found.answers],
        "judgements": sum(max(1, len(_order_verdicts(one))) for one in found.answers),
        "calls": spend.calls,
        "prompt_tokens": spend.prompt_tokens,
        "completion_tokens": spend.completion_tokens,
        "cost": _dollars(spend.cost),
        "seconds": round(seconds, 4),
        "learned": dict(found.learned),
    }


def judgement_rows(
    line: Line, planned: PlannedTask, asked: Sequence[PlannedPair], seed: int, found: Prediction
) -> Iterator[Row]:
    """The judgement rows of one task, one for each judged order; ``asked`` holds all pairs of the run."""
    for index, answer in enumerate(found.answers):
        pair = asked[planned.first + index]
        common = {
            **_whose(line, planned),
            "group": pair.group,
            "id": pair.id,
            "domain": pair.domain,
            "seed": seed,
            "fold": planned.fold,
            "preferred": pair.preferred,
        }
        orders = _order_verdicts(answer)
        if not orders:
            yield {**common, **_order_free(answer)}
        for name, order in zip(("ab", "ba"), orders, strict=False):
            yield {**common, "order": name, **_judged(order)}


def _whose(line: Line, planned: PlannedTask) -> Row:
    entry = line.entry
    return {
        "method": entry.method,
        "model": entry.model,
        "context_pairs": entry.context_pairs,
        "task": planned.number,
        "user": planned.task.user,
        "provenance": line.provenance.key,
    }


def _judged(order: OrderVerdict) -> Row:
    completion = order.completion
    return {
        "probability": order.probability,
        "unscored": order.unscored,
        "prompt": order.prompt,
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
        "cost": _dollars(completion.cost),
        "seconds": round(order.seconds, 4),
        "reasoning": reasoning_of(order.text),
    }


def _order_free(answer: Judgement | Verdict) -> Row:
    """Fields for an answer without orders: a local method, identical responses, or a pair that was not judged."""
    return {
        "order": None,
        "probability": answer.probability,
        "unscored": answer.unscored,
        "prompt": None,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "cost": 0.0,
        "seconds": None,
        "reasoning": answer.reasoning if isinstance(answer, Verdict) else None,
    }


def _order_verdicts(answer: Judgement | Verdict) -> tuple[OrderVerdict, ...]:
    return answer.orders if isinstance(answer, Judgement) else ()


def _orders(answer: Judgement | Verdict) -> list[float | None] | None:
    """The probabilities of ``a`` when shown first and second; None for an answer without orders."""
    return [one.probability for one in _order_verdicts(answer)] or None


def _dollars(cost: float | None) -> float | None:
    """Cost rounded to 1e-9, so that the order of summation does not change the result."""
    return None if cost is None else round(cost, 9)
