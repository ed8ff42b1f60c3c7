"""Pull users' feedback from a host into a file of choices.

    pulled = pull("langfuse", "choices.jsonl", url="https://langfuse.example")     # keys from the environment
    pulled.added, pulled.changed, pulled.skipped
    pull("langfuse", "choices.jsonl", url="https://langfuse.example")              # later: only new feedback

Feedback is identified by its user and its id at the host, so nothing is added twice. An interrupted pull resumes where
it stopped.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from personalrm.data.fields import moment
from personalrm.errors import DataError, RowError
from personalrm.integrations.feedback.api import MOST_BYTES, Api, ApiHost
from personalrm.integrations.feedback.argilla import Argilla
from personalrm.integrations.feedback.base import FeedbackHost, Item, Page, Window
from personalrm.integrations.feedback.kept import PulledFile
from personalrm.integrations.feedback.label_studio import LabelStudio, access_token
from personalrm.integrations.feedback.langfuse import Langfuse
from personalrm.integrations.feedback.langsmith import LangSmith
from personalrm.integrations.feedback.open_webui import OpenWebUI
from personalrm.llm import background_loop
from personalrm.llm.credentials import without_user
from personalrm.llm.host import DEADLINE_IN_TIMEOUTS, Host
from personalrm.locks import hold_file

OVERLAP = timedelta(minutes=30)
"""A pull begins this long before the newest known time: hosts show feedback late, and clocks differ."""
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class HostSettings:
    """Settings of a kind of host.

    Attributes:
        adapter: creates its `FeedbackHost` from project names.
        url: environment variable with its URL.
        keys: environment variables whose values, joined by a colon, are its key.
        header, scheme: see `ApiHost`.
    """

    adapter: Callable[[tuple[str, ...]], FeedbackHost]
    url: str
    keys: tuple[str, ...]
    header: str = "Authorization"
    scheme: str = "Bearer"


SERVICES = {
    "langfuse": HostSettings(Langfuse, "LANGFUSE_HOST", ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"), scheme="Basic"),
    "langsmith": HostSettings(LangSmith, "LANGSMITH_ENDPOINT", ("LANGSMITH_API_KEY",), "X-API-Key", ""),
    "open-webui": HostSettings(OpenWebUI, "OPEN_WEBUI_URL", ("OPEN_WEBUI_API_KEY",)),
    "label-studio": HostSettings(LabelStudio, "LABEL_STUDIO_URL", ("LABEL_STUDIO_API_KEY",), scheme="Token"),
    "argilla": HostSettings(Argilla, "ARGILLA_API_URL", ("ARGILLA_API_KEY",), "X-Argilla-Api-Key", ""),
}
"""Settings by the name that ``personalrm pull`` takes."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """Result of a pull.

    Attributes:
        added, changed: number of items that are new in the file, and that were changed at the host.
        known: number of items in the file now.
        pages: number of pages read.
        newest: the latest time in the file, ISO 8601 in UTC.
        anonymous: number of items left out because the host names no user.
        skipped: number of items that could not be read.
        first: messages about the first 20 of those, with the host's id and the reason.
    """

    added: int = 0
    changed: int = 0
    known: int = 0
    pages: int = 0
    newest: str | None = None
    anonymous: int = 0
    skipped: int = 0
    first: tuple[str, ...] = field(default=())


async def apull(
    kind: str,
    out: str | Path,
    *,
    url: str | None = None,
    key: str | None = None,
    since: str | None = None,
    user: str | None = None,
    projects: tuple[str, ...] = (),
    seen: Callable[[Pulled], None] | None = None,
) -> Pulled:
    """Add the feedback of a host to a file of choices.

    Args:
        kind: a name in `SERVICES`.
        out: a .jsonl file that does not exist yet or was written by an earlier pull from the same host.
        url: URL of the host; None takes the service's environment variable.
        key: None takes the service's environment variables; for Langfuse ``PUBLIC:SECRET``.
        since: ISO 8601; None continues from the newest time in the file.
        user: the user of feedback that names none; None leaves such feedback out.
        projects: projects or datasets; if empty, all.
        seen: called with the result so far after each page.

    Returns:
        The counts of this pull.

    Raises:
        DataError: unknown kind, no URL, a bad key or time, a file that was not written by a pull from this host, or
            another process writes to it.
        EndpointError: the host refuses or cannot be reached; the pages before are kept.
    """
    service, path = SERVICES.get(kind), Path(out)
    if service is None:
        raise DataError(f"there is no adapter '{kind}' (adapters: {', '.join(SERVICES)})")
    if path.suffix != ".jsonl":
        raise DataError(f"{path}: pulled feedback is written as .jsonl")
    host = _host(service, url, key)
    begin = _utc_time(since)
    with hold_file(path, "pull"):
        names = f" {','.join(sorted(projects))}" if projects else ""
        file = await asyncio.to_thread(PulledFile, path, f"{kind} {without_user(host.base_url).rstrip('/')}{names}")
        api = await _opened(kind, host, " and ".join(service.keys))
        try:
            return await _pulled(service.adapter(projects), api, file, begin, user, seen)
        finally:
            await api.aclose()


pull = background_loop.plain(apull)
"""`apull` for synchronous code; also works inside a running event loop."""


async def _pulled(
    adapter: FeedbackHost,
    api: Api,
    file: PulledFile,
    begin: str | None,
    user: str | None,
    seen: Callable[[Pulled], None] | None,
) -> Pulled:
    window, cursor = _window(file, begin)
    file.keep(since=window.since, until=window.until, cursor=cursor)
    done = Pulled(known=len(file), newest=file.note.newest)
    async for page in adapter.pages(api, window, cursor):
        done = await asyncio.to_thread(_added, done, page, file, user)
        file.keep(cursor=page.next, newest=done.newest)
        if seen is not None:
            seen(done)
    await asyncio.to_thread(file.finish)
    file.keep(since=None, until=None, cursor=None)
    return done


def _added(done: Pulled, page: Page, file: PulledFile, user: str | None) -> Pulled:
    items = [one if one.user is not None or user is None else _with_user(one, user) for one in page.items]
    named = [one for one in items if one.user is not None]
    new, changed = file.add(named)
    times = [one.time for one in named if one.time is not None]
    return Pulled(
        done.added + new,
        done.changed + changed,
        len(file),
        done.pages + 1,
        max([*times, *([done.newest] if done.newest else [])], default=None),
        done.anonymous + len(items) - len(named),
        done.skipped + len(page.skipped),
        (done.first + page.skipped)[:_SHOWN],
    )


def _with_user(item: Item, user: str) -> Item:
    return replace(item, user=user, row={**item.row, "user": user})


def _window(file: PulledFile, begin: str | None) -> tuple[Window, str | None]:
    """The window and the cursor to begin with: those of an interrupted pull, unless ``begin`` is given."""
    note = file.note
    if note.until is not None and note.cursor is not None and begin is None:
        return Window(note.since, note.until), note.cursor
    since = begin
    if since is None and note.until is not None:  # interrupted before its first page
        since = note.since
    elif since is None and note.newest is not None:
        since = _shifted(note.newest, -OVERLAP)
    return Window(since, _shifted(_now(), timedelta(seconds=1))), None


def _host(service: HostSettings, url: str | None, key: str | None) -> ApiHost:
    where = (url or os.environ.get(service.url) or "").strip()
    if not where:
        raise DataError(f"no URL: give --url or set {service.url}")
    found = [os.environ.get(name, "").strip() for name in service.keys]
    secret = key or (":".join(found) if all(found) else None)
    if secret is not None and not (secret.isascii() and secret.isprintable()):
        raise DataError(f"{' and '.join(service.keys)}: expected printable ASCII characters; copy the key again")
    checked = Host.from_environment(where, secret or "none")
    header, scheme, timeout = service.header, service.scheme, checked.timeout
    if scheme == "Token" and secret and secret.count(".") == 2:
        scheme = "Bearer"  # a personal access token
    deadline = DEADLINE_IN_TIMEOUTS * timeout
    return ApiHost(checked.base_url, secret, timeout, deadline, MOST_BYTES, header=header, scheme=scheme)


async def _opened(kind: str, host: ApiHost, variables: str) -> Api:
    api = Api(host, variables)
    if kind != "label-studio" or host.scheme != "Bearer" or not host.api_key:
        return api
    try:
        token = await access_token(api, host.api_key)
    finally:
        await api.aclose()
    return Api(replace(host, api_key=token), variables)


def _utc_time(since: str | None) -> str | None:
    try:
        return moment(since, "--since")
    except RowError as error:
        raise DataError(f"--since: expected {error.expected}, found {error.found}") from None


def _now() -> str:
    return str(moment(datetime.now(UTC), "now"))


def _shifted(time: str, by: timedelta) -> str:
    return str(moment(datetime.fromisoformat(time) + by, "time"))
