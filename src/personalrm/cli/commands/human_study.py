"""`personalrm study human`: a participant's session in the terminal, and the result of the study.

personalrm study human pairs.jsonl --out study/                        # a new participant
personalrm study human pairs.jsonl --out study/ --participant CODE     # resume
personalrm study human pairs.jsonl --out study/ --analyze              # study/results.json, study/ratings.csv
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from personalrm.cli import inputs, output
from personalrm.errors import DataError
from personalrm.files import replace_file, stored, to_json
from personalrm.formatting.numbers import signed

if TYPE_CHECKING:
    from personalrm.bench.studies.human import Choose, HumanStudy, Picked, Rate, Session

_STOP = "q"


def opened(
    context: typer.Context, data: list[str], out: Path, choices: int | None, effect: float | None, seed: int
) -> HumanStudy:
    """The study in this folder, created with these settings if it is new."""
    from personalrm.bench.studies.human import HumanStudy, Protocol
    from personalrm.data.sources import source

    pairs = [one for history in source(data, inputs.read_options(context))() for one in history.decided]
    given = {name: value for name, value in (("choices", choices), ("effect", effect)) if value is not None}
    fresh = not (out / "study.json").exists()
    protocol = Protocol(**given, seed=seed) if fresh else None  # type: ignore[arg-type]
    if not fresh and given:
        raise DataError(f"{out} has a study already: --choices and --effect cannot be changed")
    return HumanStudy.open(out, pairs, protocol)


def take_part(study: HumanStudy, code: str | None) -> None:
    """One participant's session, until it is complete or stopped."""
    from personalrm.bench.studies.human import Choose, Consent, Rate, Wait

    session = study.session(code)
    while True:
        step = session.step()
        if isinstance(step, Consent):
            typer.echo(f"{step.text}\n")
            if _answer("Do you take part?", {"y": "yes", "n": "no"}) != "y":
                typer.echo("Nothing was stored. Thank you.")
                return
            session.agree()
            typer.echo(f"Your code is {session.code}.")
        elif isinstance(step, Choose):
            if not _choose(session, step):
                return
        elif isinstance(step, Rate):
            if not _rate(session, step):
                return
        elif isinstance(step, Wait):
            typer.echo("Thank you. The second part needs one more participant: come back later. " + _how(session))
            return
        else:
            typer.echo("You have finished. Thank you.")
            return


def tell(study: HumanStudy, out: Path) -> None:
    """Print the result, and write it and all ratings to the study's folder."""
    found = study.analyse()
    with stored(out):
        replace_file(out / "results.json", to_json(found.as_json()), private=True)
        replace_file(out / "ratings.csv", found.as_csv(), private=True)
    if found.simulated:
        typer.echo("SIMULATED PARTICIPANTS: the result says nothing about people.")
    typer.echo(
        f"{found.finished} of {found.begun} participants have finished; {found.planned} are planned for an effect of "
        f"{study.protocol.effect:g} (power 80 %, two comparisons)."
    )
    if found.detectable is not None:
        typer.echo(f"With {found.finished} an effect of {found.detectable:.2f} is detected with a power of 80 %.")
    typer.echo("  ".join(f"{arm} {mean:.2f}" for arm, mean in found.means.items()))
    for one in found.comparisons:
        test = one.test
        bounds = "" if test.low is None or test.high is None else f" [{signed(test.low, 2)}, {signed(test.high, 2)}]"
        size = "" if one.effect is None else f", effect {one.effect:.2f}"
        typer.echo(f"own against {one.other}: {signed(test.difference, 2)}{bounds}, p {one.p:.3f} (Holm){size}")
    output.remark(f"{out / 'results.json'} and {out / 'ratings.csv'} have every claim and rating.")


def _choose(session: Session, step: Choose) -> bool:
    typer.echo(f"\nPair {step.number} of {step.total}")
    for turn in step.context:
        typer.echo(f"{turn.role}: {output.clean(turn.content)}")
    typer.echo(f"\n[1] {output.clean(step.left)}\n\n[2] {output.clean(step.right)}\n")
    picks: Mapping[str, Picked] = {"1": "left", "2": "right", "0": "neither"}
    answer = _answer("Which do you prefer?", {**picks, _STOP: "stop"})
    if answer == _STOP:
        typer.echo(_how(session))
        return False
    session.choose(picks[answer])
    return True


def _rate(session: Session, step: Rate) -> bool:
    from personalrm.bench.studies.human import QUESTION, SCALE

    values = {str(one): "" for one in range(SCALE[0], SCALE[1] + 1)}
    typer.echo(f"\nSentence {step.number} of {step.total}: {step.text}")
    answer = _answer(f"{QUESTION} 1 not at all … {SCALE[1]} exactly", {**values, _STOP: "stop"})
    if answer == _STOP:
        typer.echo(_how(session))
        return False
    session.rate(int(answer))
    return True


def _answer(question: str, answers: Mapping[str, str]) -> str:
    """Ask until the answer is one of the keys; `q` at the end of the input."""
    shown = ", ".join(f"{key} {word}".strip() for key, word in answers.items())
    while True:
        try:
            given = input(f"{question} ({shown}) ").strip().lower()
        except EOFError:
            return _STOP
        if given in answers:
            return given


def _how(session: Session) -> str:
    return f"Your answers are stored; resume with --participant {session.code}"
