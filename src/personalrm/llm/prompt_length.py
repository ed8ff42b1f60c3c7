"""Detects hosts that silently truncate prompts to their context (Ollama's ``num_ctx``).

The host's count of prompt tokens is compared with the characters sent. The characters per token are learned from the
host's counts of shorter prompts, so that no tokenizer is needed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from personalrm.llm.endpoint import Completion
from personalrm.preferences import Message

_log = logging.getLogger("personalrm.llm")
SHORT = 4_000
"""Maximum characters of a prompt that fits into every context; these give the characters per token."""
TOO_FEW = 1.5
"""Ratio of characters per token to that of short prompts from which a prompt counts as truncated."""
MOST_CHARACTERS_A_TOKEN = 7.0
"""Threshold without short prompts; natural text has three to five."""


class PromptLengths:
    """Token counts of one host. ``cut`` is the number of truncated prompts."""

    def __init__(self) -> None:
        self.cut = 0
        self._ratio = 0.0

    def seen(self, messages: Sequence[Message], completion: Completion) -> None:
        """Record an answer's prompt tokens; the first truncated prompt is logged as a warning."""
        characters = sum([len(one.content) for one in messages])
        if not completion.prompt_tokens or not characters:
            return
        ratio = characters / completion.prompt_tokens
        if characters <= SHORT:
            self._ratio = max(self._ratio, min(ratio, MOST_CHARACTERS_A_TOKEN))
        elif ratio > (TOO_FEW * self._ratio if self._ratio else MOST_CHARACTERS_A_TOKEN):
            self.cut += 1
            if self.cut == 1:
                expected = round(characters / (self._ratio or MOST_CHARACTERS_A_TOKEN))
                _log.warning(
                    "the host read %d tokens of a prompt of about %d: it truncates prompts to its context silently; "
                    "give it a larger one (Ollama: num_ctx, llama.cpp: --ctx-size; see docs/hosts.md)",
                    completion.prompt_tokens,
                    expected,
                )
