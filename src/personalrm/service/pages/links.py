"""The navigation links of every page."""

from __future__ import annotations

from personalrm.service.access import Caller
from personalrm.service.pages.rendering import person_path

_PERSON = (
    ("you", "", "You"),
    ("choose", "/choose", "Choose"),
    ("history", "/history", "History"),
    ("try", "/try", "Try it"),
)
_SPACE = (("space", "/space", "Space"), ("import", "/import", "Import"))
_MANAGED = (("studies", "/studies", "Studies"),)


def links(caller: Caller, user: str | None, current: str) -> list[tuple[str, str, bool]]:
    """(path, label, whether it is the current page): the person's pages, and the space's if the caller may see them."""
    found = (
        []
        if user is None
        else [(f"{person_path(user)}{path}", words, name == current) for name, path, words in _PERSON]
    )
    if caller.key_id != "link":
        opened = (*_SPACE, *_MANAGED) if "manage" in caller.scopes else _SPACE
        found += [(path, words, name == current) for name, path, words in opened]
    return found
