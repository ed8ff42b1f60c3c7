"""Names of commands and options in 0.1: they still work, and one line gives the new name.

modern(["ask", "me.json"], print)        # ["next-question", "me.json"]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

COMMANDS: Mapping[str, str] = {"ask": "next-question"}
OPTIONS: Mapping[str, Mapping[str, str]] = {
    "bench": {"--context-pairs": "--context-sizes"},
    "compare": {"--sure": "--max-risk"},
    "curate": {"--room": "--min-personalizable"},
    "optimize-prompt": {
        "--held-back": "--holdout",
        "--keep-anyway": "--accept-best",
        "--trials": "--candidates",
    },
    "study": {"--context-pairs": "--context-sizes"},
    "train": {"--members": "--ensemble-size", "--part": "--split", "--published": "--paper-variant"},
}
"""Renamed options, by command."""
VALUES: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "bench": {
        "--people": {"seen": "--train-on-test-users-context", "unseen": ""},
        "--protocol": {"leave-group-out": "--protocol=new-people"},
    },
}
"""Renamed options whose value changes as well; an empty replacement is the default."""


def modern(words: Sequence[str], tell: Callable[[str], None]) -> list[str]:
    """The command line with current names; ``tell`` gets one line for each old one."""
    at = next((place for place, word in enumerate(words) if not word.startswith("-")), None)
    if at is None:
        return list(words)
    command = COMMANDS.get(words[at], words[at])
    if command != words[at]:
        _tell(tell, words[at], command)
    return [*words[:at], command, *_options(command, list(words[at + 1 :]), tell)]


def _options(command: str, words: list[str], tell: Callable[[str], None]) -> list[str]:
    renamed, values = OPTIONS.get(command, {}), VALUES.get(command, {})
    found: list[str] = []
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if word == "--":
            return [*found, word, *words]
        if name in renamed:
            _tell(tell, name, renamed[name])
            found.append(f"{renamed[name]}{equals}{value}")
        elif name in values and (value if equals else words and words[0]) in values[name]:
            given = value if equals else words.pop(0)
            now = values[name][given]
            _tell(tell, f"{name} {given}", now or "the default: omit it")
            found += [now] if now else []
        else:
            found.append(word)
    return found


def _tell(tell: Callable[[str], None], old: str, new: str) -> None:
    tell(f"{old} is now {new}; the old spelling works until 0.3.")
