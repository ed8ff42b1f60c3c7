"""The service as a process: startup checks, one listening socket, graceful shutdown.

run(ServiceConfig.from_environment(port=8000))
"""

from __future__ import annotations

import contextlib
import gc
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn

from personalrm.errors import DataError
from personalrm.service.app import make_app
from personalrm.service.config import ServiceConfig
from personalrm.service.connections import TimedConnection
from personalrm.service.logs import take_over
from personalrm.service.state import Service
from personalrm.store.store import Store


def run(config: ServiceConfig) -> None:
    """Serve until SIGTERM or Ctrl-C; running requests are completed first.

    Raises:
        DataError: the address cannot be bound, or is public and no key exists; the model cannot be used.
        StorageError: the database cannot be used.
    """
    store = Store(config.database)
    try:
        check_reachable(config, store)
        listening = listen(config)
        service = Service(config, store)
    except BaseException:
        store.close()
        raise
    settings = uvicorn.Config(
        make_app(service),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        loop="uvloop" if _has_uvloop() else "asyncio",
        http=TimedConnection,
        ws="none",
        timeout_graceful_shutdown=round(config.grace),
        timeout_keep_alive=30,
        proxy_headers=False,
    )
    host, port = listening.getsockname()[:2]
    service.log.write("listening", host=host, port=port, database=store.database.shown, model=service.clients.model)
    say(f"Listening on http://{f'[{host}]' if ':' in host else host}:{port}")
    if not config.open and not has_keys(store):
        say("No key yet: `personalrm serve key SPACE` prints one; --open serves this machine without.")
    _freeze_objects()
    take_over("uvicorn.error", service.log)
    _Server(settings).run(sockets=[listening])
    service.log.flush()


class _Server(uvicorn.Server):
    """Shuts down gracefully at SIGTERM and Ctrl-C, with exit status 0: uvicorn would raise the signal again."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle the signals while the server runs."""
        kept = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for one, handler in kept.items():
                signal.signal(one, handler)


def _freeze_objects() -> None:
    """Exempt the current objects from garbage collection: a scan takes 100 ms, every few thousand requests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def check_reachable(config: ServiceConfig, store: Store) -> None:
    """DataError if other machines can reach the service and no key exists."""
    if not config.is_loopback and not has_keys(store):
        raise DataError(
            f"{config.host} is reachable from other machines, and there is no key yet: create one with "
            "`personalrm serve key SPACE`, or listen on 127.0.0.1"
        )


def has_keys(store: Store) -> bool:
    """Whether any space has an active key."""
    return any(key.revoked is None for space in store.spaces() for key in space.keys.list())


def listen(config: ServiceConfig) -> socket.socket:
    """A listening socket. DataError if the address cannot be bound."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((config.host, config.port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        where = f"{config.host}:{config.port}"
        raise DataError(f"{where} cannot be bound: {error.strerror or error}; choose another --port") from None
    return listening


def say(sentence: str) -> None:
    """Print one line on standard error."""
    with contextlib.suppress(OSError):
        print(sentence, file=sys.stderr, flush=True)  # noqa: T201


def _has_uvloop() -> bool:
    try:
        import uvloop  # noqa: F401
    except ImportError:
        return False
    return True
