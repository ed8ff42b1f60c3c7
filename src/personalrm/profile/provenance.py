"""Where a result comes from: the choices, the model, the prompts, the options, the seed and the version behind it.

    fingerprint_of_history(history)             # 16 hex digits that change with any field of any choice
    stamp_of_folder("runs/pref")                # 32 hex digits of a model's content; its place does not matter
    Lineage.of(["ada", "bob"]).holds("ada")     # True: a test on her choices proves nothing
    mine.changes(theirs)                        # ("options.seed", "prompts.persona"): what keeps two apart

Fields are found by going through the dataclasses, so one that is added to `Preference` or `Message` counts without a
change here. A field at its default is left out, so adding one does not change the fingerprints of today's data; so is
one that equality leaves out (the file that a choice came from).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache, lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from personalrm import __version__
from personalrm.errors import DataError
from personalrm.preferences import History


@dataclass(frozen=True, slots=True)
class DataFingerprint:
    """Of some people's choices.

    Attributes:
        total: 16 hex digits that change with anything in the choices, and with their order.
        fields: the same for each field of a choice that is set somewhere, and ``user`` for the people.
    """

    total: str
    fields: Mapping[str, str]

    def changes(self, other: DataFingerprint) -> tuple[str, ...]:
        """The fields in which two data sets differ."""
        return differing(self.fields, other.fields)


class DataHash:
    """Takes in people one after the other, so that a data set need not be in memory."""

    def __init__(self) -> None:
        self._states: dict[str, blake2b] = {}
        self._choices = 0

    def add(self, history: History) -> None:
        """Take in one person."""
        for name, value in set_fields(history).items():
            if name != "choices":
                self._take(name, f"{self._choices}", value)
        for choice in history:
            self._choices += 1
            for name, value in set_fields(choice).items():
                self._take(name, f"{self._choices}", value)

    def fingerprint(self) -> DataFingerprint:
        """Of everybody so far."""
        found = {name: state.hexdigest() for name, state in sorted(self._states.items())}
        return DataFingerprint(hash_of([self._choices, found]), found)

    def _take(self, name: str, place: str, value: object) -> None:
        if name not in self._states:
            self._states[name] = blake2b(digest_size=8)
        self._states[name].update(b"%b\0%b\n" % (place.encode(), canonical(value)))


def fingerprint_of_people(people: Iterable[History]) -> DataFingerprint:
    """Of these people in this order; see `DataFingerprint`."""
    state = DataHash()
    for one in people:
        state.add(one)
    return state.fingerprint()


def fingerprint_of_history(history: History) -> str:
    """16 hex digits that change with the person, any field of any choice, and the order of the choices."""
    state = blake2b(
        canonical([value for name, value in set_fields(history).items() if name != "choices"]), digest_size=8
    )
    for choice in history:
        state.update(canonical(choice) + b"\n")
    return state.hexdigest()


def hash_of(value: object, size: int = 8) -> str:
    """A name (``2 * size`` hex digits) for a value of records, mappings, sequences, texts and numbers."""
    return blake2b(canonical(value), digest_size=size).hexdigest()


def canonical(value: object) -> bytes:
    """The value as JSON, names sorted, fields of records at their defaults left out: other values give other bytes."""
    try:
        return orjson.dumps(value, _plain, _EXACTLY)
    except TypeError:  # half of a surrogate pair, which UTF-8 cannot hold, or a number above 64 bits
        return json.dumps(value, sort_keys=True, default=_plain).encode()


_EXACTLY = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS


def _plain(value: object) -> object:
    """What JSON can hold in place of a value that it cannot."""
    if is_dataclass(value):
        return set_fields(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    return list(value) if isinstance(value, Iterable) and not isinstance(value, bytes) else str(value)


def set_fields(record: Any) -> dict[str, Any]:
    """The fields of a dataclass that are not at their defaults."""
    kind: Any = type(record)
    required, optional = _fields_of(kind)
    found = {name: getattr(record, name) for name in required}
    for name, default in optional:
        value = getattr(record, name)
        if value is not default and value != default:
            found[name] = value
    return found


@cache
def _fields_of(kind: Any) -> tuple[list[str], list[tuple[str, Any]]]:
    """Names of the fields without a default, then those with one and their defaults."""
    required, optional = [], []
    for one in (each for each in fields(kind) if each.compare):  # what equality leaves out changes no result
        default = one.default if one.default_factory is MISSING else one.default_factory()
        if default is MISSING:
            required.append(one.name)
        else:
            optional.append((one.name, default))
    return required, optional


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    """The names under which two mappings hold different values, or only one of them any."""
    return tuple(name for name in dict.fromkeys([*one, *other]) if one.get(name) != other.get(name))


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a result depends on.

    Attributes:
        data: fingerprint of the choices.
        model: as it was named.
        stamp: of the content of the prior or of the model's folder; None for a model at an endpoint.
        prompts: hash of each prompt by name.
        options: everything else that was chosen, as JSON values.
        seed: of everything random.
        version: of personalrm.
    """

    data: str
    model: str
    stamp: str | None = None
    prompts: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    version: str = __version__

    @property
    def key(self) -> str:
        """16 hex digits that change with any of it."""
        return hash_of(self)

    def changes(self, other: Provenance) -> tuple[str, ...]:
        """What differs, by name; a prompt or an option as ``prompts.NAME`` or ``options.NAME``."""
        return differing(_flat(self), _flat(other))


