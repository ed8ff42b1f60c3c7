"""Output of the command line: results on stdout, notes on stderr, plain text outside a terminal.

Untrusted text is printed without control characters, which could clear a terminal or change its contents.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from personalrm.cli.encodings import echo_source
from personalrm.cli.engine_text import is_fused, is_of_traits, predicts_with, preset_of
from personalrm.formatting.numbers import between, number, signed
from personalrm.formatting.tables import print_table
from personalrm.formatting.texts import counted, json_text, printable
from personalrm.preferences import Preference

if TYPE_CHECKING:
    from pathlib import Path

    from personalrm.bench.diagnosis import Symptom
    from personalrm.bench.evaluation import Evaluation
    from personalrm.bench.results import BenchResult
    from personalrm.llm.ledger import Budget
    from personalrm.models.base import Ranking
    from personalrm.preferences import Verdict
    from personalrm.profile.records import Claim, Profile

EVIDENCE = 2
"""Maximum choices shown per claim."""
PREDICTIONS = 12
"""Maximum predictions listed."""
SEVERAL = 8
"""Minimum predictions for the error rate by coverage."""
TAUGHT = 7
"""Maximum past choices listed with their reduction in log loss."""
PLAIN_WIDTH = 110


def remark(text: str) -> None:
    """One line on stderr; line breaks, which names of files can hold, are written as escapes."""
    typer.echo(clean(text.replace("\n", "\\n").replace("\r", "\\r")), err=True)


def clean(text: str) -> str:
    """The text without control characters."""
    return printable(text)


def profile(found: Profile) -> None:
    """Print the persona with its evidence, the arms, the demonstrations and the spend."""
    out, ties = console(), len(found.history) - len(found.history.decided)
    out.print(
        f"[bold]{_safe(found.user)}[/bold] · {counted(len(found.history), 'choice')} ({len(found.training)} learned "
        f"from, {len(found.validation)} held back{f', {ties} tied' if ties else ''}) · "
        f"{_safe(found.model)}{_safe(preset_of(found))} · {_safe(predicts_with(found))}\n"
    )
    _persona(out, found)
    _arms(out, found)
    _demonstrations(out, found)
    for note in found.notes:
        out.print(f"Note: {_safe(note)}")
    spend = found.spend
    if spend.calls or spend.cached:
        cost = "" if not spend.cost else f", ${spend.cost:.4f}"
        out.print(
            f"Took {counted(spend.calls, 'call')} ({spend.cached:,} more answered from the cache), "
            f"{spend.prompt_tokens:,} prompt and {spend.completion_tokens:,} completion tokens{cost}, "
            f"{spend.seconds:.1f} s."
        )


def verdict(found: Verdict, *, as_json: bool) -> None:
    """Print a prediction for one pair."""
    if as_json:
        _json({"probability": found.probability, "reasoning": found.reasoning, "unscored": found.unscored})
    elif found.probability is None:
        console().print(_safe(f"unscored: {found.unscored}"))
    else:
        side = {"a": "A is preferred", "b": "B is preferred", None: "even"}[found.winner]
        out = console()
        out.print(f"{side}: P(A) = {found.probability:.3f}, both orders combined")
        if found.reasoning:
            out.print(_safe(found.reasoning))


def score(found: float | None, *, as_json: bool) -> None:
    """Print the log-odds of one response."""
    if as_json:
        _json({"score": found})
    elif found is None:
        remark("unscored: the model's answer could not be parsed")
    else:
        typer.echo(f"{found:.4f}")


def ranking(found: Ranking, responses: Sequence[str], *, as_json: bool) -> None:
    """Print responses, best first."""
    if as_json:
        _json(asdict(found))
        return
    out = console()
    if found.compared and found.unscored == found.compared:
        return  # the order would be that of the responses
    for place, index in enumerate(found.order, 1):
        one_line(out, f"{place}. {signed(found.strengths[index])}  {_short(responses[index], 90)}")
    if found.unscored:
        remark(f"{found.unscored} of {found.compared} comparisons are unscored.")


def evaluation(found: Evaluation, choices: Sequence[Preference], *, as_json: bool) -> None:
    """Print the profile's row, the baselines, and the single predictions."""
    of = f"of {counted(len(found.verdicts), 'choice')}"
    if found.learned_from:
        was = "was" if found.learned_from == 1 else "were"
        remark(f"{found.learned_from} {of} {was} used in the fit: the accuracy on them is not a held-out accuracy.")
    if found.shared_conversations:
        remark(
            f"{found.shared_conversations} {of} belong to conversations that were used in the fit: such choices are "
            "easier than those of new conversations."
        )
    if found.trained_on:
        were = "was" if len(found.trained_on) == 1 else "were"
        remark(
            f"{' and '.join(found.trained_on)} {were} trained on this person's choices too: its accuracy is not a "
            "held-out accuracy."
        )
    if as_json:
        _json(found.as_json())
        return
    out = console()
    table = Table(title="share of choices whose preferred response is predicted", title_justify="left")
    for head in ("method", "accuracy", "95 % interval", "choices", "coverage", "log loss"):
        table.add_column(head, justify="left" if head == "method" else "right")
    for row in (found.row, *found.baselines):
        cells = (
            number(row["accuracy"]),
            between(row["low"], row["high"]),
            str(row["pairs"]),
            number(row["coverage"]),
            number(row["log_loss"]),
        )
        table.add_row(_safe(row["name"]), *cells)
    print_table(out, table)
    out.print(
        "Intervals: bootstrap over conversations; none below five, or if one has over two fifths of the choices.\n",
        style="dim",
    )
    if found.row["pairs"] >= SEVERAL and found.row["low"] is not None:
        wrong = ", ".join(f"{one['coverage']:.0%}: {one['risk']:.0%}" for one in found.risk_coverage)
        out.print(f"Error rate by coverage (most certain first): {wrong}.\n", style="dim")
    for choice in [one for one in choices if one.id in found.verdicts][:PREDICTIONS]:
        _prediction(out, choice, found)


