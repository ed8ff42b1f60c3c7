"""An executor that is interrupted in the middle of a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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
