"""Training computes with one thread."""

from __future__ import annotations

from torch_fixtures import one_thread

__all__ = ["one_thread"]
