"""Whether a host read the whole prompt: some cut it to their context without a word (Ollama's ``num_ctx``).

What a host counts as prompt tokens is compared with the characters that were sent. How many characters make a token is
learned from the host's own counts of shorter prompts, so that no tokenizer is needed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from personalrm.llm.endpoint import Completion
from personalrm.preferences import Message

_log = logging.getLogger("personalrm.llm")
SHORT = 4_000
"""Characters; prompts up to this length fit into every context, and teach how many characters make a token."""
TOO_FEW = 1.5
"""A prompt whose characters a token are so many times those of the short ones was cut."""
MOST_CHARACTERS_A_TOKEN = 7.0
"""Taken where no short prompt was seen: text of people comes to three to five."""


class PromptLengths:
    """What one host counted. ``cut`` is the number of prompts that it read in part."""

    def __init__(self) -> None:
        self.cut = 0
        self._ratio = 0.0

    def seen(self, messages: Sequence[Message], completion: Completion) -> None:
        """An answer arrived with the host's count of the prompt; the first cut prompt is logged as a warning."""
        characters = sum(len(one.content) for one in messages)
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
                    "the host read %d tokens of a prompt of about %d: it cuts prompts to its context without a word; "
                    "give it a larger one (Ollama: num_ctx, llama.cpp: --ctx-size; see docs/hosts.md)",
                    completion.prompt_tokens,
                    expected,
                )
