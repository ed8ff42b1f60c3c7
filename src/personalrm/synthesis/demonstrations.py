"""Stage 3: which past choices teach the judge most, and the marginal value of each.

All training choices are put in one order, the chain: verified and surprising choices alternate, new conversations
first. Candidate sets are prefixes of the chain, so that the prompt of a longer set starts with that of a shorter one
and the host's prefix cache serves both. The sets compete on the validation choices with the persona in place
(successive halving): all sets answer the first choices, only the best set answers the rest. (SynthesizeMe,
arXiv 2506.05598, section 3.3; the chain and the halving are ours. `released_algorithm` keeps the released candidates.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from personalrm.preferences import Preference
from personalrm.profile.records import CandidateSet, Reasoning
from personalrm.synthesis.judging import FewShotExample, JudgeContext
from personalrm.synthesis.reasoning import explanations
from personalrm.synthesis.scoring import Scores, answered_by_all

MOST_SHOWN = 7
"""Maximum number of demonstrations. Each costs tokens on every later verdict; seven of 800 tokens are 5,600."""
ROOM = 96_000
"""Maximum characters of past choices in one prompt (24,000 tokens); beyond it whole choices are left out."""
RIDGE = 0.5


def order_demonstrations(
    choices: Sequence[Preference], reasonings: Sequence[Reasoning], verification: bool = True
) -> list[FewShotExample]:
    """Return the training choices, most informative first; those with a verified reasoning carry it.

    Verified and surprising choices alternate: verified ones describe the user's taste in words, surprising ones show
    where it differs from the plain judge's expectation. Within each kind, a new conversation comes before one already
    shown, and a more surprising choice before a less surprising one.
    """
    by_id = {one.choice: one for one in reasonings}
    surprise = {one.id: by_id[one.id].surprise for one in choices}
    verified = _spread([one for one in choices if by_id[one.id].verified], surprise)
    surprising = _spread([one for one in choices if not by_id[one.id].verified], surprise)
    order: list[Preference] = []
    while verified or surprising:
        order += [queue.pop(0) for queue in (verified, surprising) if queue]
    whys = explanations(reasonings, verification)
    return [FewShotExample(one, whys.get(one.id)) for one in order]


def fitting(shown: Sequence[FewShotExample], seed: int, room: int = ROOM) -> list[FewShotExample]:
    """Return the choices, whole and in order, that fit into ``room`` characters; at least the shortest one."""
    sizes = [len(JudgeContext((one,), seed=seed).text) for one in shown]
    kept: list[FewShotExample] = []
    for one, size in zip(shown, sizes, strict=True):
        if size <= room:
            kept.append(one)
            room -= size
    return kept or [shown[int(np.argmin(sizes))]]


def candidate_sets(shown: Sequence[FewShotExample]) -> list[tuple[FewShotExample, ...]]:
    """Return prefixes of the chain: the first seven, six and five choices (fewer for a shorter chain).

    Much smaller sets save little: a smaller share of their prompts is in the host's prefix cache.
    """
    most = min(len(shown), MOST_SHOWN)
    return [tuple(shown[:size]) for size in range(max(1, most - 2), most + 1)]


def first_round(validation: Sequence[Preference]) -> int:
    """Return the number of validation choices that all candidates answer; only the leader answers the rest."""
    return max(1, round(0.4 * len(validation)))


def leader(scores: Sequence[Scores]) -> int:
    """Return the index of the set with the lowest log loss on the choices that all sets answered.

    On a tie the set with more answers wins, then the smaller set, which comes first.
    """
    common = answered_by_all(scores)
    return min(range(len(scores)), key=lambda i: (scores[i].only(common).sort_key(), scores[i].unanswered))


def candidate_record(shown: Iterable[FewShotExample], scores: Scores, asked: int) -> CandidateSet:
    """Return the candidate as stored in the profile; ``asked`` is the number of all validation choices."""
    return CandidateSet(
        choices=tuple(one.choice.id for one in shown),
        log_loss=scores.log_loss,
        accuracy=scores.accuracy,
        scored=scores.scored,
        stopped_early=scores.asked < asked,
    )


def worth(candidates: Sequence[tuple[Sequence[FewShotExample], Scores]], without: Scores) -> dict[str, float]:
    """Return how much each demonstration lowers the validation log loss, in nats per choice, by choice id.

    Ridge regression of each set's gain over the run without demonstrations (on the same validation choices) on
    indicators of the choices shown. Choices that were always shown together share their effect equally.
    """
    ids = list(dict.fromkeys(one.choice.id for shown, _ in candidates for one in shown))
    rows, gains = [], []
    for shown, scores in candidates:
        gain = scores.gain_over(without)
        if gain is not None:
            present = {one.choice.id for one in shown}
            rows.append([float(one in present) for one in ids])
            gains.append(gain)
    if not rows:
        return {}
    design = np.array(rows)
    solved = np.linalg.solve(design.T @ design + RIDGE * np.eye(len(ids)), design.T @ np.array(gains))
    return {one: round(float(value), 4) for one, value in zip(ids, solved, strict=True)}


def _spread(choices: Sequence[Preference], surprise: Mapping[str, float]) -> list[Preference]:
    """The choices, most surprising first; the first of every group before the second of any."""
    ranked = sorted(choices, key=lambda one: -surprise[one.id])
    seen: dict[str, int] = {}
    turn: dict[str, int] = {}
    for one in ranked:
        turn[one.id] = seen.get(one.group, 0)
        seen[one.group] = turn[one.id] + 1
    return sorted(ranked, key=lambda one: turn[one.id])
