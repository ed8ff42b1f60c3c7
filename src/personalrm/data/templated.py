"""Convert texts formatted with a chat template, as sent by training frameworks, to messages and a response.

turns_of("<|im_start|>user\\nHow long?<|im_end|>\\n<|im_start|>assistant\\n")     # (Message("user", "How long?"),)
response_in("<s>[INST] How long? [/INST] Six.</s>", "[INST] How long? [/INST]")   # "Six."

Known templates: ChatML (Qwen, Yi), Llama 3, Gemma, Phi, Mistral and Llama 2, DeepSeek, and Zephyr. Other texts become
one user message.
"""

from __future__ import annotations

import re

from personalrm.preferences import Message

_TURNS = (
    re.compile(r"<\|im_start\|>[ ]?(\w{1,20})\n(.*?)(?:<\|im_end\|>|\Z)", re.DOTALL),
    re.compile(r"<\|start_header_id\|>[ ]?(\w{1,20})[ ]?<\|end_header_id\|>\s{0,4}(.*?)(?:<\|eot_id\|>|\Z)", re.DOTALL),
    re.compile(r"<start_of_turn>[ ]?(\w{1,20})\n(.*?)(?:<end_of_turn>|\Z)", re.DOTALL),
    re.compile(
        r"<\|(system|user|assistant)\|>\s{0,4}(.*?)"
        r"(?:</s>|<\|end\|>|<\|endoftext\|>|(?=<\|(?:system|user|assistant)\|>)|\Z)",
        re.DOTALL,
    ),
    re.compile(r"<｜(User|Assistant)｜>(.*?)(?:<｜end▁of▁sentence｜>|(?=<｜(?:User|Assistant)｜>)|\Z)", re.DOTALL),
)  # fmt: skip
"""Patterns with role and text of one turn."""
_ROLES = {"model": "assistant", "gpt": "assistant", "human": "user"}
_SPECIAL = re.compile(
    r"<\|[\w▁]{1,40}\|>|<｜[\w▁]{1,40}｜>|</?s>|<(?:start|end)_of_turn>|<(?:bos|eos|pad|unk)>|\[/?INST\]|\[PAD\]|\[CLS\]|\[SEP\]"
)


_BEGINNING = re.compile(
    r"(?:<s>|<bos>|<\|begin_of_text\|>|<｜begin▁of▁sentence｜>)?\s{0,4}"
    r"(?:<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>|<\|(?:system|user|assistant)\|>|<｜(?:User|Assistant)｜>|\[INST\])"
)


_END = re.compile(
    r"\s{0,4}(?:<\|(?:im_end|eot_id|end|endoftext|end_of_text)\|>|</s>|<end_of_turn>|<eos>|<｜end▁of▁sentence｜>)\s*\Z"
)


def is_templated(text: str) -> bool:
    """Whether a text begins as a chat template begins."""
    return _BEGINNING.match(text) is not None


def turns_of(text: str) -> tuple[Message, ...]:
    """The conversation in a formatted prompt, without the empty turn at the end of a generation prompt."""
    for pattern in _TURNS:
        found = [(role.lower(), said.strip()) for role, said in pattern.findall(text)]
        if found:
            return tuple(Message(_ROLES.get(role, role), said) for role, said in found if said)
    if "[INST]" in text:
        return tuple(_instructions(text))
    plain = without_special_tokens(text)
    return (Message("user", plain),) if plain else ()


def response_in(query: str, prompt: str) -> str:
    """The response at the end of ``prompt + response``, without special tokens.

    A tokenizer may have added a token before the prompt, or the beginning of a long prompt may be cut off; if the end
    of the prompt is not found, the last turn of the whole text is returned.
    """
    end = prompt[-200:]
    at = query.rfind(end) if end else 0
    if at >= 0:
        return without_special_tokens(query[at + len(end) :])
    turns = turns_of(query)
    return turns[-1].content if turns else ""


def without_end_token(text: str) -> str:
    """The text without the token that ends a turn, as training frameworks write it behind a response."""
    return _END.sub("", text) if text[-1:] in (">", "\n") and "<s>" not in text else text


def without_special_tokens(text: str) -> str:
    """The text without the special tokens of common tokenizers."""
    return _SPECIAL.sub("", text).strip()


def _instructions(text: str) -> list[Message]:
    found = []
    unclosed: list[str] = []
    for part in text.split("[INST]")[1:]:
        last, closed, answered = part.partition("[/INST]")
        unclosed.append(last)
        if not closed:
            continue
        asked = "".join(unclosed)
        unclosed.clear()
        before, _, rest = asked.partition("<<SYS>>")
        system, ended, after = rest.partition("<</SYS>>")
        if ended:
            found.append(Message("system", system.strip()))
        found.append(Message("user", without_special_tokens(before + after if ended else asked)))
        answer = without_special_tokens(answered)
        if answer:
            found.append(Message("assistant", answer))
    return found
