"""Runs a computation in a process of its own, for code that holds the interpreter lock for longer than a loop may wait.

page = await in_child(write_report, "out")        # matplotlib's imports and their garbage collection take 20–60 ms each

A worker thread (`worker`) is enough for numpy and for Python code; it takes 0.1 ms, a process takes about a second.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from personalrm.errors import PersonalrmError
from personalrm.models.worker import in_fitting_worker

P = ParamSpec("P")
T = TypeVar("T")
_COMMAND = (sys.executable, "-P", "-c", "from personalrm.models.child import serve; serve()")


async def in_child(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the result of ``work``, a function of a module, whose arguments and result can be pickled.

    Raises:
        PersonalrmError: the process was killed.
        Exception: whatever ``work`` raises.
    """
    return cast(T, await in_fitting_worker(_computed, pickle.dumps((work, args, kwargs))))


def _computed(job: bytes) -> Any:
    known = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(_COMMAND, input=job, stdout=subprocess.PIPE, env=known, check=False)
    if done.returncode:
        raise PersonalrmError(f"a process of this program ended with status {done.returncode} before its work was done")
    result, error = pickle.loads(done.stdout)
    if error is not None:
        raise error
    return result


def serve() -> None:
    """The process: one job from its standard input, the result or the error to its standard output."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the work prints is no part of the answer
    work, args, kwargs = pickle.load(sys.stdin.buffer)
    result, failure = None, None
    try:
        result = work(*args, **kwargs)
    except Exception as error:
        failure = error
    with answer:
        pickle.dump((result, failure), answer)