def asked(ledgers: Iterable[Budget]) -> None:
    """Print the usage of the models and of the cache."""
    for one in ledgers:
        if one.calls or one.from_cache:
            cost = f", ${one.cost:.2f}" if one.cost else ""
            odd = f"; {counted(one.refused, 'question')} refused by the host" if one.refused else ""
            odd += f"; {counted(one.cut, 'answer')} stayed cut off" if one.cut else ""
            remark(f"{counted(one.calls, 'call')} made{cost}; {counted(one.from_cache, 'answer')} from the cache{odd}.")


def benchmark(result: BenchResult, directory: Path | None, *, as_json: bool) -> None:
    """Print the table of methods; with a directory, also write the results there."""
    from personalrm.bench.record import read_record, record_of, write
    from personalrm.bench.report.terminal import show
    from personalrm.bench.results import baseline
    from personalrm.models.registry import SURFACE

    against = baseline(result, SURFACE)
    if directory is not None:
        remark(f"Written to {write(result, directory, against)}.")
    if as_json:
        _json(result.as_json())
    else:
        show(record_of(result, against) if directory is None else read_record(directory), console())


def diagnosis(symptoms: Sequence[Symptom], *, as_json: bool) -> None:
    """Print the detected problems of a profile, then the checks without findings."""
    if as_json:
        _json([asdict(one) for one in symptoms])
        return
    out = console()
    if not any(one.shown for one in symptoms):
        out.print("No known failure is shown.\n")
    for one in symptoms:
        head = "[red]shown[/red]" if one.shown else "not measured" if one.shown is None else "[green]not shown[/green]"
        out.print(f"{head}  [bold]{_safe(one.name)}[/bold]: {_safe(one.measured)}")
        if one.shown:
            out.print(f"       What to do: {_safe(one.advice)}.")


def study(path: Path) -> None:
    """Print the results of a study and its file."""
    from personalrm.bench.report.studies import read_study
    from personalrm.bench.report.terminal import show_study

    show_study(read_study(path), console())
    remark(f"Written to {path}; `personalrm report {path.parent.parent}` draws it.")


def _prediction(out: Console, choice: Preference, found: Evaluation) -> None:
    judged = found.verdicts[choice.id]
    if judged.probability is None:
        out.print(f"  unscored ({_safe(judged.unscored or '')}) · {_safe(_last_message(choice))}")
        return
    first = choice.chosen_first(found.seed)
    right = judged.winner == choice.preferred_side(found.seed)
    mark = "[green]right[/green]" if right else "[red]wrong[/red]" if judged.winner else "even "
    chance = judged.probability if first else 1.0 - judged.probability
    out.print(f"  {mark} P = {chance:.2f} · {_safe(_last_message(choice))}")
    _line(out, f"        preferred: {'A' if first else 'B'} · {_short(choice.chosen, 80)}")
    _line(out, f"        over:      {'B' if first else 'A'} · {_short(choice.rejected, 80)}")
    if judged.reasoning:
        out.print(Padding(_safe(judged.reasoning), (0, 0, 0, 8)), style="dim")


