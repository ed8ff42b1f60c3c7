"""Checks of messages by the facts in them (a file, a line, a field, a value, an option), not by their wording."""

from __future__ import annotations

import re


def naming(*facts: object) -> str:
    """A pattern for ``pytest.raises(…, match=…)`` that matches messages with all of these facts, in any order.

    A fact matches literally, and a number only as a whole: 5 does not match in 15.
    """
    assert facts, "a message must name something"
    return r"(?s)\A" + "".join(f"(?=.*{_pattern(str(one))})" for one in facts)


def tells(text: str, *facts: object) -> bool:
    """Whether the text contains all of these facts, in any order."""
    return re.search(naming(*facts), text) is not None


def _pattern(fact: str) -> str:
    assert fact, "an empty fact is in every message"
    before, after = (r"(?<!\d)" if fact[0].isdigit() else ""), (r"(?!\d)" if fact[-1].isdigit() else "")
    return before + re.escape(fact) + after
