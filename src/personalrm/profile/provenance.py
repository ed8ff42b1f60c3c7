"""Provenance of a result: fingerprints of the data, the model, the prompts, the options, the seed and the version.

    fingerprint_of_history(history)             # 16 hex digits that change with any field of any choice
    stamp_of_folder("runs/pref")                # 32 hex digits of a model's content, independent of its path
    Lineage.of(["ada", "bob"]).holds("ada")     # True: the model was trained on this person's choices
    mine.changes(theirs)                        # ("options.seed", "prompts.persona"): the differences

Fields are found by introspection of the dataclasses, so a new field of `Preference` or `Message` is included without a
change here. Fields at their default are excluded, so that a new field does not change existing fingerprints; so are
fields with ``compare=False`` (the file that a choice came from).
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
from personalrm.regular_files import reading


@dataclass(frozen=True, slots=True)
class DataFingerprint:
    """Fingerprint of the choices of several people.

    Attributes:
        total: 16 hex digits that change with any field of any choice, and with the order of the choices.
        fields: the same for each field that is set in some choice, and ``user`` for the people.
    """

    total: str
    fields: Mapping[str, str]

    def changes(self, other: DataFingerprint) -> tuple[str, ...]:
        """The fields in which two data sets differ."""
        return differing(self.fields, other.fields)


class DataHash:
    """Incremental hash over people, so that a data set need not be in memory."""

    def __init__(self) -> None:
        self._states: dict[str, blake2b] = {}
        self._choices = 0

    def add(self, history: History) -> None:
        """Add one person."""
        for name, value in set_fields(history).items():
            if name != "choices":
                self._take(name, f"{self._choices}", value)
        for choice in history:
            self._choices += 1
            for name, value in set_fields(choice).items():
                self._take(name, f"{self._choices}", value)

    def fingerprint(self) -> DataFingerprint:
        """The fingerprint of all people added so far."""
        found = {name: state.hexdigest() for name, state in sorted(self._states.items())}
        return DataFingerprint(hash_of([self._choices, found]), found)

    def _take(self, name: str, place: str, value: object) -> None:
        if name not in self._states:
            self._states[name] = blake2b(digest_size=8)
        self._states[name].update(b"%b\0%b\n" % (place.encode(), canonical(value)))


def fingerprint_of_people(people: Iterable[History]) -> DataFingerprint:
    """`DataFingerprint` of these people in this order."""
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
    """Hash (``2 * size`` hex digits) of a value made of records, mappings, sequences, texts and numbers."""
    return blake2b(canonical(value), digest_size=size).hexdigest()


def canonical(value: object) -> bytes:
    """Canonical JSON: sorted keys, without fields at their defaults. Different values give different bytes."""
    try:
        return orjson.dumps(value, _plain, _EXACTLY)
    except TypeError:  # a lone surrogate, which UTF-8 cannot encode, or a number above 64 bits
        return json.dumps(value, sort_keys=True, default=_plain).encode()


_EXACTLY = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS


def _plain(value: object) -> object:
    """JSON-compatible form of a value that orjson cannot serialise."""
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
    """Names of the fields without a default, and (name, default) of the others."""
    required, optional = [], []
    for one in (each for each in fields(kind) if each.compare):  # compare=False: no influence on results
        default = one.default if one.default_factory is MISSING else one.default_factory()
        if default is MISSING:
            required.append(one.name)
        else:
            optional.append((one.name, default))
    return required, optional


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys with different values in the two mappings, or present in only one of them."""
    return tuple(name for name in dict.fromkeys([*one, *other]) if one.get(name) != other.get(name))


