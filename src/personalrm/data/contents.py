"""Convert conversations and messages of other tools to `Message`.

messages([{"role": "model", "content": "Hi"}], "context")            # (Message("assistant", "Hi"),)
messages([{"from": "human", "value": "Hi"}], "conversations")        # (Message("user", "Hi"),)
messages([["Hi", "Hello!"]], "history")                              # [question, answer] for each turn
messages('[{"role": "user", "content": "Hi"}]', "prompt")            # JSON text in a string

Content may be text, a list of parts, or empty with tool calls. Text parts are joined; calls become
``name(arguments)``; images, sounds and files become ``[image]`` and so on; reasoning is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from personalrm.data.fields import describe, encodable, missing, text
from personalrm.data.thinking import without_thinking
from personalrm.data.unpacking import looks_structured, structured, unpacked
from personalrm.errors import RowError
from personalrm.preferences import Message

Turns = tuple[Message, ...]

ROLES: Mapping[str, str] = {
    **dict.fromkeys(("user", "human", "prompter", "customer", "client", "you", "question"), "user"),
    **dict.fromkeys(("assistant", "gpt", "ai", "bot", "model", "chatbot", "agent", "llm", "chatgpt"), "assistant"),
    **dict.fromkeys(("answer", "function_call"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("tool", "function", "observation", "tool_response", "ipython"), "tool"),
}
"""Role by its name in other tools; unknown roles are kept unchanged."""
_AS_THEY_STAND = ("user", "system")
_ROLE = ("role", "from", "speaker", "sender", "author")
_CONTENT = (
    *("content", "value", "text", "message", "full_text", "response", "output", "answer", "completion", "body"),
    "utterance",
)
_LISTS = ("messages", "conversations", "conversation", "turns")
_ASKED = ("input", "instruction", "prompt", "question", "user", "human")
_ANSWERED = ("output", "response", "answer", "completion", "assistant", "gpt", "bot")
_THOUGHTS = ("thinking", "reasoning", "redacted_thinking", "thought")
_MARKED = {"image": "[image]", "audio": "[audio]", "video": "[video]", "file": "[file]", "document": "[file]"}


def messages(value: object, field: str) -> Turns:
    """Convert a conversation: a list of messages or of [question, answer], a message, or text (one user message).

    Raises:
        RowError: the value is none of these; ``field`` names it.
    """
    if isinstance(value, str):
        found = structured(value, field) if looks_structured(value) else unpacked(value)
        if not isinstance(found, str) and (is_conversation(found) or _only_question(found) is not None):
            return messages(found, field)
        return (Message("user", text(value, field)),) if value else ()
    if not isinstance(value, list | tuple):  # asked before whether it is a mapping, which takes longer
        return _of_no_list(value, field)
    if value and isinstance(value[0], str) and all(isinstance(one, str) for one in value):
        return _by_turns(value, field)
    found_turns: list[Message] = []
    for position, one in enumerate(value):
        if type(one) is dict and len(one) == 2 and one.get("role") in _AS_THEY_STAND:
            said = one.get("content")
            if type(said) is str and said.isascii():  # fast path for most messages
                found_turns.append(Message.unchecked(one["role"], said))
                continue
        found_turns.extend(_turn(one, f"{field}.{position}"))
    return tuple(found_turns)


def message(value: object, field: str) -> Message:
    """Convert one {role, content} object. Raises RowError with the missing field."""
    if not isinstance(value, Mapping):
        raise RowError("an object with role and content", field=field, found=describe(value))
    role = value.get("role")
    if role is None:
        role = next((value[name] for name in _ROLE if not missing(value.get(name))), None)
        role = role.get("role") if isinstance(role, Mapping) else role
    if not isinstance(role, str) or not role:
        raise RowError("text", field=f"{field}.role", found=describe(role))
    known = ROLES.get(role) or ROLES.get(role.strip().lower()) or encodable(role, f"{field}.role")
    content = value.get("content")
    if type(content) is not str or (len(value) > 2 and ("tool_calls" in value or "function_call" in value)):
        content = content_text(value, field)
    said = encodable(content, f"{field}.content")
    return Message(known, without_thinking(said) if known == "assistant" else said)


def content_text(value: Mapping[str, Any], field: str) -> str:
    """The text of a message: its content or parts, and its tool calls."""
    name = next((one for one in (*_CONTENT, "parts") if not missing(value.get(one))), "content")
    content = value.get(name)
    calls = _calls(value)
    if isinstance(content, list | tuple):
        content = parts_text(content, f"{field}.{name}")
    elif isinstance(content, Mapping):
        content = parts_text([content], f"{field}.{name}")
    if content is None and calls:
        content = ""
    if not isinstance(content, str):
        raise RowError("text", field=f"{field}.{name}", found=describe(content))
    return "\n".join(part for part in (content, *calls) if part)


def parts_text(parts: Sequence[object], field: str) -> str:
    """Join content parts: texts unchanged, reasoning left out, calls as ``name(arguments)``, others as marks."""
    return "".join(_part(part, f"{field}.{position}") for position, part in enumerate(parts))


def is_conversation(value: object) -> bool:
    """Whether a parsed value is a conversation, rather than JSON data within a text."""
    if isinstance(value, Mapping):
        if any(isinstance(value.get(name), list) for name in _LISTS):
            return is_conversation(next(value[name] for name in _LISTS if isinstance(value.get(name), list)))
        role = value.get("role", value.get("from"))
        return (
            isinstance(role, str)
            and role.lower() in ROLES
            and any(one in value for one in (*_CONTENT, "parts", "tool_calls"))
        )
    return isinstance(value, list) and all(isinstance(one, Mapping) and is_conversation(one) for one in value)


def _of_no_list(value: object, field: str) -> Turns:
    if missing(value):
        return ()
    if not isinstance(value, Mapping):
        raise RowError("a list of {role, content} or text", field=field, found=describe(value))
    return _of_mapping(value, field)


def _of_mapping(value: Mapping[str, Any], field: str) -> Turns:
    listed = next((name for name in _LISTS if isinstance(value.get(name), list | tuple)), None)
    if listed is not None and not any(name in value for name in _ROLE):
        return messages(value[listed], f"{field}.{listed}")
    if not any(name in value for name in _ROLE) and any(isinstance(value.get(name), str) for name in _CONTENT[:5]):
        return (Message("user", encodable(content_text(value, field), field)),)
    asked = _only_question(value)
    return messages(asked, field) if asked is not None else (message(value, field),)


def _only_question(value: object) -> object | None:
    """The question in an object with nothing else, such as ``{"question": …}`` in a log; None for other values."""
    if not isinstance(value, Mapping):
        return None
    given = {name: one for name, one in value.items() if not missing(one)}
    name, asked = next(iter(given.items()), ("", None))
    return asked if len(given) == 1 and name in _ASKED and isinstance(asked, str | list) else None


def _turn(one: object, field: str) -> Sequence[Message]:
    """Convert one item of a conversation: a message, or a question with its answer."""
    if isinstance(one, list | tuple) and len(one) == 2:
        return messages(one, field) if isinstance(one[0], Mapping) else _asked_and_answered(one[0], one[1], field)
    if isinstance(one, list) and one and isinstance(one[0], Mapping):  # a list for each turn
        return messages(one, field)
    if isinstance(one, Mapping) and not any(name in one for name in _ROLE):
        asked = next((name for name in _ASKED if isinstance(one.get(name), str)), None)
        answered = next((name for name in _ANSWERED if isinstance(one.get(name), str) and name != asked), None)
        if asked and answered:
            return _asked_and_answered(one[asked], one[answered], field)
    return (message(one, field),)


def _asked_and_answered(asked: object, answered: object, field: str) -> list[Message]:
    both = (("user", asked), ("assistant", answered))
    return [Message(role, _plain(role, said, field)) for role, said in both if not missing(said)]


def _plain(role: str, said: object, field: str) -> str:
    return without_thinking(text(said, field)) if role == "assistant" else text(said, field)


def _by_turns(value: Sequence[object], field: str) -> Turns:
    """Convert alternating texts, of which the last is the user's."""
    last = len(value) - 1
    roles = ["user" if (last - at) % 2 == 0 else "assistant" for at in range(len(value))]
    return tuple(
        Message(role, _plain(role, said, f"{field}.{at}"))
        for at, (role, said) in enumerate(zip(roles, value, strict=True))
    )


