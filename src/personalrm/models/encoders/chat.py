r"""A conversation and its response in a chat model's template.

render(tokenizer, [Message("user", "How do I boil an egg?")], "Ten minutes.")
# "<|im_start|>user\nHow do I boil an egg?<|im_end|>\n<|im_start|>assistant\nTen minutes.<|im_end|>"
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from personalrm.errors import DataError
from personalrm.preferences import Message
from personalrm.prompts.marks import break_marks

Turns = list[dict[str, str]]


def render(tokenizer: Any, context: Sequence[Message], response: str, marks: re.Pattern[str] | None = None) -> str:
    """The tokenizer's chat template over the conversation, with the response as the assistant's turn.

    No text can open or close a turn: template marks in it, and the tokenizer's special tokens (``marks``), are broken
    up. If the template rejects it, roles are made to alternate between user and assistant, without system messages.

    Raises:
        DataError: the template rejects that too.
    """
    messages = (*context, Message("assistant", response))
    turns = [{"role": one.role, "content": break_marks(one.content, marks, fences=False)} for one in messages]
    try:
        return _applied(tokenizer, turns)
    except Exception:  # templates are programs and may raise anything
        pass
    try:
        return _applied(tokenizer, _alternating(turns))
    except Exception as error:
        why = str(error).strip().partition("\n")[0]
        raise DataError(f"the chat template of the encoder cannot be used: {why}") from error


def _applied(tokenizer: Any, turns: Turns) -> str:
    """Without whitespace after the last turn: the last token should be the end-of-turn token."""
    return str(tokenizer.apply_chat_template(turns, tokenize=False)).rstrip()


def _alternating(turns: Turns) -> Turns:
    """All roles but the assistant become the user, neighbours of one role are joined, and the user begins."""
    found: Turns = [{"role": "user", "content": ""}]
    for turn in turns:
        role = "assistant" if turn["role"] == "assistant" else "user"
        if role == found[-1]["role"]:
            found[-1]["content"] = "\n\n".join(filter(None, (found[-1]["content"], turn["content"])))
        else:
            found.append({"role": role, "content": turn["content"]})
    return found
