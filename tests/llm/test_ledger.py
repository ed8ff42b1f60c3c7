"""Counting and limiting what a run spends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from facts import naming

from personalrm.errors import BudgetSpent, DataError
from personalrm.llm.endpoint import Completion
from personalrm.llm.ledger import Budget, Prices

HUNDRED = Completion("A", prompt_tokens=100, completion_tokens=10, cached_tokens=60)


def test_prices_from_text() -> None:
    assert Prices.parse("2.5,10") == Prices(2.5, 10)
    assert Prices.parse("2.5, 10, 1.25") == Prices(2.5, 10, 1.25)


@pytest.mark.parametrize("text", ["", "1", "1,2,3,4", "a,b", "1,-2", "nan,1", "1,inf", "1e308,1e308"])
def test_unreadable_prices_are_one_sentence(text: str) -> None:
    with pytest.raises(DataError, match=naming("--prices", "IN,OUT", "IN,OUT,CACHED")):
        Prices.parse(text)


def test_cost_of_an_answer() -> None:
    assert Prices(1, 2).cost(HUNDRED) == pytest.approx((100 + 20) / 1e6)
    assert Prices(1, 2, 0.5).cost(HUNDRED) == pytest.approx((40 + 30 + 20) / 1e6)
    assert Prices(1, 2).most(prompt_characters=400, max_tokens=10) == pytest.approx(120 / 1e6)


def test_the_larger_of_bill_and_price_counts() -> None:
    ledger = Budget(Prices(1e4, 2e4))
    assert ledger.price(Completion("A", cost=0.5)) == 0.5
    assert ledger.price(replace(HUNDRED, cost=0.0)) == pytest.approx(1.2)
    assert Budget().price(replace(HUNDRED, cost=0.25)) == 0.25
    assert Budget().price(HUNDRED) is None


@pytest.mark.parametrize("bill", [0.0, None, float("nan"), float("inf"), -5.0])
def test_no_bill_switches_a_limit_off(bill: float | None) -> None:
    """Ten cents by our prices, whatever the host says of cached tokens and bills: the fourth call is refused."""
    ledger = Budget(Prices(1000.0, 0.0, 0.0), max_cost=0.3)
    lying = Completion("A", prompt_tokens=100, cached_tokens=10**9, completion_tokens=1, cost=bill)
    honest = Completion("A", prompt_tokens=100, completion_tokens=1, cost=bill)
    assert (ledger.price(lying) or 0.0) >= 0.0
    sent = 0
    while sent < 10:
        try:
            ledger.reserve(0.1)
        except BudgetSpent:
            break
        sent += 1
        ledger.record(replace(honest, cost=ledger.price(honest)), 0.1)
    assert sent == 3


def test_calls_are_counted_when_sent_and_tokens_when_answered() -> None:
    ledger = Budget(max_calls=2)
    ledger.reserve()
    ledger.reserve()
    with pytest.raises(BudgetSpent, match=naming("2 calls", "--max-calls")):
        ledger.reserve()
    ledger.record(HUNDRED)
    ledger.failed()
    assert (ledger.calls, ledger.in_flight) == (2, 0)
    assert (ledger.prompt_tokens, ledger.completion_tokens, ledger.cached_tokens) == (100, 10, 60)


def test_max_cost_counts_the_first_burst_before_anything_is_answered() -> None:
    ledger = Budget(Prices(1, 1), max_cost=1.0)
    for _ in range(4):
        ledger.reserve(most=0.25)
    with pytest.raises(BudgetSpent, match=r"\$1 \(--max-cost\)"):
        ledger.reserve(most=0.25)


def test_max_cost_learns_what_calls_really_cost() -> None:
    """Calls that may cost 25 cents cost 5: once that is known, many more are let through."""
    ledger = Budget(Prices(1, 1), max_cost=1.0)
    for _ in range(4):
        ledger.reserve(most=0.25)
        ledger.record(Completion("A", cost=0.05), most=0.25)
    assert _sent_until_spent(ledger, most=0.25) == 16


def test_max_cost_without_prices_goes_by_the_mean_bill() -> None:
    ledger = Budget(max_cost=1.0)
    ledger.reserve()
    ledger.record(Completion("A", cost=0.1))
    assert _sent_until_spent(ledger, most=0.0) == 9


def _sent_until_spent(ledger: Budget, most: float) -> int:
    for sent in range(100):
        try:
            ledger.reserve(most)
        except BudgetSpent:
            return sent
    return 100
