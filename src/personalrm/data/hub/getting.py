"""Fetch a public data set, verify it, and write it as a file of choices with a manifest of its origin.

got = get("prism", "prism")
got.people, got.pairs, got.skipped      # 1396, …; prism/choices.jsonl, prism/manifest.json

The manifest is written last: a folder with a manifest is complete.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from personalrm import __version__
from personalrm.data.formats.prism import joined, read_survey
from personalrm.data.hub.catalogue import PublicSet, named
from personalrm.data.hub.crowdrag import files_in, votes
from personalrm.data.hub.transport import Fetched, HubFile, chosen, fetch
from personalrm.data.problems import Problems
from personalrm.data.reading import read_choices
from personalrm.data.writing import write_choices
from personalrm.errors import DataError
from personalrm.files import replace_file, stored, to_json
from personalrm.preferences import Preference

CHOICES, MANIFEST = "choices.jsonl", "manifest.json"
SCHEMA = 1
_BLOCK = 1 << 20


@dataclass(slots=True)
class Got:
    """Result of fetching a data set.

    Attributes:
        folder: the output folder.
        people: number of users.
        pairs: number of choices written; every pair of a ranking counts.
        ties: number of these that are ties.
        skipped: number of rows that could not be used.
        remarks: further remarks on reading.
        commit: commit of the repository; None if the files were given locally.
    """

    folder: Path
    people: int
    pairs: int
    ties: int
    skipped: int
    commit: str | None
    remarks: list[str] = field(default_factory=list)


def get(
    name: str,
    out: str | Path | None = None,
    *,
    files: str | Path | None = None,
    revision: str | None = None,
    min_gap: float | None = None,
    cache_dir: str | Path | None = None,
) -> Got:
    """Fetch a public data set and write its choices.

    Args:
        name: name in `catalogue.SETS`, or ``owner/name``.
        out: output folder; by default one with the data set's name in the current folder.
        files: a folder with the data set's files; the hub is then not used.
        revision: branch, tag or commit instead of the catalogue's.
        min_gap: for ratings: minimum difference of scores; by default the catalogue's.
        cache_dir: cache folder of `huggingface_hub`; its default if None.

    Raises:
        DataError: an unknown data set, no access, no network, unexpected files, or the output folder already contains
            such files.
        StorageError: the folder cannot be written.
        MissingExtra: huggingface_hub or pyarrow is not installed.
    """
    wanted = named(name)
    folder = Path(out) if out is not None else Path(wanted.name)
    _check_free(folder)
    fetched = (
        _local_files(wanted, Path(files))
        if files is not None
        else fetch(wanted, revision=revision, cache_dir=cache_dir)
    )
    gap = wanted.min_gap if min_gap is None else min_gap
    with stored(folder):
        folder.mkdir(parents=True, exist_ok=True)
    account, problems = _Account(), Problems()
    try:
        pairs = write_choices(folder / CHOICES, account.of(_choices(wanted, fetched.files, gap, problems)))
    except DataError as error:
        raise DataError(f"{wanted.name} is fetched, but cannot be read: {error}") from None
    got = Got(
        folder,
        len(account.people),
        pairs,
        account.ties,
        problems.skipped,
        fetched.commit,
        problems.remarks(gap),
    )
    with stored(folder):
        replace_file(folder / MANIFEST, to_json(_manifest(wanted, fetched, revision, gap, got)))
    return got


class _Account:
    """Counts users and ties while choices are written."""

    def __init__(self) -> None:
        self.people: set[str] = set()
        self.ties = 0

    def of(self, choices: Iterator[Preference]) -> Iterator[Preference]:
        for one in choices:
            self.people.add(one.user)
            self.ties += one.tie
            yield one


def _choices(wanted: PublicSet, files: Sequence[HubFile], min_gap: float, problems: Problems) -> Iterator[Preference]:
    if wanted.kind == "crowdrag":
        texts = next(one.path for one in files if one.name.startswith("responses"))
        rated = next(one.path for one in files if one.name.startswith("ratings"))
        return read_choices(votes(texts, rated), problems=problems)
    paths = [one.path for one in files]
    if wanted.kind == "prism":
        survey = next(path for path in paths if path.name.startswith("survey"))
        people = read_survey(str(survey), problems=problems)
        rest = [path for path in paths if path != survey]
        return (
            joined(one, people) for one in read_choices(rest, min_gap=min_gap, problems=problems, common_scale=False)
        )
    return read_choices(paths, min_gap=min_gap, problems=problems, common_scale=False)


def _check_free(folder: Path) -> None:
    """Raise DataError if the folder already has output files, which may be of another data set or edited."""
    for name in (MANIFEST, CHOICES):
        if (folder / name).exists():
            raise DataError(f"{folder / name} is there already and is not replaced: name another folder with --out")
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file: name a folder with --out")


def _local_files(wanted: PublicSet, folder: Path) -> Fetched:
    """The data set's files in a local folder."""
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}: give the folder with the files of {wanted.name} with --from")
    if wanted.kind == "crowdrag":
        paths = list(files_in(folder))
    else:
        there = sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file())
        paths = [folder / name for name in chosen(wanted, there)]
    return Fetched(None, tuple(_by_hand(path) for path in paths))


def _by_hand(path: Path) -> HubFile:
    return HubFile(path.name, path, path.stat().st_size, _sha256(path), "nothing")


def _sha256(path: Path) -> str:
    state = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            state.update(block)
    return state.hexdigest()


def _manifest(wanted: PublicSet, fetched: Fetched, revision: str | None, min_gap: float, got: Got) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "set": wanted.name,
        "title": wanted.title,
        "repo": wanted.repo if fetched.commit else None,
        "revision": (revision or wanted.revision) if fetched.commit else None,
        "commit": fetched.commit,
        "offline": fetched.offline,
        "source": wanted.source,
        "licence": {"stated": wanted.licence, "on_the_card": fetched.licence},
        "gated": fetched.gated if fetched.gated is not None else wanted.gated,
        "lacks": wanted.lacks,
        "files": [
            {"name": one.name, "size": one.size, "sha256": one.sha256, "checked": one.checked} for one in fetched.files
        ],
        "options": {"min_gap": min_gap},
        "read": {
            "people": got.people,
            "pairs": got.pairs,
            "ties": got.ties,
            "skipped": got.skipped,
            "remarks": got.remarks,
        },
        "output": {"name": CHOICES, "rows": got.pairs, "sha256": _sha256(got.folder / CHOICES)},
        "personalrm": __version__,
    }
