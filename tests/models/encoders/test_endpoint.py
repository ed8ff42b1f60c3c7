"""An embedding model over real HTTP, served by the simulated host in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from facts import naming

from personalrm.errors import DataError, EndpointRefused, Unreachable
from personalrm.llm.simulated import SimulatedLLM
from personalrm.llm.simulated.embeddings import WIDTH, embedding
from personalrm.models.encoders import Cached, EndpointEncoder
from personalrm.preferences import Message

KEY = "sk-test-0123456789abcdefghijklmnop"
TEXTS = [f"Boil egg number {at} for {at % 7} minutes." for at in range(1000)]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    command = [sys.executable, "-m", "personalrm.llm.simulated", "--port", "0", "--latency", "0.02"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().split()[0]
    process.kill()
    process.communicate()


def stats(url: str, method: str = "GET") -> dict[str, Any]:
    with urllib.request.urlopen(urllib.request.Request(url.removesuffix("/v1") + "/stats", method=method)) as answer:
        return dict(json.load(answer))


def test_vectors_come_in_order_in_batches_and_many_at_once(url: str) -> None:
    stats(url, "DELETE")
    encoder = EndpointEncoder("m", url)
    found = encoder.embed(TEXTS)
    assert (found.shape, found.dtype, encoder.width) == ((1000, WIDTH), np.float32, WIDTH)
    assert np.allclose(found, [embedding(text) for text in TEXTS], atol=1e-6)
    asked = stats(url)
    assert asked["requests"] == -(-1000 // 64)
    assert encoder.text((Message("user", "How?"),), "So.") == "So."


def test_batches_are_sent_at_the_same_time() -> None:
    with SimulatedLLM(latency=1.0) as llm:
        EndpointEncoder("m", llm.url).embed(TEXTS[: 8 * 64])
        assert llm.statistics.max_concurrency > 4


def test_width_is_learned_by_asking(url: str) -> None:
    encoder = EndpointEncoder("m", url)
    assert encoder.width == WIDTH
    assert encoder.embed([]).shape == (0, WIDTH)


def test_odd_texts_have_vectors(url: str) -> None:
    odd = EndpointEncoder("m", url).embed(["", "🥚", "x" * 200_000, "\ud800"])
    assert np.allclose(np.linalg.norm(odd, axis=1), 1.0, atol=1e-6)


def test_the_cache_requests_each_text_once(url: str, tmp_path: Path) -> None:
    Cached(EndpointEncoder("m", url), tmp_path / "vectors.sqlite").embed(TEXTS)
    stats(url, "DELETE")
    again = Cached(EndpointEncoder("m", url), tmp_path / "vectors.sqlite")
    assert np.allclose(again.embed(TEXTS[::-1])[0], embedding(TEXTS[-1]), atol=1e-6)
    assert again.width == WIDTH
    assert stats(url)["requests"] == 0


def test_transient_errors_are_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalrm.llm.http_client.FIRST_WAIT_S", 0.01)
    with SimulatedLLM(rate_limit_every=3, error_every=4, drop_every=5) as llm:
        assert np.allclose(EndpointEncoder("m", llm.url).embed(TEXTS)[999], embedding(TEXTS[999]), atol=1e-6)


def test_a_text_that_is_too_long_is_cut_until_it_is_taken(tmp_path: Path) -> None:
    with SimulatedLLM(context=500) as llm:
        long, short = "egg " * 2000, "water"
        encoder = Cached(EndpointEncoder("m", llm.url), tmp_path / "vectors.sqlite")
        found = encoder.embed([short, long, "ten", long])
        assert np.allclose(found[0], embedding(short), atol=1e-6)
        assert np.allclose(found[1], embedding("egg " * 500), atol=1e-6)
        assert encoder.truncated == 1


def test_a_wrong_key_is_not_retried_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with SimulatedLLM(key="another") as llm:
        encoder = EndpointEncoder("m", llm.url, KEY)
        with pytest.raises(EndpointRefused, match=naming(401)) as caught:
            encoder.embed(TEXTS)
        assert llm.statistics.requests == 1
        for said in (str(caught.value), repr(encoder), encoder.name):
            assert KEY not in said
        monkeypatch.setenv("OPENAI_API_KEY", "another")
        assert EndpointEncoder("m", llm.url).embed(["egg"]).shape == (1, WIDTH)


def test_unknown_models_and_dead_hosts_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalrm.llm.http_client.FIRST_WAIT_S", 0.01)
    with SimulatedLLM(model="there") as llm:
        with pytest.raises(EndpointRefused, match=naming("'here'")):
            EndpointEncoder("here", llm.url).embed(["egg"])
        gone = llm.url
    with pytest.raises(Unreachable, match=naming(gone.split("/")[2])):
        EndpointEncoder("m", gone).embed(["egg"])


def test_names_tell_hosts_and_models_apart_and_show_neither_url_nor_key() -> None:
    names = {
        EndpointEncoder(model, where, KEY).name
        for model in ("m", "n")
        for where in ("http://me:passw0rd@here/v1", "http://there/v1")
    }
    assert len(names) == 4
    assert not any(secret in name for name in names for secret in ("here", "passw0rd", KEY))
    assert EndpointEncoder("m", "http://here/v1").name in names  # the same host by another key
    with pytest.raises(DataError, match=naming("OPENAI_API_KEY")):
        EndpointEncoder("m")


def test_a_forked_child_has_its_own_connection(url: str) -> None:
    program = (
        "import os, sys\nfrom personalrm.models.encoders import EndpointEncoder\n"
        "encoder = EndpointEncoder('m', sys.argv[1]); encoder.embed(['egg'])\n"
        "if os.fork() == 0:\n    os._exit(encoder.embed(['water']).shape[1])\n"
        "print(os.waitstatus_to_exitcode(os.wait()[1]))\n"
    )
    command = [sys.executable, "-c", program, url]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"{WIDTH}\n"
