"""Fetch files of a data set with `huggingface_hub` (extra ``data``), with its cache, resumption and tokens.

found = fetch(named("multipref"))
found.commit, [one.path for one in found.files]

Every file is verified against the hub's metadata: its size, and its SHA-256 (large files) or git blob id. Exceptions of
the package are replaced by our own messages, because its messages may contain URLs with secrets.
"""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from personalrm.data.hub.catalogue import PublicSet
from personalrm.errors import DataError, MissingExtra, StorageError

_BLOCK = 1 << 20
_SHOWN = 5
_PART = re.compile(r"-\d{5}-of-(\d{5})\.")


@dataclass(frozen=True, slots=True)
class HubFile:
    """A fetched file.

    Attributes:
        name: path in the repository.
        path: local path, in the package's cache.
        size: size in bytes.
        sha256: SHA-256 of the content.
        checked: how it was verified: by the hub's ``sha256`` or ``git`` id, by its ``size`` only, or by ``nothing``.
    """

    name: str
    path: Path
    size: int
    sha256: str
    checked: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """The fetched files of a data set.

    Attributes:
        commit: commit of the repository; None for local files.
        files: the files, sorted by name.
        licence: licence on the card; None if it has none, or offline.
        gated: whether the repository is gated; None offline.
        offline: whether the files are from the cache without contacting the hub.
    """

    commit: str | None
    files: tuple[HubFile, ...]
    licence: str | None = None
    gated: bool | None = None
    offline: bool = False


def fetch(wanted: PublicSet, *, revision: str | None = None, cache_dir: str | Path | None = None) -> Fetched:
    """Fetch the files of a data set; cached files are reused and partial downloads resumed.

    Raises:
        MissingExtra: huggingface_hub is not installed.
        DataError: an unknown repository, no access, no network, or a file that differs from the hub's metadata.
        StorageError: the cache cannot be written, for example because the disk is full.
    """
    try:
        import huggingface_hub
        from huggingface_hub import constants
    except ImportError:
        needs = "needs huggingface_hub: pip install 'personalrm[data]'"
        raise MissingExtra(f"fetching {wanted.name} {needs}") from None
    if wanted.repo is None:
        raise DataError(f"{wanted.name} is not on the hub. {wanted.lacks}")
    at = revision or wanted.revision
    with _sentences(wanted):
        if constants.HF_HUB_OFFLINE:
            return _from_cache(wanted, revision, Path(cache_dir or constants.HF_HUB_CACHE))
        info = huggingface_hub.HfApi().dataset_info(wanted.repo, revision=at, files_metadata=True)
        siblings = {one.rfilename: one for one in info.siblings or ()}
        files = []
        for name in chosen(wanted, siblings):
            local = huggingface_hub.hf_hub_download(
                wanted.repo, name, repo_type="dataset", revision=info.sha, cache_dir=cache_dir
            )
            files.append(_checked(wanted, Path(local), name, siblings[name]))
    card: Any = info.card_data or {}
    return Fetched(info.sha, tuple(files), _text(card.get("license")), bool(info.gated))


def chosen(wanted: PublicSet, names: Sequence[str] | Any) -> list[str]:
    """The repository's files that match the data set's patterns, sorted. Raises DataError if a pattern has no match."""
    found: set[str] = set()
    for item in wanted.files:
        matched = next((some for one in item.split("|") if (some := [n for n in names if fnmatchcase(n, one)])), [])
        if not matched:
            there = ", ".join(sorted(names)[:_SHOWN]) or "no files"
            raise DataError(f"{wanted.repo} holds no file {item.replace('|', ' or ')}, but {there}: has it changed?")
        found.update(matched)
    return sorted(found)


def _from_cache(wanted: PublicSet, revision: str | None, cache: Path) -> Fetched:
    """The files in the cache, verified against their names, which are hashes."""
    repo = f"datasets--{str(wanted.repo).replace('/', '--')}"
    folder = _snapshot(cache / repo, revision)
    absent = DataError(
        f"{wanted.repo} is not in the cache as a whole, and HF_HUB_OFFLINE is set: fetch it once without"
    )
    if folder is None:
        raise absent
    names = [one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()]
    try:
        there = chosen(wanted, names)
    except DataError:
        raise absent from None
    if any(len(there) < int(told[1]) for told in map(_PART.search, there) if told):
        raise absent
    return Fetched(folder.name, tuple(_checked(wanted, folder / name, name, None) for name in there), offline=True)


