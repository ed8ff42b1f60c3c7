"""What tests of the client share: nothing of the environment is used, and retries need not wait long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

KEY = "sk-test-0123456789abcdefghijklmnop"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries wait a tenth as long."""
    monkeypatch.setattr("personalrm.llm.http_client.FIRST_WAIT_S", 0.05)


async def outcomes(asking: list[Awaitable[Any]]) -> list[Any]:
    """Results and exceptions, in the order of the requests."""
    return await asyncio.gather(*asking, return_exceptions=True)
