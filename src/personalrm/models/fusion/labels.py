"""Collects labelled verdicts: in a fit, on the validation choices, and whenever choices are predicted and known."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from personalrm.databases import MEMORY
from personalrm.errors import StorageError
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
    """Whether the shipped prior was learned from this person's choices, so that its log-odds are not held-out."""
    encoder = people.prior.sense is not None
    if not is_shipped(people.prior.lineage, encoder=encoder):
        return False
    return shipped_people(encoder=encoder).holds_history(history)


def learn_from_fit(table: VerdictTable, model: str, profile: Profile, state: JudgeState, people: TraitsModel) -> int:
    """Store the verdicts of each arm on the validation choices of a fit. Returns their number.

    Args:
        table: the table.
        model: the language model.
        profile: the fitted profile.
        state: the judge's state after the fit.
        people: the population's model, not learned from this person.
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
    """`learn_from_test` with the verdicts of the profile's own arm; a table that cannot be written is logged.

    Args:
        path: file of the table; ``:memory:`` stores nothing.
        model, mode, profile, test: as in `learn_from_test`.
        verdicts: by id of the choice, for the responses in the order given by the profile's seed.
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
    """Store the verdicts on other choices of a person. Returns their number.

    Args:
        table, model: as in `learn_from_fit`.
        arm, mode: the judge's input, and its verdict mode.
        profile: fitted to earlier choices; those in ``test`` are ignored.
        test: the choices.
        probabilities: probabilities of the chosen responses, by id of the choice.
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
