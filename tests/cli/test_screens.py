"""What commands print on narrow terminals and on streams that cannot hold every character."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import pytest
from command_line import Run, rows

from personalrm.cli.app import main
from personalrm.cli.encodings import plain_signs

OLD = Path(__file__).parents[1] / "profile" / "old" / "traits.json"
SIGNS = ("Eight minutes → done.", "No “way”.", "≥ 5 …", "中文 ok.", "Plum — of course.", "🙂 yes.")


@pytest.fixture
def choices(tmp_path: Path) -> Path:
    long = "It depends on many different things, of which there are many: ≥ 5."
    return rows(
        tmp_path / "choices.jsonl",
        *({"prompt": f"Question {at}? →", "chosen": text, "rejected": long} for at, text in enumerate(SIGNS)),
    )


def _written(words: list[str], encoding: str, monkeypatch: pytest.MonkeyPatch) -> str:
    screen, said = io.BytesIO(), io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(screen, encoding, write_through=True))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(said, encoding, write_through=True))
    monkeypatch.setattr(sys, "argv", ["personalrm", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code, said.getvalue()
    return screen.getvalue().decode(encoding)


WORDS = (
    ("fit", "CHOICES"),
    ("persona", "OLD"),
    ("evaluate", "OLD", "CHOICES"),
    ("diagnose", "OLD", "CHOICES"),
    ("next-question", "OLD", "CHOICES"),
    ("why", "OLD"),
    ("export", "OLD", "--as", "generation-prompt"),
    ("bench", "CHOICES", "--methods", "longer,population"),
)


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_a_stream_of_few_characters_gets_plain_signs(
    words: tuple[str, ...], choices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    places = {"CHOICES": str(choices), "OLD": str(OLD)}
    said = _written([places.get(one, one) for one in words], "cp1252", monkeypatch)
    assert said.strip()


@pytest.mark.parametrize(
    "words",
    [
        ("next-question", "OLD", "CHOICES", "--json"),
        ("why", "OLD", "--json"),
        ("evaluate", "OLD", "CHOICES", "--json"),
        ("export", "OLD", "--as", "judge-prompt"),
    ],
    ids=" ".join,
)
def test_json_has_the_same_value_on_every_stream(
    words: tuple[str, ...], choices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [{"CHOICES": str(choices), "OLD": str(OLD)}.get(one, one) for one in words]
    wide, narrow = (json.loads(_written(given, encoding, monkeypatch)) for encoding in ("utf-8", "cp1252"))
    for one in (wide, narrow) if words[0] == "evaluate" else ():
        for row in one["methods"] + one["baselines"]:
            row.pop("seconds")
    assert wide == narrow


def test_signs_have_a_plain_spelling_and_others_an_escape() -> None:
    screen = io.BytesIO()
    stream = io.TextIOWrapper(screen, "ascii", write_through=True)
    plain_signs(stream)
    stream.write("a → b … “c” 中 é")
    assert screen.getvalue() == rb'a -> b ... "c" \u4e2d \xe9'


def printed(columns: int, words: tuple[str, ...], run: Run, choices: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a command prints on a terminal of this width, none of its lines longer."""
    monkeypatch.setenv("COLUMNS", str(columns))
    done = run(*({"CHOICES": choices, "OLD": OLD}.get(one, one) for one in words))
    assert done.code == 0, done.err
    assert max(map(len, done.out.splitlines())) <= columns
    return done.out


@pytest.mark.parametrize("columns", [40, 60])
@pytest.mark.parametrize("words", [("evaluate", "OLD", "CHOICES"), ("bench", "CHOICES", "--methods", "longer,traits")])
def test_no_figure_is_cut_on_a_narrow_terminal(
    columns: int, words: tuple[str, ...], run: Run, choices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = printed(columns, words, run, choices, monkeypatch)
    assert not re.search(r"\d…|…\s*[│|]", out)
    assert re.search(r"\b[01]\.\d{3}\b", out)
    assert all(head in out for head in ("accuracy", "95 % interval", "log loss"))


@pytest.mark.parametrize("columns", [40, 60])
@pytest.mark.parametrize(
    "words",
    [
        ("compare", "OLD", "--prompt", "Q?", "--a", f"{'A long answer. ' * 9}", "--b", "No."),
        ("rank", "OLD", "--prompt", "Q?", "--response", f"{'A long answer. ' * 9}", "--response", "No."),
        ("why", "OLD"),
        ("persona", "OLD"),
        ("diagnose", "OLD", "CHOICES"),
    ],
)
def test_every_command_wraps_at_the_width_of_the_terminal(
    columns: int, words: tuple[str, ...], run: Run, choices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert printed(columns, words, run, choices, monkeypatch).strip()
