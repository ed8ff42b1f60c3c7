"""Handwritten choices."""

from __future__ import annotations

from typing import Any

from personalrm.preferences import History, Message, Preference


def choice(number: int, chosen: str = "", rejected: str = "", **more: Any) -> Preference:
    """Choice c<number> in its own group; the chosen response is the longer one by default."""
    given: dict[str, Any] = {
        "id": f"c{number}",
        "user": "ada",
        "group": f"g{number}",
        "context": (Message("user", f"Question {number}?"),),
        "chosen": chosen or f"Long answer number {number}, in some detail.",
        "rejected": rejected or f"Short {number}.",
    }
    return Preference(**{**given, **more})


def history(count: int, **more: Any) -> History:
    return History("ada", tuple(choice(number, **more) for number in range(count)))


def longer_people(count: int = 12, *, domains: bool = False) -> list[History]:
    """Everyone prefers the longer text in groups 0 and 1, the shorter one in group 2; a group may be a domain."""
    made = []
    for number in range(count):
        name = f"p{number}"
        choices = []
        for group in range(3):
            for n in range(2):
                long, short = f"{name} a rather long text {group} {n}", f"{name} {group}{n}"
                best, worst = (short, long) if group == 2 else (long, short)
                judges = {"j": n == 0} if group < 2 else {}
                context = (Message("user", f"<b>question</b> {group}"),)
                domain = f"<em>domain {group}</em>" if domains else None
                identity = f"{name}-{group}-{n}"
                choices.append(
                    Preference(identity, name, f"g{group}", context, best, worst, judges=judges, domain=domain)
                )
        made.append(History(name, tuple(choices)))
    return made
