"""Runs jobs on a Ray cluster (extra ``cluster``): one job per core, on any machine with a free core.

    with OnRay("auto") as executor: ...                  # an existing cluster; None starts one on this machine

Ray's retries are disabled: a job whose worker or machine died is submitted again here, where it is counted. Every
machine needs the same version of personalrm, and the run's folder and inputs at the same paths.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self

from personalrm import __version__
from personalrm.cluster import limits
from personalrm.cluster.executor import AHEAD, J, Job, Outcome, done, run_ahead
from personalrm.errors import MissingExtra, StorageError
from personalrm.llm.connect import EndpointOptions

_LOOK_S = 1.0
"""How long to wait in Ray before Python can handle Ctrl-C."""
_REACH_S = 10.0
"""Longest wait for a connection to the cluster's address."""
GRACE_S = 60.0
"""How long an interrupted run waits for answers in flight."""
_log = logging.getLogger("personalrm.cluster")


class OnRay:
    """Runs jobs on Ray.

    Args:
        address: address of a running cluster (``auto``, ``HOST:6379``, ``ray://HOST:10001``); None starts Ray on this
            machine, with all its cores. An existing connection of this process to Ray is used.

    Raises:
        MissingExtra: Ray is not installed. StorageError: no cluster can be reached.
    """

    def __init__(self, address: str | None = None) -> None:
        self._ray = _imported()
        self.lost, self.cpu_s = 0, 0.0
        self._connected_here = not self._ray.is_initialized()
        if self._connected_here:
            self._connect(address)
        self._run = self._ray.remote(_done_there).options(max_retries=0, num_cpus=1)
        self._limits: Any = None
        self._handed_out: set[Any] = set()

    @property
    def workers(self) -> int:
        """Current number of cores of the cluster."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def run(self, jobs: Iterable[J]) -> Iterator[tuple[J, Any]]:
        """See `Executor.run`."""
        ahead = AHEAD * self.workers
        return run_ahead(jobs, ahead, self._submit, self._ready, lambda: None, self, self._finish)

    def share(self, endpoint: EndpointOptions) -> str | None:
        """See `Executor.share`: an actor on the driver's machine."""
        name, self._limits = limits.start(self._ray, endpoint)
        return name

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._finish(self._handed_out)
        if self._connected_here:  # also ends the jobs of this connection
            self._ray.shutdown()

    def _connect(self, address: str | None) -> None:
        local: dict[str, Any] = {"include_dashboard": False} if address is None else {}
        _check_reachable(address)
        try:
            self._ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **local)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise StorageError(f"--address {address}: no Ray cluster can be reached there ({reason})") from None

    def _submit(self, job: Job[Any]) -> Any:
        reference = self._run.remote(job, __version__)
        self._handed_out.add(reference)
        return reference

    def _finish(self, waiting: Iterable[Any]) -> None:
        """With a language model: forbid further requests, and wait until workers have stored the answers in flight."""
        left = list(waiting)
        if self._limits is not None and left:
            self._limits.stop.remote()
            self._ray.wait(left, num_returns=len(left), timeout=GRACE_S)

    def _ready(self, waiting: Iterable[Any]) -> list[tuple[Any, Outcome | None]]:
        refs = list(waiting)
        found: list[Any] = []
        while not found:
            found, _ = self._ray.wait(refs, num_returns=1, timeout=_LOOK_S)
        self._handed_out.difference_update(found)
        return [(one, self._outcome(one)) for one in found]

    def _outcome(self, ref: Any) -> Outcome | None:
        lost = self._ray.exceptions
        try:
            outcome: Outcome = self._ray.get(ref)
        except (lost.WorkerCrashedError, lost.NodeDiedError, lost.OutOfMemoryError, lost.ObjectLostError) as error:
            _log.warning("a worker died (%s): its job is run again", type(error).__name__)
            return None
        return outcome


def _check_reachable(address: str | None) -> None:
    """StorageError if nothing listens at HOST:PORT, which Ray would try for a minute and a half."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_S).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StorageError(f"--address {address}: no Ray cluster can be reached there ({reason})") from None


def _done_there(job: Job[Any], version: str) -> Outcome:
    """Run a job in the worker."""
    if version != __version__:
        said = f"a machine of the cluster has personalrm {__version__}, this one {version}: install the same on all"
        return Outcome(error="StorageError", said=said)
    return done(job)


def _imported() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # disable Ray's usage reports
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise MissingExtra("a cluster needs Ray: pip install 'personalrm[cluster]'") from None
    return ray
