"""Labelled verdicts where they arise: in a fit, on the choices held back; and where other choices are predicted."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from personalrm.errors import StorageError
from personalrm.files import MEMORY
from personalrm.models.fusion.out_of_fold import own_logits
from personalrm.models.fusion.table import JudgeKey, LabelledVerdict, VerdictTable, prompt_version
from personalrm.models.fusion.weights import log_odds
from personalrm.models.traits.model import TraitsModel
from personalrm.models.traits.shipped import is_shipped, shipped_people
from personalrm.preferences import History, Verdict
from personalrm.profile.merging import KnownChoices
from personalrm.profile.options import VerdictMode
from personalrm.profile.records import Arm, JudgeState, Profile

_log = logging.getLogger("personalrm.models")


def has_learned_from(people: TraitsModel, history: History) -> bool:
    """Whether the shipped prior was learned from this person's choices: its log-odds are then too good for labels."""
    encoder = people.prior.sense is not None
    if not is_shipped(people.prior.lineage, encoder=encoder):
        return False
    return shipped_people(encoder=encoder).holds_history(history)


def learn_from_fit(table: VerdictTable, model: str, profile: Profile, state: JudgeState, people: TraitsModel) -> int:
    """Keep the verdicts of each arm on the choices that the fit held back. Gives their number.

    Args:
        table: where they are kept.
        model: the language model.
        profile: whose history.
        state: what the judge's fit found.
        people: what people in general prefer, not learned from this person.
    """
    if has_learned_from(people, profile.history):
        return 0
    decided = profile.history.decided
    logit = dict(zip((one.id for one in decided), own_logits(people, profile.history), strict=True))
    mode, added = profile.options.verdicts, 0
    for arm, answers in state.verdicts.items():
        said = log_odds(np.array([answers.get(one.id, np.nan) for one in decided]))
        labels = [
            LabelledVerdict(profile.user, one, float(logit[one.id]), float(verdict))
            for one, verdict in zip(decided, said, strict=True)
            if not np.isnan(verdict)
        ]
        added += table.add(JudgeKey(model, arm, prompt_version(arm, mode), mode), labels)
    return added


def keep_of_test(
    path: str | Path,
    model: str,
    mode: VerdictMode,
    profile: Profile,
    test: History,
    verdicts: Mapping[str, Verdict],
) -> None:
    """`learn_from_test` by the verdicts of the profile's own arm; a table that cannot be written is told in the log.

    Args:
        path: of the table; nothing is kept for ``:memory:``.
        model, mode, profile, test: as for `learn_from_test`.
        verdicts: by the id of the choice, on the responses in the order in which the profile's seed shows them.
    """
    if str(path) == MEMORY:
        return
    side = {one.id: one.preferred_side(profile.seed) for one in test.decided}
    chosen = {
        choice: said.probability if side[choice] == "a" else 1.0 - said.probability
        for choice, said in verdicts.items()
        if said.probability is not None and choice in side
    }
    try:
        learn_from_test(VerdictTable(path), model, profile.fallback.chosen, mode, profile, test, chosen)
    except StorageError as error:
        _log.warning("the judge's verdicts are not kept: %s", error)


def learn_from_test(
    table: VerdictTable,
    model: str,
    arm: Arm,
    mode: VerdictMode,
    profile: Profile,
    test: History,
    probabilities: Mapping[str, float],
) -> int:
    """Keep the verdicts on other choices of a person. Gives their number.

    Args:
        table, model: as for `learn_from_fit`.
        arm, mode: what the judge was shown, and how it was asked.
        profile: what was learned from earlier choices; those among ``test`` are left out.
        test: the choices.
        probabilities: of what was chosen, by the id of the choice.
    """
    people = TraitsModel.behind_profile(profile) if profile.traits is not None else TraitsModel.shipped()
    if has_learned_from(people, profile.history) or has_learned_from(people, test):
        return 0
    known, mine = KnownChoices(profile.history), people.fit(profile.history)
    fresh = [one for one in test.decided if one.id in probabilities and known.find(one) is None]

    def labels() -> Iterator[LabelledVerdict]:
        logit = log_odds(mine.compare_many([(one.context, one.chosen, one.rejected) for one in fresh]))
        said = log_odds(np.array([probabilities[one.id] for one in fresh], dtype=float))
        for one, ours, verdict in zip(fresh, logit, said, strict=True):
            yield LabelledVerdict(profile.user, one, float(ours), float(verdict))

    return table.add(JudgeKey(model, arm, prompt_version(arm, mode), mode), labels())
