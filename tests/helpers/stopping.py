"""An executor that is interrupted in the middle of a run, and processes that are about to be."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from personalrm.cluster.executor import InProcess


@dataclass
class Stops(InProcess):
    """Ctrl-C comes when ``after`` jobs of this kind are done."""

    after: int
    kind: type

    def run(self, jobs: Any) -> Iterator[Any]:
        for job, result in super().run(jobs):
            yield job, result
            self.after -= isinstance(job, self.kind)
            if not self.after:
                raise KeyboardInterrupt


def await_rest(process: int) -> None:
    """Wait until a process waits itself: a busy machine may not have let it go on to there. It must not end."""
    before, rests, deadline = "", 0, time.monotonic() + 60
    while rests < 10 and time.monotonic() < deadline:
        state, *fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
        spent = " ".join(fields[10:12])  # ticks of CPU time
        rests = rests + 1 if state == "S" and spent == before else 0
        before = spent
        time.sleep(0.02)
