"""Erasing a person: rows, cached answers, kept vectors, opened predictors; and which trained models hold them.

The record is written first and closed last. Whatever interrupts it (a crash, a full disk, a cache that is locked), it
is gone on with by the next service that looks, and until it is done nobody is told that it is.
"""

from __future__ import annotations

import threading
from pathlib import Path

from personalrm.errors import PersonalrmError
from personalrm.llm.cache import AnswerCache
from personalrm.llm.cache import default_path as path_of_answers
from personalrm.models.encoders.store import default_path as path_of_vectors
from personalrm.models.encoders.store import forget_texts
from personalrm.service.config import ServiceConfig
from personalrm.service.lineage import models_that_hold
from personalrm.service.logs import Log
from personalrm.service.predictors import Predictors
from personalrm.store.erasures import Erasure
from personalrm.store.store import SpaceStore, Store


class Eraser:
    """See the module's docstring. May be used from several threads; one erasure is worked on at a time."""

    def __init__(self, store: Store, predictors: Predictors, config: ServiceConfig, log: Log) -> None:
        self._store, self._predictors, self._config, self._log = store, predictors, config, log
        self._turn = threading.Lock()

    def erase(self, space: SpaceStore, name: str, key_id: str | None) -> Erasure:
        """Erase a person, to the end.

        Raises:
            UnknownPerson: the space has nobody of that name.
            StorageError: something could not be removed; it is tried again in the background.
        """
        person = space.people.get(name)
        record = space.erasures.begin(name, key_id)
        if person is not None:
            self._predictors.forget(person.id)
        return self._finished(space, record)

    def finish_all(self) -> None:
        """Go on with what was interrupted."""
        for space in self._store.spaces():
            for record in space.erasures.unfinished():
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
            answers = self._forget_answers(outside.answers)
            vectors = forget_texts(self._vectors, outside.texts)
            space.erasures.note(now, {"answer_cache": answers, "vector_cache": vectors})
            models = models_that_hold(now.name or "", self._config.trained_folders)
            return space.erasures.finish(now, models)

    def _forget_answers(self, keys: tuple[bytes, ...]) -> int:
        if not keys:
            return 0
        cache = AnswerCache(self._config.cache or path_of_answers())
        try:
            return cache.forget(keys)
        finally:
            cache.close()

    @property
    def _vectors(self) -> Path:
        return path_of_vectors()