def _part(part: object, field: str) -> str:
    if isinstance(part, str):
        return encodable(part, field)
    if not isinstance(part, Mapping):
        raise RowError("a part of type 'text'", field=field, found=describe(part))
    kind = str(part.get("type") or "text")
    said = part.get("text", part.get("content") if kind in ("text", "tool_result") else None)
    if kind in _THOUGHTS or part.get("thought") is True:
        return ""
    if isinstance(said, str) and (kind in ("text", "input_text", "output_text", "tool_result")):
        return encodable(said, field)
    if kind == "refusal" and isinstance(part.get("refusal"), str):
        return encodable(part["refusal"], field)
    if kind == "tool_use":
        return _call(part.get("name"), part.get("input"))
    if kind == "tool_result" and isinstance(said, list):
        return parts_text(said, field)
    return _unlike_text(part, kind, field)


def _unlike_text(part: Mapping[str, Any], kind: str, field: str) -> str:
    """The text of a call, or the mark of a part without text; parts of Gemini and Bedrock have a key but no type."""
    call = part.get("functionCall", part.get("function_call", part.get("toolUse")))
    if isinstance(call, Mapping):
        return _call(call.get("name"), call.get("args", call.get("input")))
    names = [kind] if "type" in part else [str(name).lower() for name in part]
    mark = next((mark for word, mark in _MARKED.items() if any(word in name for name in names)), None)
    if mark is None and not any("data" in name for name in names):
        raise RowError("a part of type 'text'", field=field, found=describe(part.get("type") or part))
    return mark or "[file]"


def _calls(value: Mapping[str, Any]) -> list[str]:
    """Tool calls as ``name(arguments)``."""
    listed = value.get("tool_calls")
    found = []
    for call in listed if isinstance(listed, list | tuple) else []:
        inner = call.get("function", call) if isinstance(call, Mapping) else {}
        if isinstance(inner, Mapping):
            found.append(_call(inner.get("name"), inner.get("arguments", inner.get("args"))))
    legacy = value.get("function_call")
    if isinstance(legacy, Mapping):
        found.append(_call(legacy.get("name"), legacy.get("arguments")))
    return found


def _call(name: object, arguments: object) -> str:
    if arguments is not None and not isinstance(arguments, str):
        arguments = orjson.dumps(arguments, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    return f"{name}({arguments or ''})"
