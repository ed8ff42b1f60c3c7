"""Erases a person: rows, cached answers, cached vectors, open predictors; lists the trained models that include them.

The erasure record is written first and completed last. After an interruption (a crash, a full disk, a locked cache)
the next service that checks continues it; the API reports success only when everything is removed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from personalrm.errors import DataError, PersonalrmError
from personalrm.llm.cache_location import default_cache
from personalrm.llm.forgetting import forget_answers
from personalrm.models.encoders.store import default_path as path_of_vectors
from personalrm.models.encoders.store import forget_texts
from personalrm.models.trained import FILES, trained_people
from personalrm.models.traits.shipped import shipped_people
from personalrm.preferences import History
from personalrm.service.config import ServiceConfig
from personalrm.service.logs import ServiceLog
from personalrm.service.predictors import Predictors
from personalrm.store.erasures import Erasure
from personalrm.store.store import SpaceStore, Store

_PRIORS = (("traits", False), ("traits+encoder", True))
ABANDONED_S = 60.0
"""A younger erasure may still be running in the service that received the request."""


class Eraser:
    """See the module's docstring. Thread-safe; one erasure runs at a time."""

    def __init__(self, store: Store, predictors: Predictors, config: ServiceConfig, log: ServiceLog) -> None:
        self._store, self._predictors, self._config, self._log = store, predictors, config, log
        self._turn = threading.Lock()

    def erase(self, space: SpaceStore, name: str, key_id: str | None) -> Erasure:
        """Erase a person completely.

        Raises:
            UnknownPerson: the space has no person of that name.
            StorageError: something could not be removed; the background job retries it.
        """
        person = space.people.get(name)
        record = space.erasures.begin(name, key_id)
        if person is not None:
            self._predictors.forget(person.id)
        return self._finished(space, record)

    def finish_all(self) -> None:
        """Continue interrupted erasures."""
        for space in self._store.spaces():
            for record in space.erasures.unfinished(ABANDONED_S):
                try:
                    self._finished(space, record)
                except PersonalrmError as error:
                    self._log.write("erase", level="error", space=space.id, erasure=record.id, detail=str(error))

    def _finished(self, space: SpaceStore, record: Erasure) -> Erasure:
        with self._turn:
            now = space.erasures.get(record.id) or record
            if now.is_done:
                return now
            outside = space.erasures.outside(now)
            answers = forget_answers(str(self._config.cache or default_cache()), outside.answers)
            vectors = forget_texts(path_of_vectors(), outside.texts)
            space.erasures.note(now, {"answer_cache": answers, "vector_cache": vectors})
            models = models_that_hold(outside.history, self._config.trained_folders)
            return space.erasures.finish(now, models)


def models_that_hold(history: History, folders: Sequence[str]) -> list[str]:
    """Trained models whose lineage includes this person; models with an unreadable lineage are listed as unknown.

    Args:
        history: the person's choices. Lineage is matched by choices, because names differ between data sets.
        folders: folders of trained models, or folders that contain such folders.
    """
    found = [
        f"the prior of {name}" for name, encoder in _PRIORS if shipped_people(encoder=encoder).holds_history(history)
    ]
    for folder in (one for name in folders for one in _models_in(Path(name))):
        try:
            if trained_people(folder).holds_history(history):
                found.append(str(folder))
        except DataError as error:
            found.append(f"{folder} (unknown: {error})")
    return found


def _models_in(folder: Path) -> Iterator[Path]:
    """The folder itself if it is a model, else its subfolders that are."""
    for one in (folder, *sorted(folder.glob("*/"))):
        if any((one / name).exists() for name in FILES.values()):
            yield one
