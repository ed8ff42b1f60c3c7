"""What a lease of the shared answer cache promises, for a file and for a database."""

from __future__ import annotations

import time

import pytest

from personalrm.llm import cache_claims
from personalrm.llm.cache import AnswerCache, Found


def check_lease_of_another_machine(
    far: AnswerCache, here: AnswerCache, key: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process of another machine cannot be looked up: its lease holds while its counter rises, then ends."""
    monkeypatch.setattr(cache_claims, "_lives_here", lambda owner: None)
    monkeypatch.setattr(cache_claims, "LEASE_S", 0.2)
    assert far.look_up(key) is Found.NOTHING
    assert here.look_up(key) is Found.ASKED_ELSEWHERE
    for _ in range(4):
        time.sleep(0.1)
        far.beat()
        assert here.look_up(key) is Found.ASKED_ELSEWHERE
    time.sleep(0.25)
    assert here.look_up(key) is Found.NOTHING