def _persona(out: Console, found: Profile) -> None:
    from personalrm.synthesis.persona import own_summary

    if found.persona is None:
        out.print("[bold]No persona.[/bold]\n")
        return
    summary = own_summary(found.persona)
    out.print(f"[bold]Persona[/bold]\n{_safe(summary)}\n" if summary else "[bold]Persona[/bold]")
    for claim in found.persona.claims:
        out.print(
            f"• {_safe(claim.text)}{'' if is_of_traits(found) else _counts(claim)}"
        )  # the embedded engine says them
        for line in _evidence(found, claim):
            _line(out, f"    {line}")
    if found.persona.claims:
        out.print()


def _counts(claim: Claim) -> str:
    against = f", {len(claim.opposing)} against" if claim.opposing else ""
    return f" [dim]({len(claim.supporting)} for{against})[/dim]"


def _line(out: Console, text: str) -> None:
    """Print one dim line, truncated to the terminal's width."""
    one_line(out, text, style="dim")


def one_line(out: Console, text: str, style: str | None = None) -> None:
    """Print untrusted text on one line, truncated to the terminal's width."""
    out.print(_safe(text), style=style, no_wrap=True, overflow="ellipsis")


def paragraph(text: str = "", indent: int = 0) -> None:
    """Print untrusted text, wrapped at the terminal's width."""
    console().print(Padding(_safe(text), (0, 0, 0, indent)) if indent else _safe(text))


def _evidence(found: Profile, claim: Claim) -> list[str]:
    """Choices for the claim, each from another conversation, and the first one against it."""
    known = {one.id: one for one in found.history}
    by_group = {known[one].group: one for one in reversed(claim.supporting)}
    first = set(by_group.values())
    supporting = [one for one in claim.supporting if one in first][:EVIDENCE]
    cited = [("for", one) for one in supporting] + [("against", one) for one in claim.opposing[:1]]
    lines = []
    for side, choice_id in cited:
        one = known[choice_id]
        lines.append(f"{side}: {_last_message(one)} → {_short(one.chosen, 60)}")
    return lines


def _arms(out: Console, found: Profile) -> None:
    from personalrm.synthesis.arm_selection import ARMS

    out.print(f"[bold]What helps{' the model alone' if is_fused(found) else ''}[/bold]")
    for arm, one in sorted(found.fallback.arms.items(), key=lambda item: ARMS.index(item[0])):
        mark = "→" if arm == found.fallback.chosen else " "
        out.print(
            f"{mark} {arm:<24} log loss {number(one.log_loss)}  accuracy {number(one.accuracy)}  "
            f"on {counted(one.scored, 'choice')}{f', {one.unanswered} unanswered' if one.unanswered else ''}"
        )
    if found.fallback.chosen not in found.fallback.arms:
        out.print(f"→ {found.fallback.chosen:<24} not measured")
    out.print(f"{_safe(found.fallback.reason)}\n")


def _demonstrations(out: Console, found: Profile) -> None:
    """Print the past choices, the most informative first; without numbers if nothing was measured."""
    if not found.demonstrations:
        return
    ranked = sorted(found.demonstrations, key=lambda one: -(one.worth or 0.0))
    measured = ranked[0].worth is not None
    out.print(f"[bold]Most informative past choices[/bold]{' (reduction in log loss)' if measured else ''}")
    for one in ranked[:TAUGHT]:
        worth = "" if one.worth is None else f"{signed(one.worth)}  "
        choice = found.choice(one.choice)
        _line(out, f"  {worth}{_last_message(choice)} → {_short(choice.chosen, 60)}")
    if len(ranked) > TAUGHT:
        least = "" if ranked[-1].worth is None else f", down to {signed(ranked[-1].worth)}"
        out.print(f"  and {len(ranked) - TAUGHT} more{least}", style="dim")
    out.print()


def console(wide: int = PLAIN_WIDTH) -> Console:
    """A console as wide as the terminal or COLUMNS; ``wide`` columns if neither is known."""
    told = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()
    return Console(width=None if told else wide, highlight=False, soft_wrap=False, emoji=False)


def _safe(text: str) -> str:
    """Untrusted text for rich: markup escaped, control characters removed."""
    return escape(clean(text))


def _last_message(choice: Preference) -> str:
    return f"“{_short(choice.context[-1].content, 50)}”" if choice.context else "(no prompt)"


def _short(text: str, length: int) -> str:
    line = clean(" ".join(text[: 4 * length].split()))
    return line if len(line) <= length else f"{line[: length - 1]}…"


def _json(record: Any) -> None:
    echo_source(json_text(record))
