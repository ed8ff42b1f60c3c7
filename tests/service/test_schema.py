"""The OpenAPI document is the contract: requests that it allows, and odd ones, find no fault of the service itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from service_process import Api, Server

EXAMPLES = 2
NOT_FAULTS = frozenset({501, 502, 503, 504})
"""Problems that say what is missing or away; here nobody answers chats."""


@pytest.mark.filterwarnings("ignore")  # of schemathesis itself
def test_no_request_that_the_contract_allows_ends_in_a_fault(server: Server, api: Api) -> None:
    schemathesis = pytest.importorskip("schemathesis")
    schemathesis.serializer("application/x-ndjson")(_as_text)
    schema = schemathesis.openapi.from_dict(api.get("/openapi.json").body)
    asked, faults = 0, []
    for found in schema.get_all_operations():
        operation = found.ok()

        @seed(1)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            headers = {"Authorization": f"Bearer {api.key}"}
            answer = case.call(base_url=f"http://127.0.0.1:{api.port}", headers=headers)
            if answer.status_code >= 500 and answer.status_code not in NOT_FAULTS:
                faults.append((case.operation.label, answer.status_code, answer.text[:300]))

        ask()
    assert faults == []
    assert asked >= EXAMPLES * len(api.get("/openapi.json").body["paths"])
    assert server.events("failed") == []


def _as_text(_: object, value: object) -> bytes:
    return str(value).encode("utf-8", "replace")
