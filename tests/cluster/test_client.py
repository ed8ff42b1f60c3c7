"""`Client` on an executor gives what `Client` gives."""

from __future__ import annotations

from typing import Any

import pytest

from personalrm import Client
from personalrm.cluster import client as module
from personalrm.cluster.client import ExecutorClient
from personalrm.cluster.executor import Executor, InProcess, Processes
from personalrm.cluster.folder import Trouble
from personalrm.llm.connect import EndpointOptions
from personalrm.preferences import History
from personalrm.profile.options import Options
from personalrm.profile.records import Profile

PAIRS = [("How long does pasta take?", "Nine minutes.", "That may depend on many things, perhaps.")]


@pytest.mark.parametrize("processes", [pytest.param(2, marks=pytest.mark.slow), 1])
def test_people_are_fitted_scored_and_compared_as_by_a_client(
    few: list[History], monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 3)
    alone = Client()
    empty = History("nobody", ())
    executor: Executor = InProcess() if processes == 1 else Processes(processes)
    with executor:
        client = ExecutorClient(executor)
        found = list(client.fit_many([*few[:4], empty, *few[4:8]]))
        assert [one.user for one in found] == [
            *(one.user for one in few[:4]),
            "nobody",
            *(one.user for one in few[4:8]),
        ]
        assert isinstance(found[4], Trouble)
        profiles = [one for one in found if isinstance(one, Profile)]
        assert [one.engine for one in profiles] == [alone.fit(one).engine for one in few[:8]]
        question, a, b = PAIRS[0]
        assert client.score_many(profiles, question, [a, b]) == alone.score_many(profiles, question, [a, b])
        verdicts = list(client.compare_many((one, PAIRS) for one in profiles))
        assert [one.probability for (one,) in verdicts] == [
            alone.compare(one, *PAIRS[0]).probability for one in profiles
        ]


def test_a_language_model_is_asked_as_by_a_client(llm: Any, few: list[History], tmp_path: Any) -> None:
    endpoint = EndpointOptions(llm.url, cache=tmp_path / "answers.sqlite")
    with InProcess() as executor:
        client = ExecutorClient(executor, "simulated", options=Options(preset="frugal"), endpoint=endpoint)
        profiles = [one for one in client.fit_many(few[:2]) if isinstance(one, Profile)]
        verdicts = [one.probability for (one,) in client.compare_many((one, PAIRS) for one in profiles)]
    asked = llm.statistics.requests
    alone = Client("judge:simulated", options=Options(preset="frugal"), endpoint=endpoint)
    assert [one.persona for one in profiles] == [alone.fit(one).persona for one in few[:2]]
    assert verdicts == [alone.compare_many(one, PAIRS)[0].probability for one in profiles]
    assert llm.statistics.requests == asked
    alone.close()