def _snapshot(repo: Path, revision: str | None) -> Path | None:
    """The cached snapshot of a revision, or the newest one if none is given."""
    snapshots = [one for one in (repo / "snapshots").glob("*") if one.is_dir()]
    if revision is not None:
        ref = repo / "refs" / revision
        commit = ref.read_text().strip() if ref.is_file() else revision
        snapshots = [one for one in snapshots if one.name == commit]
    return max(snapshots, key=lambda one: one.stat().st_mtime, default=None)


def _checked(wanted: PublicSet, path: Path, name: str, sibling: Any) -> HubFile:
    """Verify a file against the hub's metadata. Raises DataError for a damaged one and removes it from the cache."""
    size = path.stat().st_size
    sha256, git = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            sha256.update(block)
            git.update(block)
    known, of = _known_hash(path, sibling)
    told = getattr(sibling, "size", None)
    right = (told is None or told == size) and known in (None, sha256.hexdigest(), git.hexdigest())
    if not right:
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise DataError(f"{name} of {wanted.repo} came damaged ({size:,} bytes) and was removed: fetch it again")
    checked = of if known else "size" if told is not None else "nothing"
    return HubFile(name, path, size, sha256.hexdigest(), checked)


def _known_hash(path: Path, sibling: Any) -> tuple[str | None, str]:
    """The expected hash of a file and its kind, from the hub or (offline) from the name in the cache."""
    if sibling is None:
        name = path.resolve().name  # the cache calls a file by its ETag
        return (name, "sha256" if len(name) == 64 else "git") if len(name) in (40, 64) and _is_hex(name) else (None, "")
    if sibling.lfs is not None:
        return sibling.lfs.sha256, "sha256"
    return sibling.blob_id, "git"


def _is_hex(name: str) -> bool:
    return set(name) <= set("0123456789abcdef")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else ", ".join(map(str, value)) if isinstance(value, list) else None


@contextmanager
def _sentences(wanted: PublicSet) -> Iterator[None]:
    """Context manager that replaces exceptions of huggingface_hub by our own."""
    try:
        yield
    except (DataError, StorageError, AttributeError, TypeError, KeyError, AssertionError):
        raise  # our own errors, and programming errors that must not be reported as network errors
    except Exception as error:
        raise _ours(wanted, error) from None


def _ours(wanted: PublicSet, error: Exception) -> Exception:
    from huggingface_hub import errors

    page = f"huggingface.co/datasets/{wanted.repo}"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.GatedRepoError):
        todo = f"accept its conditions at {page}, then set HF_TOKEN to a token of that account"
        return DataError(f"{wanted.repo} is gated ({status}): {todo}")
    if isinstance(error, errors.RevisionNotFoundError):
        return DataError(f"{wanted.repo} has no such revision: look at {page}, or name another with --revision")
    if isinstance(error, errors.RepositoryNotFoundError):
        return DataError(f"{wanted.repo} is not on the hub, or HF_TOKEN may not see it ({status}): look at {page}")
    if status in (401, 403):
        return DataError(f"the hub refuses {wanted.repo} ({status}): HF_TOKEN is wrong, or may not read it")
    if isinstance(error, errors.EntryNotFoundError) and status is not None:
        return DataError(f"a file of {wanted.repo} is gone from the hub ({status}): run the command again")
    if status is not None:
        return DataError(f"the hub answered {status} for {wanted.repo}: try again later; the fetched files are kept")
    return _of_the_system(wanted, error)


def _of_the_system(wanted: PublicSet, error: Exception) -> Exception:
    """The error for a failed connection or a file system error."""
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    for one in causes:
        if isinstance(one, OSError) and one.errno == errno.ENOSPC:
            return StorageError(f"the disk is full: {wanted.name} is not fetched whole; set HF_HOME to a larger one")
        if isinstance(one, PermissionError | NotADirectoryError) and one.filename:
            return StorageError(f"the cache {one.filename} cannot be written: {one.strerror}; set HF_HOME to another")
    if "onsistency check failed" in str(error):
        return DataError(f"a file of {wanted.repo} was interrupted: run the command again to resume")
    kind = type(causes[-1]).__name__
    return DataError(
        f"the hub cannot be reached ({kind}): check the network and HF_ENDPOINT; the fetched files are kept"
    )
