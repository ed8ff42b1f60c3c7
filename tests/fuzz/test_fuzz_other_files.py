"""Packed data sets, tables of verdicts, backups, settings and bodies of requests: a result or one of our errors."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import random
import sqlite3
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from faulty_hosts import FaultyHost
from mutations import SEED, VALUES, Faults, database_bytes, mutated_bytes, mutated_json, rounds
from service_process import Server

from personalrm.data.reading import read_people
from personalrm.data.simulated import simulate_people
from personalrm.errors import PersonalrmError
from personalrm.llm.credentials import Credentials
from personalrm.llm.simulated import SimulatedLLM
from personalrm.models.fusion.table import JudgeKey, LabelledVerdict, VerdictTable
from personalrm.service.chat import _renamed
from personalrm.service.config import ServiceConfig
from personalrm.service.scrubbing import EventScrubber

ROWS = [
    {"user": user, "prompt": f"How {n}?", "chosen": f"Short {n}.", "rejected": "Longer. " * n, "extra": [{"a": n}]}
    for user in ("ada", "bo")
    for n in range(1, 9)
]
LINES = "\n".join(map(json.dumps, ROWS)).encode()
TABLE = ("user,prompt,chosen,rejected\n" + "\n".join(f'ada,"How {n}?","a, {n}",b' for n in range(40))).encode()


def _zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("choices.jsonl", LINES)
        archive.writestr("more/rows.csv", TABLE)
    return stream.getvalue()


def _parquet() -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    stream = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(ROWS), stream)
    return stream.getvalue()


def _arrow() -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    table, stream = pyarrow.Table.from_pylist(ROWS), io.BytesIO()
    with pyarrow.ipc.new_stream(stream, table.schema) as out:
        out.write_table(table)
    return stream.getvalue()


def _zstd() -> bytes:
    compressed: bytes = pytest.importorskip("zstandard").compress(LINES)
    return compressed


PACKED: dict[str, Callable[[], bytes]] = {
    "a.parquet": _parquet,
    "a.arrow": _arrow,
    "a.jsonl.gz": lambda: gzip.compress(LINES),
    "a.csv.gz": lambda: gzip.compress(TABLE),
    "a.jsonl.bz2": lambda: bz2.compress(LINES),
    "a.jsonl.xz": lambda: lzma.compress(LINES),
    "a.zip": _zipped,
    "a.jsonl.zst": _zstd,
}


@pytest.mark.parametrize("name", PACKED)
def test_fuzz_packed_data_sets(name: str, tmp_path: Path) -> None:
    draw, faults, good, path = random.Random(SEED), Faults(), PACKED[name](), tmp_path / name
    path.write_bytes(good)
    with contextlib.suppress(PersonalrmError):  # a kind that is not read at all says so
        list(read_people(path))

    def attempt() -> None:
        with contextlib.suppress(PersonalrmError):
            list(read_people(path))

    for _ in rounds(15):
        content = mutated_bytes(good, draw)
        path.write_bytes(mutated_bytes(content, draw) if draw.random() < 0.3 else content)
        faults.look(attempt, f"{name}: {path.read_bytes()[:80]!r}")
    assert faults.found == {}


def _damage(path: Path, table: str, columns: tuple[str, ...], draw: random.Random) -> None:
    """Set a cell of some rows to a value of any type."""
    value = draw.choice((b"", b"abc", "text", 7, None, 1e308, float("inf"), -(2**62), "9" * 5_000, b"\xff" * 40))
    with contextlib.closing(sqlite3.connect(path)) as db, contextlib.suppress(sqlite3.Error):
        db.execute(f"UPDATE OR IGNORE {table} SET {draw.choice(columns)} = ?", (value,))
        db.commit()


def test_fuzz_tables_of_verdicts(tmp_path: Path) -> None:
    draw, faults, whole = random.Random(SEED), Faults(), tmp_path / "whole.sqlite"
    person = simulate_people(1, choices=6, seed=1)[0]
    key = JudgeKey("m", "persona", "1", "token")
    table = VerdictTable(whole)
    table.add(key, [LabelledVerdict("ada", one, 0.4, 1.2) for one in person])
    del table  # closed
    good = database_bytes(whole)
    for number in rounds(25):
        path = tmp_path / f"{number}.sqlite"
        path.write_bytes(mutated_bytes(good, draw) if number % 2 else good)
        if number % 2 == 0:
            _damage(path, "verdicts", ("model", "arm", "mode", "label", "person", "logit", "verdict", "longer"), draw)

        def attempt(path: Path = path) -> None:
            with contextlib.suppress(PersonalrmError):
                table = VerdictTable(path)
                table.rows()
                table.weight(key, without="ada")
                table.add(key, [LabelledVerdict("bo", person.choices[0], 0.1, 0.2)])

        faults.look(attempt, f"{number}")
        path.unlink(missing_ok=True)
    assert faults.found == {}


def test_fuzz_backups(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy")
    from personalrm.store.backup import backup, restore
    from personalrm.store.store import Store

    draw, faults = random.Random(SEED), Faults()
    store = Store(f"sqlite:///{tmp_path / 'store.sqlite'}")
    store.make_space("a")
    backup(store.database, tmp_path / "whole")
    store.close()
    good = (tmp_path / "whole").read_bytes()
    for number in rounds(8):
        source, target = tmp_path / f"{number}.backup", tmp_path / f"{number}.sqlite"
        source.write_bytes(mutated_bytes(good, draw) if number % 2 else good)
        if number % 2 == 0:
            _damage(source, draw.choice(("alembic_version", "spaces")), ("version_num", "name", "settings"), draw)

        def attempt(source: Path = source, target: Path = target) -> None:
            with contextlib.suppress(PersonalrmError):
                restore(source, f"sqlite:///{target}")
                opened = Store(f"sqlite:///{target}")
                try:
                    opened.space("a")
                finally:
                    opened.close()

        faults.look(attempt, f"backup {number}")
    assert faults.found == {}


def test_fuzz_settings_of_the_service() -> None:
    draw, faults = random.Random(SEED), Faults()
    names = [one.upper() for one in ServiceConfig.__dataclass_fields__]
    texts = [one for one in VALUES if isinstance(one, str)] + ["nan", "inf", "-1", "1e999", "9" * 400, "0x10", "１２"]
    for _ in rounds(200):
        given = {f"PERSONALRM_{draw.choice(names)}": draw.choice(texts) for _ in range(draw.choice([1, 2]))}

        def attempt(given: dict[str, str] = given) -> None:
            with contextlib.suppress(PersonalrmError):
                ServiceConfig.from_environment(given)

        faults.look(attempt, repr(given)[:200])
    assert faults.found == {}


CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
DELTA = {"role": "assistant", "content": "The key is sk-live-0", "reasoning_content": "x", "tool_calls": [CALL]}
EVENT = {"id": "x", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": DELTA, "finish_reason": None}]}


def test_fuzz_events_of_an_upstream() -> None:
    draw, faults, known = random.Random(SEED), Faults(), Credentials.of("sk-live-0123456789")
    for _ in rounds(300):
        sent = [json.dumps(mutated_json(EVENT, draw)) for _ in range(3)]

        def attempt(sent: list[str] = sent) -> None:
            scrubber, said = EventScrubber(known), dict[int, list[str]]()
            with contextlib.suppress(orjson.JSONDecodeError):  # infinite numbers
                for event in map(orjson.loads, sent):
                    _renamed(scrubber.take(event), "chatcmpl-1", said)
                _renamed(scrubber.rest(), "chatcmpl-1", said)

        faults.look(attempt, str(sent)[:300])
    assert faults.found == {}


TURNS = [{"role": "user", "content": "How long?"}]
PAIR = {"context": TURNS, "a": "Six minutes.", "b": "It depends."}
CHOICE = {"id": "1", "context": TURNS, "chosen": "Six minutes.", "rejected": "It depends.", "reason": "short"}
BODIES: dict[str, Any] = {
    "/v1/people/ada/choices": {"choices": [CHOICE]},
    "/v1/people/ada/choices/stream": CHOICE,
    "/v1/people/ada/rankings": {"rankings": [{"id": "r", "context": TURNS, "responses": ["a", "b"], "ranked": 1}]},
    "/v1/people/ada/ratings": {"ratings": [{"id": "t", "context": TURNS, "response": "a", "score": 3}]},
    "/v1/people/ada/thumbs": {"thumbs": [{"id": "u", "context": TURNS, "response": "a", "up": True}]},
    "/v1/people/ada/compare": PAIR,
    "/v1/people/ada/rank": {"context": TURNS, "responses": ["a", "b", "c"]},
    "/v1/people/ada/score": {"context": TURNS, "response": "a"},
    "/v1/score": {"users": ["ada"], "context": TURNS, "responses": ["a", "b"]},
    "/v1/people/ada/next-question": {"candidates": [PAIR], "top": 1},
    "/v1/candidates": {"candidates": [PAIR]},
    "/v1/people/ada/taste-changes": {"choice": "1", "answer": "keep"},
    "/v1/people/ada/corrections": {"claim": "Likes short answers.", "verdict": "wrong"},
    "/v1/chat/completions": {"model": "m", "messages": TURNS, "user": "ada"},
    "/v1/feedback": {"id": "chatcmpl-1", "rating": "up"},
    "/users/ada/get_reward": {"query": ["<|user|>How long?<|assistant|>Six."]},
    "/users/ada/classify": {"model": "m", "input": ["a", "b"]},
    "/users/ada/score": {"model": "m", "text_1": "How long?", "text_2": ["a", "b"]},
    "/classify": {"model": "ada", "input": ["a"]},
    "/score": {"model": "ada", "text_1": "How long?", "text_2": "a"},
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Any:
    server = Server.start(tmp_path_factory.mktemp("fuzzed"), "--open", debounce="0.1")
    yield server
    assert server.stop() == 0


@pytest.mark.slow
def test_fuzz_bodies_of_requests(served: Server) -> None:
    """Every answer is JSON; none has a status above 499 but 501 (no upstream), and the service goes on."""
    draw, api = random.Random(SEED), served.api()
    found: dict[str, str] = {}
    for _ in rounds(150):
        path = draw.choice(list(BODIES))
        body: bytes = json.dumps(mutated_json(BODIES[path], draw)).encode("utf-8", "surrogatepass")
        if draw.random() < 0.2:
            body = mutated_bytes(body, draw)
        headers = {"Content-Type": "application/x-ndjson"} if path.endswith("stream") else {}
        if draw.random() < 0.1:
            headers["Content-Encoding"] = draw.choice(["gzip", "br", "x"])
            body = gzip.compress(body) if draw.random() < 0.5 else body
        answer = api.post(path, body, headers)
        if answer.status >= 500 and answer.status != 501:
            found.setdefault(f"{path} {answer.status}", f"{body[:300]!r}: {answer.body}")
    assert found == {}
    assert api.get("/v1/people/ada").status in (200, 404)
    assert [one for one in served.lines if "Traceback" in one] == []


@pytest.mark.slow
def test_fuzz_chats_over_a_faulty_upstream(tmp_path: Path) -> None:
    """An answer, or a problem that says what the upstream did; never a fault of the service, never its key."""
    statuses: Counter[int] = Counter()
    with SimulatedLLM() as llm, FaultyHost(llm.url, 0.7) as host:
        server = Server.start(tmp_path, "--open", "--upstream", host.url, upstream_key="sk-upstream-secret-9")
        for number in rounds(60):
            host.seed = SEED + number
            body = {"model": "m", "messages": TURNS, "user": "ada", "stream": number % 3 == 0}
            answer = server.api().post("/v1/chat/completions", body | ({"n_best": 2} if number % 5 == 0 else {}))
            statuses[answer.status] += 1
            assert "upstream-secret" not in str(answer.body)
        assert server.stop() == 0
    assert not statuses.keys() & {500, 503}
    assert statuses[200] > 0
    assert host.faults > 0
    assert [one for one in server.lines if "Traceback" in one or "upstream-secret" in one] == []
