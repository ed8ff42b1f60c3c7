"""Public sets fetched from a hub of our own: what is asked, what is written, and every way in which it may fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_sets import ASKED, LONG, SHORT, crowdrag, repos
from local_hub import COMMIT, LocalHub
from places import SOURCE
from small_disk import small_disk_at

from personalrm.data.hub import SETS, get, named
from personalrm.data.reading import read_people
from personalrm.errors import DataError

ARENA, COMMUNITY, MULTIPREF = (str(named(one).repo) for one in ("arena-33k", "community-alignment", "multipref"))
DRIVER = """
import json, os, sys
from huggingface_hub import constants
from personalrm.data.hub import get
from personalrm.errors import PersonalrmError

constants.DOWNLOAD_CHUNK_SIZE = 1000  # so that there is something to go on from
for name, out, more in json.loads(sys.stdin.read()):
    os.environ.pop("HF_TOKEN", None)
    if "token" in more:
        os.environ["HF_TOKEN"] = more.pop("token")
    try:
        got = get(name, out, **more)
        print(json.dumps([got.people, got.pairs, got.ties, got.skipped, got.remarks]))
    except PersonalrmError as error:
        print(json.dumps(f"{type(error).__name__}: {error}"))
"""
"""Several sets in one process, since a process costs a second and `huggingface_hub` reads its settings once."""


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    made = LocalHub(repos(), gated=(ARENA,))
    yield made
    made.close()


def environment(hub: LocalHub | None, home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    at = {"HF_ENDPOINT": hub.url} if hub else {}
    return kept | {"HF_HOME": str(home), "PYTHONPATH": str(SOURCE), "HF_HUB_DISABLE_TELEMETRY": "1"} | at | more


def driven(hub: LocalHub, home: Path, *jobs: tuple[str, Path, dict[str, Any]], **more: str) -> list[Any]:
    """What came of each job: [people, pairs, ties, skipped, remarks], or the error."""
    given = json.dumps([[name, str(out), more] for name, out, more in jobs])
    command = [sys.executable, "-c", DRIVER]
    at = environment(hub, home, **more)
    done = subprocess.run(command, input=given, capture_output=True, text=True, env=at, timeout=120)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def command(home: Path, *arguments: str, hub: LocalHub | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "personalrm", "data", *arguments]
    return subprocess.run(line, capture_output=True, text=True, env=environment(hub, home, **more), timeout=120)


def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return found


def test_every_set_becomes_choices_with_their_origin(hub: LocalHub, tmp_path: Path) -> None:
    names = [one.name for one in SETS if one.repo]
    hub.stop_after["data/train-00000-of-00001-cced8514c7ed782a.parquet"] = 5000
    found = driven(hub, tmp_path / "home", *((name, tmp_path / name, {"token": "hf_good"}) for name in names))
    counts = {name: tuple(one[:4]) for name, one in zip(names, found, strict=True)}
    assert counts == {
        "prism": (2, 4, 0, 0),  # of three pairs each, one is nearer than 10 points
        "arena-33k": (3, 12, 0, 0),
        "arena-100k": (2, 6, 0, 0),
        "community-alignment": (1, 3, 0, 0),
        "multipref": (3, 3, 1, 0),
        "summarize-from-feedback": (3, 3, 0, 0),
        "prb-prism": (1, 1, 0, 0),
        "prb-arena": (1, 1, 0, 0),
    }
    assert "bytes=5000-" in hub.ranges, "what broke off goes on where it was"
    asked = " ".join(hub.asked)
    assert "utterances" not in asked
    assert "embeddings" not in asked
    assert "full_community" not in asked
    assert "axis" not in asked
    assert f"/api/datasets/{named('summarize-from-feedback').repo}/revision/refs/convert/parquet" in asked
    for name, one in zip(names, found, strict=True):
        told = manifest(tmp_path / name)
        assert (told["commit"], told["licence"]["on_the_card"]) == (COMMIT, "cc-by-4.0")
        assert told["licence"]["stated"] == named(name).licence
        assert {file["checked"] for file in told["files"]} <= {"sha256", "git"}
        assert told["read"]["people"] == one[0]
        people = list(read_people(tmp_path / name / "choices.jsonl"))
        assert (len(people), sum(map(len, people))) == (one[0], one[1])
    (history,) = read_people(tmp_path / "community-alignment" / "choices.jsonl")
    assert [len(one.tiers) for one in history.rankings] == [2]
    assert next(iter(read_people(tmp_path / "prism" / "choices.jsonl"))).choices[0].demographics
    assert "hf_good" not in "".join(one.read_text() for one in tmp_path.glob("*/manifest.json"))


def test_faults_of_the_hub_are_one_sentence(hub: LocalHub, tmp_path: Path) -> None:
    broken = {"data/train.parquet": b"no Parquet" * 40}
    hub.repos = {**hub.repos, COMMUNITY: {"other.txt": b"nothing"}, MULTIPREF: broken}
    hub.repos = {name: files for name, files in hub.repos.items() if name != named("prb-arena").repo}
    hub.spoiled.add("conversations.jsonl")
    here = tmp_path / "out"
    found = driven(
        hub,
        tmp_path / "home",
        ("arena-33k", here, {}),
        ("arena-33k", here, {"token": "hf_secret"}),
        ("prb-arena", here, {}),
        ("prb-prism", here, {"revision": "v9"}),
        ("community-alignment", here, {}),
        ("multipref", here, {}),
        ("prism", here, {}),
    )
    facts = (
        ("gated", "401", "HF_TOKEN", ARENA),
        ("gated", "403", ARENA),
        ("not on the hub", str(named("prb-arena").repo)),
        ("revision",),
        ("holds no file", "other.txt"),
        ("multipref", "cannot be read"),
        ("conversations.jsonl", "damaged"),
    )
    for sentence, expected in zip(found, facts, strict=True):
        assert isinstance(sentence, str), sentence
        assert all(fact in sentence for fact in expected), sentence
        assert "hf_secret" not in sentence
    assert not (here / "manifest.json").exists()
    hub.spoiled.clear()  # the damaged copy is not kept
    assert driven(hub, tmp_path / "home", ("prism", here, {}))[0][0] == 2


def test_the_command_line_then_without_a_network(hub: LocalHub, tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    done = command(home, "get", "multipref", "--out", str(out), hub=hub)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert "3 people, 3 pairs, 1 tie among them; 0 rows skipped." in done.stdout
    assert named("multipref").licence in done.stderr
    with pytest.raises(DataError, match="already"):
        get("multipref", out)
    offline = command(home, "get", "multipref", "--out", str(tmp_path / "later"), HF_HUB_OFFLINE="1")
    assert offline.returncode == 0, offline.stderr
    told = manifest(tmp_path / "later")
    assert (told["offline"], told["commit"], told["files"][0]["checked"]) == (True, COMMIT, "sha256")
    (other,) = driven(hub, home, ("prb-prism", tmp_path / "never", {}), HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE" in other
    dead = command(home, "get", "prb-prism", "--out", str(tmp_path / "never"), HF_ENDPOINT="http://127.0.0.1:9")
    assert (dead.returncode, "cannot be reached" in dead.stderr, "Traceback" in dead.stderr) == (1, True, False)


def test_a_full_disk_is_said(hub: LocalHub, tmp_path: Path) -> None:
    noise = os.urandom(3 << 20)
    hub.repos = {MULTIPREF: {"data/original-00000-of-00001.parquet": noise}}
    with small_disk_at(tmp_path / "small", 1) as disk:
        done = command(disk / "home", "get", "multipref", "--out", str(tmp_path / "out"), hub=hub)
    assert (done.returncode, "disk is full" in done.stderr, "Traceback" in done.stderr) == (1, True, False)


def test_crowdrag_from_files_fetched_by_hand(tmp_path: Path) -> None:
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    for name, content in crowdrag().items():
        (downloads / name).write_bytes(content)
    with pytest.raises(DataError, match="zenodo"):
        get("crowdrag", tmp_path / "none")
    got = get("crowdrag", tmp_path / "out", files=downloads)
    assert (got.people, got.pairs, got.ties, got.skipped, got.commit) == (4, 4, 1, 0, None)
    people = {one.user: one.choices[0] for one in read_people(tmp_path / "out" / "choices.jsonl")}
    assert [(name, one.chosen, one.tie, one.weight) for name, one in people.items()] == [
        ("w0", SHORT, False, 1.0),
        ("w1", SHORT, False, 0.75),
        ("w2", LONG, False, 0.5),
        ("w4", SHORT, True, 1.0),
    ]
    assert {(one.group, one.context[0].content, one.domain) for one in people.values()} == {("7", ASKED, "news")}
    (downloads / "ratings.jsonl.gz").unlink()
    with pytest.raises(DataError, match=r"ratings\.jsonl\.gz"):
        get("crowdrag", tmp_path / "more", files=downloads)


def test_a_name_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="arena-33k"):
        named("arena-33")
    assert named("hub:lmsys/chatbot_arena_conversations").name == "arena-33k"
