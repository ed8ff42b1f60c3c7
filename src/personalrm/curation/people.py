"""The filters on one user's choices: query and responses for which personal preference matters, and disagreeing judges.

    outcome = await filtered(history, judges, thresholds, "token")
    outcome.left["contested"]      # choices left after the last filter, with the judges' verdicts
    outcome.labels                 # all labels, in an order independent of time

Each filter labels what the previous one kept. A pair with an unscored label is removed and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from personalrm.curation.asking import First, Judge, Label, Personalizable, personalizable, verdict
from personalrm.curation.filters import consensus, is_personalizable
from personalrm.curation.thresholds import Thresholds
from personalrm.llm.gather import gather
from personalrm.preferences import History, Preference
from personalrm.profile.options import VerdictMode
from personalrm.synthesis.judging import log_odds

QUERY, RESPONSES, CONTESTED = "personalizable query", "personalizable responses", "contested"
FILTERS = (QUERY, RESPONSES, CONTESTED)
EVEN = 1e-9
"""Log-odds below this are rounding errors of zero."""
ORDERS: tuple[First, ...] = ("chosen", "rejected")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One user after the filters: choices kept by each, reasons of removal, and the labels."""

    left: Mapping[str, History]
    removed: Mapping[str, Mapping[str, int]]
    labels: tuple[Label, ...]


async def filtered(history: History, judges: Sequence[Judge], thresholds: Thresholds, verdicts: VerdictMode) -> Outcome:
    """Run the three filters; the first judge labels whether personal preference matters.

    Raises:
        BudgetSpent, StorageError: every answer so far is stored.
    """
    left: dict[str, History] = {}
    removed: dict[str, Mapping[str, int]] = {}
    labels: list[Label] = []
    kept: Sequence[Preference] = history.choices
    rooms: tuple[tuple[str, Personalizable], ...] = ((QUERY, "query"), (RESPONSES, "responses"))
    for name, step in rooms:
        found = await gather(personalizable(judges[0], step, one, verdicts, thresholds.seed) for one in kept)
        kept, removed[name] = _with_room(kept, found, thresholds)
        left[name] = history.only(kept)
        labels += found
    votes = await gather(_votes(one, judges, verdicts) for one in kept)
    kept, removed[CONTESTED] = _contested(kept, votes, thresholds)
    left[CONTESTED] = history.only(kept)
    return Outcome(left, removed, (*labels, *(label for of_pair in votes for label in of_pair)))


async def _votes(choice: Preference, judges: Sequence[Judge], verdicts: VerdictMode) -> list[Label]:
    return await gather(verdict(judge, choice, first, verdicts) for judge in judges for first in ORDERS)


def _with_room(
    choices: Sequence[Preference], labels: Sequence[Label], thresholds: Thresholds
) -> tuple[list[Preference], Counter[str]]:
    removed: Counter[str] = Counter()
    kept = []
    for choice, label in zip(choices, labels, strict=True):
        if is_personalizable(label.probability, thresholds):
            kept.append(choice)
        else:
            removed["unscored" if label.probability is None else "not personalizable"] += 1
    return kept, removed


def _contested(
    choices: Sequence[Preference], votes: Sequence[Sequence[Label]], thresholds: Thresholds
) -> tuple[list[Preference], Counter[str]]:
    removed: Counter[str] = Counter()
    kept = []
    for choice, labels in zip(choices, votes, strict=True):
        found = consensus([label.probability for label in labels], thresholds)
        if found == "contested":
            kept.append(replace(choice, judges={**choice.judges, **_right(labels)}))
        else:
            removed[_WHY[found]] += 1
    return kept, removed


_WHY = {"clear": "judges agree", "opposed": "judges agree on the other", "unscored": "unscored"}


def _right(labels: Sequence[Label]) -> dict[str, bool]:
    """Whether each judge agrees with the user, both orders combined; unscored or even judges are left out."""
    by_model: dict[str, list[float]] = {}
    for label in labels:
        if label.probability is not None:
            by_model.setdefault(label.model, []).append(log_odds(label.probability))
    whole = {model: sum(odds) for model, odds in by_model.items() if len(odds) == len(ORDERS)}
    return {model: odds > 0 for model, odds in whole.items() if abs(odds) > EVEN}
