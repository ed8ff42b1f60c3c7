"""Separates a reasoning model's thoughts from its answer, for the markers that models and servers use.

visible("<think>Hm. A?</think>B")             # "B"
visible("<think>Hm, let me")                  # "": truncated before the answer
"""

from __future__ import annotations

_ENDS = ("</think>", "</thinking>", "</thought>", "</reasoning>", "[/THINK]", "<|channel|>final<|message|>")
_BEGINNINGS = ("<think>", "<thinking>", "<thought>", "<reasoning>", "[THINK]", "<|channel|>analysis")


def answer_start(text: str) -> int:
    """Return the index at which the answer begins; the length of the text if the thoughts do not end."""
    if "<" not in text and "[" not in text:
        return 0
    ends = [place + len(mark) for mark in _ENDS if (place := text.rfind(mark)) >= 0]
    if ends:
        return max(ends)
    return len(text) if text.lstrip().startswith(_BEGINNINGS) else 0


def visible(text: str) -> str:
    """Return the stripped answer after the thoughts; "" if there is none."""
    return text[answer_start(text) :].strip()
