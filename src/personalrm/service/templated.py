"""Conversations back out of the strings that trainers send: prompt and response joined by a model's chat template.

    parted("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello!<|im_end|>\n")
    # ((Message("user", "Hi"),), "Hello!")

Known are the marks of ChatML (Qwen and many others), Llama 3, Llama 2 and Mistral, Gemma, Phi and Zephyr; a string
without any is taken as it stands. Marks never reach a judge or a reward as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from personalrm.preferences import Message

_ROLES = {"human": "user", "model": "assistant", "gpt": "assistant", "bot": "assistant"}
_TURN = re.compile(
    r"<\|im_start\|>\s*(?P<chatml>\w{1,20})\n"
    r"|<\|start_header_id\|>\s*(?P<llama3>\w{1,20})\s*<\|end_header_id\|>\n{0,2}"
    r"|<start_of_turn>\s*(?P<gemma>\w{1,20})\n"
    r"|<\|(?P<phi>system|user|assistant)\|>\n?"
    r"|(?P<inst>\[INST\])\s?|(?P<answer>\[/INST\])\s?"
)
_MARKS = re.compile(
    r"<\|(?:im_start|im_end|endoftext|begin_of_text|end_of_text|eot_id|eom_id|start_header_id|end_header_id|end|pad)\|>"
    r"|</?s>|<(?:bos|eos|pad|end_of_turn|start_of_turn)>|\[/?INST\]|<</?SYS>>"
)
_SYSTEM = re.compile(r"<<SYS>>\n?(.{0,100000}?)\n?<</SYS>>\n{0,2}", re.DOTALL)


def parted(text: str) -> tuple[tuple[Message, ...], str]:
    """The conversation and the last response in a whole string; all of it is the response where no mark is known."""
    turns = list(_turns(text))
    if not turns:
        return (), stripped(text)
    if turns[-1].role == "assistant":
        return tuple(turns[:-1]), turns[-1].content
    return tuple(turns), ""


def conversation(prompt: str) -> tuple[Message, ...]:
    """A prompt as messages; one message of the user where no mark is known."""
    turns = [one for one in _turns(prompt) if one.content or one.role != "assistant"]
    if turns:
        return tuple(turns)
    plain = stripped(prompt)
    return (Message("user", plain),) if plain else ()


def response_of(query: str, prompt: str) -> str:
    """What follows the prompt in a query, without the marks around it."""
    if query.startswith(prompt):
        return stripped(query.removeprefix(prompt))
    return parted(query)[1]


def stripped(text: str) -> str:
    """The text without chat-template marks and the blanks around them."""
    return _MARKS.sub("", text).strip()


def _turns(text: str) -> Iterator[Message]:
    found = list(_TURN.finditer(text))
    for at, turn in enumerate(found):
        end = found[at + 1].start() if at + 1 < len(found) else len(text)
        content = text[turn.end() : end]
        role = _role(turn)
        if role == "user" and (system := _SYSTEM.match(content)):
            yield Message("system", system.group(1).strip())
            content = content[system.end() :]
        yield Message(role, stripped(content))


def _role(turn: re.Match[str]) -> str:
    if turn.group("inst"):
        return "user"
    if turn.group("answer"):
        return "assistant"
    named = next(one for one in turn.group("chatml", "llama3", "gemma", "phi") if one)
    return _ROLES.get(named.lower(), named.lower())
