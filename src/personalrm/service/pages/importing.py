"""The page *Import*: a file of choices, or an Open WebUI export, becomes people with profiles."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, File, Form, Request, Response, UploadFile

from personalrm.data.compressed import opened
from personalrm.data.problems import Problems
from personalrm.data.reading import read_people
from personalrm.errors import DataError, MissingExtra
from personalrm.preferences import ME, History, Message, Preference
from personalrm.preferences import Thumb as LearnableThumb
from personalrm.service.fields import NAME, is_name
from personalrm.service.pages.links import links
from personalrm.service.pages.rendering import PageRoute, html
from personalrm.service.pages.visiting import FillsSpace
from personalrm.service.problems import invalid, problem_of
from personalrm.service.state import Service
from personalrm.store.incoming import Added
from personalrm.store.jobs import Work
from personalrm.store.records import Choice, Given, Thumb
from personalrm.store.store import SpaceStore

router = APIRouter(route_class=PageRoute, include_in_schema=False)
SOURCE = "import"
_AT_ONCE = 500
_PART, _PARTS = 1 << 20, 64
_NAME_SHOWN = 100
G = TypeVar("G", bound=Given)


@dataclass(slots=True)
class Imported:
    """Result of an import: people with their number of new choices and thumbs, and the skipped rows."""

    people: list[tuple[str, int, int]]
    known: int
    problems: Problems
    unusable: list[str]


@router.get("/import")
async def form(request: Request, caller: FillsSpace) -> Response:
    """The upload form."""
    return html(
        request, "import.html", title="Import choices", user=None, links=links(caller, None, "import"), found=None
    )


@router.post("/import")
async def take(
    request: Request,
    caller: FillsSpace,
    file: Annotated[UploadFile, File()],
    name: Annotated[str, Form(max_length=NAME)] = "",
) -> Response:
    """Read the file and store its choices; rows that cannot be read are listed."""
    service: Service = request.app.state.service
    content = await file.read()
    if not content:
        raise invalid("file", "expected a non-empty file", "go back and choose one")
    owner = name.strip()
    if owner and not is_name(owner):
        raise invalid("name", "expected printable characters without '/'", "go back and correct it")
    found = await service.teach(_import, service, caller.space, file.filename or "", content, owner or None)
    service.metrics.choices.inc(sum(count for _, count, _ in found.people))
    told: dict[str, Any] = {"title": "Import choices", "user": None, "links": links(caller, None, "import")}
    return html(request, "import.html", **told, found=found)


def _import(service: Service, space: SpaceStore, name: str, content: bytes, owner: str | None) -> Imported:
    problems = Problems()
    imported = Imported([], 0, problems, [])
    with uploaded(name, content) as file:
        for history in read_people(file, problems=problems, thumbs_alone=True):
            user = owner if owner is not None and history.user == ME else history.user
            if not is_name(user):
                imported.unusable.append(user)
                continue
            imported.people.append((user, *_stored(service, space, user, history, imported)))
    return imported


@contextmanager
def uploaded(name: str, content: bytes) -> Iterator[Path]:
    """A visitor's file as a temporary file, while it is read."""
    with tempfile.TemporaryDirectory(prefix="personalrm-import-") as folder:
        # only the extensions are used, for the format; the rest of the name is user input and must not become a path
        file = Path(folder) / f"import{''.join(Path(name).suffixes[-2:])[-20:]}"
        file.write_bytes(content)
        try:
            _check_size(file)
            yield file
        except (DataError, MissingExtra) as error:
            if str(file) not in str(error):
                raise
            shown = str(error).replace(str(file), Path(name).name[:_NAME_SHOWN] or "the file")
            raise replace(problem_of(error), detail=shown, way_out="correct the file, or choose another one") from None


def _check_size(file: Path) -> None:
    """DataError for a compressed file whose content exceeds the limit for uncompressed files."""
    try:
        with opened(file) as text:
            unpacked = sum(len(part) for part in islice(iter(lambda: text.read(_PART), b""), _PARTS + 1))
    except (OSError, EOFError, ValueError):  # the reader reports the error
        return
    if unpacked > _PART * _PARTS:
        raise DataError(f"{file} holds more than {_PART * _PARTS >> 20} MiB: split it")


def _stored(service: Service, space: SpaceStore, user: str, history: History, imported: Imported) -> tuple[int, int]:
    choices = _kept(space.feedback.choices, service, user, [_choice(one) for one in history.choices], imported)
    thumbs = _kept(space.feedback.thumbs, service, user, [_thumb(one) for one in history.thumbs], imported)
    return choices, thumbs


def _kept(
    store: Callable[[str, Sequence[G], Work], Added],
    service: Service,
    user: str,
    given: Sequence[G],
    imported: Imported,
) -> int:
    """The number of new choices. An id that another import used for a different choice is replaced by a new one."""
    accepted = 0
    for at in range(0, len(given), _AT_ONCE):
        some = given[at : at + _AT_ONCE]
        added = store(user, some, service.new_choice)
        again = [replace(some[number], id=None) for number in added.conflicts]
        beside = store(user, again, service.new_choice) if again else None
        accepted += added.accepted + (beside.accepted if beside else 0)
        imported.known += added.known + (beside.known + len(beside.conflicts) if beside else 0)
    return accepted


def _thumb(one: LearnableThumb) -> Thumb:
    told: dict[str, Any] = {"time": one.time, "reason": _text(one.reason), "response": _text(one.response)}
    return Thumb(context=_turns(one.context), source=SOURCE, id=_text(one.id[:NAME]), up=one.liked, **told)


def _choice(one: Preference) -> Choice:
    told: dict[str, Any] = {
        "group": _text(one.group),
        "domain": _text(one.domain),
        "time": one.time,
        "reason": _text(one.reason),
        "margin": one.margin,
        "ranking": _text(one.ranking),
    }
    texts: dict[str, Any] = {"chosen": _text(one.chosen), "rejected": _text(one.rejected), "tie": one.tie}
    return Choice(
        source=SOURCE, id=_text(one.id[:NAME]), context=_turns(one.context), weight=one.weight, **texts, **told
    )


def _text(text: Any) -> Any:
    """A text with U+FFFD for NUL characters, which PostgreSQL cannot store; None stays None."""
    return text if text is None else text.replace("\0", "\ufffd")


def _turns(context: Sequence[Message]) -> tuple[Message, ...]:
    return tuple(Message(one.role, _text(one.content)) for one in context)