def _flat(record: Provenance) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in fields(record):
        value = getattr(record, one.name)
        found |= (
            {f"{one.name}.{name}": part for name, part in value.items()}
            if isinstance(value, Mapping)
            else {one.name: value}
        )
    return found


@dataclass(frozen=True, slots=True)
class Lineage:
    """Who a model was learned from, as salted hashes: enough to refuse a test on somebody, not enough to name anybody.

    Attributes:
        salt: drawn anew for each model.
        people: hashes of their ids, sorted.
        choices: hashes of their decided choices, 8 hex digits each, sorted and joined; empty where ids suffice. With
            them a person is recognised under another id.
    """

    salt: str
    people: tuple[str, ...]
    choices: str = ""

    @classmethod
    def of(cls, users: Iterable[str]) -> Lineage:
        """Of these people, by id."""
        salt = _salt()
        return cls(salt, tuple(sorted(_keyed(salt, one, 12) for one in set(users))))

    @classmethod
    def of_people(cls, people: Iterable[History]) -> Lineage:
        """Of these people, by id and by what they chose; for a model whose users name people as they like.

        The salt follows from the choices, so that the same recipe writes the same file.
        """
        held = tuple(people)
        salt, users, choices = fingerprint_of_people(held).total, set[str](), set[str]()
        for one in held:
            users.add(one.user)
            choices.update(_choices(salt, one))
        return cls(salt, tuple(sorted(_keyed(salt, one, 12) for one in users)), "".join(sorted(choices)))

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Lineage:
        """As `train` and the recipe of the prior write it. Raises KeyError or TypeError if a part is missing."""
        return cls(str(state["salt"]), tuple(map(str, state["people"])), str(state.get("choices", "")))

    def holds(self, user: str) -> bool:
        """Whether a person of this id was among them."""
        return _keyed(self.salt, user, 12) in self.people

    def holds_history(self, history: History) -> bool:
        """Whether this person was among them: by id, or because each of their decided choices was."""
        if self.holds(history.user):
            return True
        known = _split(self.choices)
        return bool(known and history.decided) and all(one in known for one in _choices(self.salt, history))


@lru_cache(maxsize=8)
def _split(choices: str) -> frozenset[str]:
    return frozenset(choices[at : at + 8] for at in range(0, len(choices), 8))


def _salt() -> str:
    return os.urandom(8).hex()


def _choices(salt: str, history: History) -> Iterator[str]:
    for one in history.decided:
        yield _keyed(salt, canonical([[turn.content for turn in one.context], one.chosen, one.rejected]), 4)


def _keyed(salt: str, value: str | bytes, size: int) -> str:
    text = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
    return blake2b(text, key=salt.encode(), digest_size=size).hexdigest()


WHOLE = ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "chat_template.jinja")
"""Files of a Hugging Face model that its answers depend on, besides its weights."""
_CARDS = ("personalrm-model.json", "personalrm.json", "prior.json", "adapter_config.json")
"""What `train` writes beside the weights, and a model's answers depend on; not its manifest, card, curves or logs."""
_SAMPLES, _SAMPLE = 64, 1 << 16


def stamp_of_folder(folder: str | Path) -> str:
    """32 hex digits of a trained model's weights and settings: the same wherever the folder lies.

    Raises:
        DataError: there is no such folder, or nothing of a model in it.
    """
    where = Path(folder)
    if not where.is_dir():
        raise DataError(f"there is no folder {where} with a trained model; if it was moved, name where it is now")
    places = [one for one in (where, where / "adapter") if one.is_dir()]
    files = [one / name for one in places for name in (*WHOLE, *_CARDS)]
    found = blake2b(digest_size=16)
    if not hash_files(found, where, files, [path for one in places for path in sorted(one.glob("*.safetensors"))]):
        raise DataError(f"{where} holds no trained model: expected a folder that `personalrm train` wrote")
    return found.hexdigest()


def stamp_of_prior(prior: Mapping[str, Any]) -> str:
    """32 hex digits that change with the numbers of a traits prior, given as JSON; not with what is said of it."""
    return hash_of({name: value for name, value in prior.items() if name not in ("lineage", "people")}, 16)


def hash_files(state: blake2b, folder: Path, whole: Iterable[Path], weights: Iterable[Path]) -> int:
    """Take in files under a folder, by name and content; gives how many there are.

    Args:
        whole: read from beginning to end; one that is absent counts as empty.
        weights: 64 samples of each: reading 16 GB would take longer than the work, and training moves all weights.

    Raises:
        DataError: a file cannot be read.
    """
    count = 0
    try:
        for path in whole:
            there = path.is_file()
            count += there
            state.update(f"{path.relative_to(folder).as_posix()}\0".encode() + (path.read_bytes() if there else b""))
        for path in weights:
            count += 1
            state.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
            for sample in _samples(path):
                state.update(sample)
    except OSError as error:
        raise DataError(f"{error.filename or folder} cannot be read: {error.strerror or error}") from None
    return count


def _samples(path: Path) -> Iterator[bytes]:
    last = max(0, path.stat().st_size - _SAMPLE)
    with path.open("rb") as file:
        for at in sorted({last * part // (_SAMPLES - 1) for part in range(_SAMPLES)}):
            file.seek(at)
            yield file.read(_SAMPLE)
