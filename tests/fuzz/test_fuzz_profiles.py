"""Profiles of others: every command answers or says one sentence; none of their texts commands a terminal."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from command_line import Run
from mutations import SEED, Faults, commands, mutated_bytes, mutated_json, rounds
from places import LATER, MIRA

from personalrm.data.reading import read_history
from personalrm.errors import PersonalrmError
from personalrm.llm.simulated import SimulatedLLM
from personalrm.profile.file import load, parse

PAIR = ("--prompt", "How long does pasta take?", "--a", "Nine minutes.", "--b", "That may depend on many things.")
RESPONSES = ("--response", "Nine minutes.", "--response", "It depends.")
COMMANDS: tuple[Callable[[Path], tuple[object, ...]], ...] = (
    lambda path: ("persona", path),
    lambda path: ("export", path, "--as", "judge-prompt"),
    lambda path: ("export", path, "--as", "generation-prompt"),
    lambda path: ("export", path, "--as", "openai-dpo"),
    lambda path: ("export", path, "--as", "trl"),
    lambda path: ("export", path, "--as", "promptfoo"),
    lambda path: ("export", path, "--as", "inspect"),
    lambda path: ("compare", path, *PAIR),
    lambda path: ("compare", path, *PAIR, "--json"),
    lambda path: ("rank", path, *PAIR[:2], *RESPONSES),
    lambda path: ("score", path, *PAIR[:2], "--response", "Nine."),
    lambda path: ("evaluate", path, LATER),
    lambda path: ("diagnose", path, LATER),
    lambda path: ("update", path, LATER, "--out", path.with_name("updated.json")),
    lambda path: ("fit", MIRA, "--out", path),
    lambda path: ("next-question", path, LATER),
)
OLD = Path(__file__).parents[1] / "profile" / "old"


@pytest.fixture(scope="module")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """One of each kind: of the embedded engine, fused, of a judge (the simulated model), and of older versions."""
    from personalrm import Client

    folder, history = tmp_path_factory.mktemp("profiles"), read_history(MIRA)
    with SimulatedLLM() as llm:
        models = ("simulated", "judge:simulated")
        asking = (Client(one, base_url=llm.url, cache=folder / "cache.sqlite") for one in models)
        clients = (Client(), *asking)
        fitted = [one.fit(history) for one in clients]
        for one in clients:
            one.close()
    import orjson

    found = [json.loads(orjson.dumps(one)) for one in fitted]
    return [*found, *(json.loads(one.read_bytes()) for one in sorted(OLD.glob("[jt]*.json")))]


def test_fuzz_profiles(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, profiles: list[Any]) -> None:
    monkeypatch.setenv("PERSONALRM_DEBUG", "1")  # what would be exit 70 is raised
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    for name, value in (("TRIES", 1), ("TRIES_AT_START", 1), ("FIRST_WAIT_S", 0.0)):
        monkeypatch.setattr(f"personalrm.llm.http_client.{name}", value)
    draw, faults, codes = random.Random(SEED), Faults(), set[int]()
    path = tmp_path / "other.json"
    for _ in rounds(12):
        record = mutated_json(draw.choice(profiles), draw)
        text = json.dumps(record).encode("utf-8", "surrogatepass")
        path.write_bytes(mutated_bytes(text, draw) if draw.random() < 0.15 else text)
        loads = faults.look(partial(_loads, path), "load")
        for make in draw.sample(COMMANDS, 2 if loads else 1):  # what is not read is refused by all in the same way
            words = make(path)
            if words[0] == "fit":
                words = (*words[:-1], path.with_name("fitted.json"))
                path.with_name("fitted.json").write_bytes(path.read_bytes())
            done = faults.command(partial(run, *words), " ".join(map(str, words[:4])))
            if done is not None:
                codes.add(done.code)
    assert faults.found == {}
    assert codes == {0, 1}


def _loads(path: Path) -> bool:
    try:
        load(path)
    except PersonalrmError:
        return False
    return True


def test_a_claim_that_cites_an_unknown_choice_is_named(run: Run, tmp_path: Path, profiles: list[Any]) -> None:
    record = next(one for one in profiles if one.get("persona") and one["persona"]["claims"])
    changed = json.loads(json.dumps(record))
    changed["persona"]["claims"][0]["supporting"] = ["gone"]
    path = tmp_path / "other.json"
    path.write_text(json.dumps(changed))
    for words in (("persona", path), ("compare", path, *PAIR)):
        done = run(*words)
        assert done.code == 1
        assert "persona.claims" in done.err
        assert "'gone'" in done.err
    assert parse(record, "x").user


TEXT = "a\x1b[2J\x9b2J\x1b]52;c;eA==\x07\x08\u202eb [/bold] [red]"


def with_text(record: Any, field: str) -> Any:
    """The profile with a hostile text in one field."""
    record = json.loads(json.dumps(record))
    persona = record["persona"] = record["persona"] or {"summary": "Brief.", "claims": []}
    if field in ("user", "model"):
        record[field] = TEXT
        record["history"]["user"] = record["user"]
    elif field == "preset":
        record["options"]["preset"] = TEXT
    elif field == "claim":
        persona["claims"] = [{"text": TEXT, "supporting": [], "opposing": []}]
    elif field == "summary":
        persona["summary"] = TEXT
    elif field == "reason":
        record["fallback"]["reason"] = TEXT
    elif field == "note":
        record["notes"] = [TEXT]
    else:
        for one in record["history"]["choices"]:
            one["chosen"] = TEXT
    return record


@pytest.mark.parametrize("field", ["user", "model", "preset", "claim", "summary", "reason", "note", "response"])
def test_no_field_of_a_profile_commands_the_terminal(run: Run, tmp_path: Path, profiles: list[Any], field: str) -> None:
    record = with_text(next(one for one in profiles if one.get("engine", {}).get("kind") == "judge"), field)
    path = tmp_path / "other.json"
    path.write_text(json.dumps(record))
    shown = [one(path) for one in COMMANDS if one(path)[0] in ("persona", "export", "diagnose")]
    traits = ("--model", "traits")
    for words in (*shown, ("evaluate", path, LATER, *traits), ("compare", path, *PAIR, *traits)):
        done = run(*words)
        assert done.code in (0, 1), (words, done)
        assert commands(done.out + done.err) == set(), (words, done)
        if words[0] == "persona" and done.code == 0 and field not in ("response", "preset"):
            assert "[/bold] [red]" in " ".join(done.out.split())  # as it is, not taken for markup
