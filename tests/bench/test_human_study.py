"""The study with people, with simulated participants: blind, resumable, without names, one count a participant."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import Done, Run
from study_participants import Participant, pairs

from personalrm.bench.studies.human import Choose, Consent, Finished, HumanStudy, Protocol, Rate, Wait, analyse
from personalrm.bench.studies.human.analysis import Rated
from personalrm.bench.studies.human.folder import StudyFolder
from personalrm.bench.studies.human.material import Statement, generic_claims, texts
from personalrm.data.writing import write_choices
from personalrm.errors import DataError, StoreConflict
from personalrm.models.traits import TraitsModel
from personalrm.stats.power import participants_needed

SHORT = Protocol(choices=12, statements=3, simulated=True)


@pytest.fixture(scope="module")
def model() -> TraitsModel:
    return TraitsModel.shipped()


@pytest.fixture
def study(tmp_path: Path, model: TraitsModel) -> HumanStudy:
    return HumanStudy.open(tmp_path / "study", pairs(20), SHORT, model)


def file_of(study: HumanStudy, code: str) -> Path:
    assert isinstance(study.log, StudyFolder)
    return study.log.folder / "participants" / f"{code}.jsonl"


def two_finished(study: HumanStudy, model: TraitsModel) -> list[str]:
    people = [Participant(number, model, honest=False) for number in range(2)]
    sessions = [study.session() for _ in people]
    for one, session in zip(people, sessions, strict=True):
        one.take_part(session)
    people[0].take_part(study.session(sessions[0].code))  # the first one had nobody to be compared with
    return [one.code for one in sessions]


def test_from_consent_to_the_last_rating(study: HumanStudy, model: TraitsModel) -> None:
    first = study.session()
    assert isinstance(first.step(), Consent)
    assert study.codes() == []
    Participant(0, model, honest=False).take_part(first)
    assert isinstance(first.step(), Wait)
    codes = two_finished(study, model)
    for code in codes:
        assert isinstance(study.session(code).step(), Finished)
    found = study.analyse()
    assert (found.begun, found.finished, found.simulated) == (3, 2, True)


def test_a_session_goes_on_after_every_step_as_if_it_had_not_been_left(study: HumanStudy, model: TraitsModel) -> None:
    two_finished(study, model)
    whole = study.session()
    person = Participant(3, model, honest=False)
    shown = []
    while not isinstance(whole.step(), Finished):
        again = study.session(whole.code) if study.codes().count(whole.code) else whole
        assert again.step() == whole.step()
        whole = again
        step = whole.step()
        shown.append(step)
        if isinstance(step, Consent):
            whole.agree()
        elif isinstance(step, Choose):
            whole.choose(person._pick(step))
        elif isinstance(step, Rate):
            whole.rate(4)
    kinds = [type(one) for one in shown]
    assert kinds == [Consent] + [Choose] * 12 + [Rate] * (len(shown) - 13)


def test_a_line_that_a_crash_cut_off_is_asked_again(study: HumanStudy) -> None:
    session = study.session()
    session.agree()
    session.choose("left")
    file = file_of(study, session.code)
    file.write_bytes(file.read_bytes() + b'{"event":"choi')
    again = study.session(session.code)
    step = again.step()
    assert isinstance(step, Choose)
    assert step.number == 2
    again.choose("right")
    assert study.session(session.code).picks == ["left", "right"]


def test_a_session_that_goes_on_in_two_terminals_keeps_each_answer_once(study: HumanStudy) -> None:
    first = study.session()
    first.agree()
    second = study.session(first.code)
    first.choose("left")
    with pytest.raises(StoreConflict, match=first.code):
        second.choose("right")
    assert study.session(first.code).picks == ["left"]


def test_reading_leaves_a_line_that_is_being_written(study: HumanStudy) -> None:
    session = study.session()
    session.agree()
    file = file_of(study, session.code)
    file.write_bytes(file.read_bytes() + b'{"event":"choi')
    begun = file.read_bytes()
    assert len(study.sessions()) == 1
    assert file.read_bytes() == begun


def test_who_rates_cannot_tell_whose_claim_it_is(study: HumanStudy, model: TraitsModel) -> None:
    codes = two_finished(study, model)
    orders = []
    for code in codes:
        session = study.session(code)
        assert {arm for one in session.statements for arm in one.arms} == {"own", "stranger", "generic"}
        assert len({one.text for one in session.statements}) == len(session.statements)
        assert all(sum(arm in one.arms for one in session.statements) == 3 for arm in ("own", "stranger", "generic"))
        orders.append([one.arms for one in session.statements])
    assert orders[0] != orders[1]


def test_no_claim_holds_a_word_of_anybodys_texts(study: HumanStudy, model: TraitsModel) -> None:
    """Claims come from a closed list that is the same whatever anybody has written."""
    known = texts()
    for code in two_finished(study, model):
        assert {one.text for one in study.session(code).statements} <= known
    assert set(generic_claims(model, 8)) <= known


def test_what_is_kept_of_a_participant(study: HumanStudy, model: TraitsModel) -> None:
    code = two_finished(study, model)[0]
    events = [json.loads(line) for line in file_of(study, code).read_text().splitlines()]
    fields = {name for one in events for name in one}
    assert fields == {"event", "text", "pair", "picked", "claims", "stranger", "statement", "value"}
    assert file_of(study, code).stat().st_mode & 0o077 == 0


def test_a_study_cannot_change_once_it_has_begun(tmp_path: Path, study: HumanStudy, model: TraitsModel) -> None:
    folder = tmp_path / "study"
    assert HumanStudy.open(folder, pairs(20), None, model).protocol == SHORT
    with pytest.raises(DataError):
        HumanStudy.open(folder, pairs(20), Protocol(choices=10), model)
    with pytest.raises(DataError):
        HumanStudy.open(folder, pairs(21), None, model)
    with pytest.raises(DataError):
        study.session("../study")
    with pytest.raises(DataError):
        HumanStudy.open(tmp_path / "other", pairs(5), Protocol(choices=12), model)
    with pytest.raises(DataError):
        study.session().rate(3)


def made(own: list[int], stranger: list[int], generic: list[int]) -> list[Rated]:
    said = [Statement(arm, (arm,)) for arm in ("own", "stranger", "generic")]
    return [Rated(f"p{at}", said, values) for at, values in enumerate(zip(own, stranger, generic, strict=True))]


def test_the_analysis_counts_participants_and_corrects_for_two_comparisons() -> None:
    rng = np.random.default_rng(0)
    own = [int(one) for one in rng.integers(4, 8, 30)]
    found = analyse(made(own, [one - 2 + at % 2 for at, one in enumerate(own)], own), 31, Protocol())
    stranger, generic = found.comparisons
    assert stranger.test.difference == pytest.approx(1.5)
    assert stranger.test.people == 30
    assert stranger.p == pytest.approx(2 * stranger.test.p)
    assert stranger.p < 0.01
    assert generic.test.difference == 0.0
    assert generic.p == 1.0
    assert generic.effect is None
    assert found.means["own"] == pytest.approx(np.mean(own))


def test_nobody_yet_is_no_error() -> None:
    found = analyse([], 0, Protocol())
    assert (found.comparisons, found.detectable, found.rows) == ((), None, ())


def test_as_many_participants_are_planned_as_the_effect_needs() -> None:
    assert participants_needed(0.5) == pytest.approx(34, abs=1)  # G*Power 3.1: 34
    assert Protocol(effect=0.5).planned == participants_needed(0.5, 2) > 34
    rng = np.random.default_rng(1)
    people, hits = participants_needed(0.8), 0
    for _ in range(400):
        sample = rng.normal(0.8, 1.0, people)
        hits += abs(sample.mean() / (sample.std(ddof=1) / np.sqrt(people))) > 2.145  # t of 14 degrees of freedom
    assert people == pytest.approx(15, abs=1)
    assert 0.72 < hits / 400 < 0.9


@pytest.mark.slow
def test_a_persona_that_describes_is_told_from_one_that_does_not(tmp_path: Path, model: TraitsModel) -> None:
    """Simulated participants who rate by their taste, and such who rate at random: no result about people."""
    p = {}
    for honest in (True, False):
        study = HumanStudy.open(tmp_path / str(honest), pairs(40), Protocol(simulated=True), model)
        people = [(Participant(number, model, honest=honest), study.session()) for number in range(41)]
        for _ in range(2):  # in the second round there is a stranger for the first one as well
            for one, session in people:
                one.take_part(session)
        found = study.analyse()
        assert found.finished == found.planned == 41
        p[honest] = [one.p for one in found.comparisons]
    assert max(p[True]) < 0.05
    assert min(p[False]) > 0.05


def test_the_command_leads_through_a_session_and_analyses_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def study(*words: object, said: str = "") -> Done:
        monkeypatch.setattr(sys, "stdin", io.StringIO(said))
        return run("study", "human", *words)

    file, out = tmp_path / "pairs.jsonl", tmp_path / "study"
    write_choices(file, pairs(10))
    left = study(file, "--out", out, "--choices", 8, said="maybe\ny\n1\n2\n")
    assert left.code == 0, left.err
    code = next((out / "participants").iterdir()).stem
    assert f"--participant {code}" in left.out
    done = study(file, "--out", out, "--participant", code, said="1\n2\n1\n1\n2\n0\n")
    assert "come back" in done.out
    other = study(file, "--out", out, said="y\n" + "1\n2\n" * 4 + "5\n" * 20)
    assert "You have finished" in other.out
    told = study(file, "--out", out, "--analyze")
    assert told.code == 0, told.err
    results = json.loads((out / "results.json").read_text())
    assert (results["begun"], results["finished"]) == (2, 1)
    rows = list(csv.DictReader((out / "ratings.csv").read_text().splitlines()))
    assert len(rows) == len(results["rows"]) > 0
    assert {row["rating"] for row in rows} == {"5"}
    assert study(file, "--out", out, "--choices", 9).code != 0
    resumed = study(file, "--out", out, "--participant", code, said="5\n")
    assert f"--participant {code}" in resumed.out
    assert "You have finished" in study(file, "--out", out, "--participant", code, said="5\n" * 20).out
    assert study(file, "--out", out, "--analyze").code == 0
    results = json.loads((out / "results.json").read_text())
    assert (results["begun"], results["finished"]) == (2, 2)
