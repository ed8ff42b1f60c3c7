"""Where a reasoning model's thoughts end and its answer begins, in the marks that models and servers use.

visible("<think>Hm. A?</think>B")             # "B"
visible("<think>Hm, let me")                  # "": it never came to an answer
"""

from __future__ import annotations

_ENDS = ("</think>", "</thinking>", "</thought>", "</reasoning>", "[/THINK]", "<|channel|>final<|message|>")
_BEGINNINGS = ("<think>", "<thinking>", "<thought>", "<reasoning>", "[THINK]", "<|channel|>analysis")


def answer_start(text: str) -> int:
    """Position at which the answer begins; the length of the text where the thoughts never end."""
    if "<" not in text and "[" not in text:
        return 0
    ends = [place + len(mark) for mark in _ENDS if (place := text.rfind(mark)) >= 0]
    if ends:
        return max(ends)
    return len(text) if text.lstrip().startswith(_BEGINNINGS) else 0


def visible(text: str) -> str:
    """The answer after the thoughts, without blanks around it; empty if it never came to one."""
    return text[answer_start(text) :].strip()