@dataclass(frozen=True, slots=True)
class Provenance:
    """Everything that a result depends on.

    Attributes:
        data: fingerprint of the choices.
        model: name of the model as given.
        stamp: content hash of the prior or of the model's folder; None for a model at an endpoint.
        prompts: hash of each prompt by name.
        options: all other options, as JSON values.
        seed: random seed.
        version: version of personalrm.
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
        """16 hex digits that change with any field."""
        return hash_of(self)

    def changes(self, other: Provenance) -> tuple[str, ...]:
        """Names of the fields that differ; a prompt or an option as ``prompts.NAME`` or ``options.NAME``."""
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
    """The people that a model was trained on, as salted hashes: detects test people in the training data without ids.

    Attributes:
        salt: random, different for each model.
        people: hashes of their ids, sorted.
        choices: hashes of their decided choices, 8 hex digits each, sorted and joined; empty where ids suffice. They
            recognise a person under another id.
    """

    salt: str
    people: tuple[str, ...]
    choices: str = ""

    @classmethod
    def of(cls, users: Iterable[str]) -> Lineage:
        """Lineage of these people by id."""
        salt = _salt()
        return cls(salt, tuple(sorted(_keyed(salt, one, 12) for one in set(users))))

    @classmethod
    def of_people(cls, people: Iterable[History]) -> Lineage:
        """Lineage of these people by id and by their choices; for a model whose users choose their own ids.

        The salt is derived from the choices, so that the same input writes the same file.
        """
        held = tuple(people)
        salt, users, choices = fingerprint_of_people(held).total, set[str](), set[str]()
        for one in held:
            users.add(one.user)
            choices.update(_choices(salt, one))
        return cls(salt, tuple(sorted(_keyed(salt, one, 12) for one in users)), "".join(sorted(choices)))

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Lineage:
        """From the JSON that `train` and the script of the prior write. Raises KeyError or TypeError if incomplete."""
        return cls(str(state["salt"]), tuple(map(str, state["people"])), str(state.get("choices", "")))

    def holds(self, user: str) -> bool:
        """Whether a person with this id was in the training data."""
        return _keyed(self.salt, user, 12) in self.people

    def holds_history(self, history: History) -> bool:
        """Whether this person was in the training data: by id, or because all of their decided choices were."""
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
"""Files of a Hugging Face model, besides the weights, that its predictions depend on."""
_CARDS = ("personalrm-model.json", "personalrm.json", "prior.json", "adapter_config.json")
"""Files of `train`, besides the weights, that predictions depend on; not the manifest, card, curves or logs."""
_SAMPLES, _SAMPLE = 64, 1 << 16


def stamp_of_folder(folder: str | Path) -> str:
    """Hash (32 hex digits) of a trained model's weights and configuration, independent of the folder's path.

    Raises:
        DataError: the folder does not exist, or holds no model.
    """
    where = Path(folder)
    if not where.is_dir():
        raise DataError(f"there is no folder {where} with a trained model; if it was moved, give its new path")
    places = [one for one in (where, where / "adapter") if one.is_dir()]
    files = [one / name for one in places for name in (*WHOLE, *_CARDS)]
    found = blake2b(digest_size=16)
    if not hash_files(found, where, files, [path for one in places for path in sorted(one.glob("*.safetensors"))]):
        raise DataError(f"{where} holds no trained model: expected a folder that `personalrm train` wrote")
    return found.hexdigest()


def stamp_of_prior(prior: Mapping[str, Any]) -> str:
    """Hash (32 hex digits) of the numbers of a traits prior given as JSON, without its descriptive fields."""
    return hash_of({name: value for name, value in prior.items() if name not in ("lineage", "people")}, 16)


def hash_files(state: blake2b, folder: Path, whole: Iterable[Path], weights: Iterable[Path]) -> int:
    """Add files under a folder to a hash, by name and content; returns the number of files found.

    Args:
        whole: files hashed completely; an absent one counts as empty.
        weights: files hashed by 64 samples each: reading 16 GB takes too long, and training changes all weights.

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
    with reading(path) as file:
        for at in sorted({last * part // (_SAMPLES - 1) for part in range(_SAMPLES)}):
            file.seek(at)
            yield file.read(_SAMPLE)
