"""Commands and options of 0.1 still work, and one line tells the new spelling."""

from __future__ import annotations

import pytest
from command_line import Run
from places import LATER, MIRA

from personalrm.cli.app import app
from personalrm.cli.old_spellings import COMMANDS, OPTIONS, VALUES, modern


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ask me.json pairs.jsonl --top 2", "next-question me.json pairs.jsonl --top 2"),
        ("curate prism raw --room 0.4 --out x", "curate prism raw --min-personalizable 0.4 --out x"),
        ("train pref d --part=context --members 2", "train pref d --split=context --ensemble-size 2"),
        ("train pref d --published", "train pref d --paper-variant"),
        ("bench d --people seen --context-pairs 2,4", "bench d --train-on-test-users-context --context-sizes 2,4"),
        ("bench d --people=unseen --out x", "bench d --out x"),
        ("bench d --protocol leave-group-out", "bench d --protocol=new-people"),
        ("study scaling d --context-pairs 2", "study scaling d --context-sizes 2"),
        ("optimize-prompt d --trials 3 --held-back .4", "optimize-prompt d --candidates 3 --holdout .4"),
        ("optimize-prompt d --keep-anyway", "optimize-prompt d --accept-best"),
    ],
)
def test_old_spellings_become_new_ones_and_each_is_told_once(old: str, new: str) -> None:
    told: list[str] = []
    assert modern(old.split(), told.append) == new.split()
    assert told
    assert all("0.3" in one for one in told)
    assert modern(new.split(), told.append) == new.split()
    assert len(told) == sum(a != b for a, b in _pairs(old, new))


def _pairs(old: str, new: str) -> list[tuple[str, str]]:
    """The words that changed, a name with its value as one."""
    gone = [
        one.partition("=")[0]
        for one in old.split()
        if one not in new.split() and one not in ("seen", "unseen", "leave-group-out")
    ]
    return [(one, "") for one in gone]


@pytest.mark.parametrize(
    "words",
    [
        "fit a.jsonl --part x",  # another command's option: typer refuses it by itself
        "optimize-prompt d --people 7",  # the same word, not renamed there
        "bench d --people other",
        "compare me.json --prompt x --a -- --room",
        "--version",
        "",
    ],
)
def test_what_is_no_old_spelling_is_left_alone(words: str) -> None:
    told: list[str] = []
    assert modern(words.split(), told.append) == words.split()
    assert told == []


def test_every_new_spelling_exists_and_no_old_one_is_in_the_help() -> None:
    commands = {one.name: one for one in app.registered_commands}
    for old, new in COMMANDS.items():
        assert new in commands
        assert old not in commands
    import typer

    group = typer.main.get_command(app)
    for command, names in [*OPTIONS.items(), *VALUES.items()]:
        options = {name for one in group.commands[command].params for name in one.opts}  # type: ignore[attr-defined]
        now = {new for new in names.values() if isinstance(new, str)}
        now |= {new for one in names.values() if not isinstance(one, str) for new in one.values() if new}
        now = {new.partition("=")[0] for new in now}
        assert now <= options
        assert command == "optimize-prompt" or not (set(names) - now) & options


def test_an_old_command_says_its_new_name_and_works(run: Run, tmp_path) -> None:  # type: ignore[no-untyped-def]
    profile = tmp_path / "me.json"
    run("fit", MIRA, "--out", profile)
    new, old = run("next-question", profile, LATER), run("ask", profile, LATER)
    assert old.code == new.code == 0
    assert old.out == new.out
    assert "next-question" in old.err
    assert "next-question" not in new.err
