"""A simulated language model behind a real HTTP server, for tests and benchmarks only; see `server`."""

from __future__ import annotations

from personalrm.llm.simulated.server import MODEL, SimulatedLLM

__all__ = ["MODEL", "SimulatedLLM"]
