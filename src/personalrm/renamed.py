"""Names of version 0.1 that still work until 0.3: each gives a DeprecationWarning with the new name.

from personalrm.llm import portal               # DeprecationWarning: …; it is personalrm.llm.background_loop
__getattr__ = renamed(__name__, {"Sight": "JudgeContext"})      # in the module that has the new name
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
PACKAGE = "personalrm."
MODULES: Mapping[str, str] = {
    "bench.curating": "curation",
    "bench.curating.asking": "curation.asking",
    "bench.curating.command": "curation.command",
    "bench.curating.people": "curation.people",
    "bench.curating.running": "curation.running",
    "bench.curating.table": "curation.table",
    "bench.figures": "formatting.numbers",
    "bench.predicting": "bench.protocols",
    "bench.report.exhibits": "bench.report.examples",
    "bench.report.pictures": "bench.report.charts_from_record",
    "bench.report.style": "formatting.plot_style",
    "bench.report.wording": "formatting.texts",
    "bench.statistics": "stats",
    "bench.statistics.calibration": "stats.calibration",
    "bench.statistics.power": "stats.power",
    "bench.statistics.scoring": "stats.metrics",
    "bench.statistics.slices": "stats.slices",
    "bench.statistics.uncertainty": "stats.intervals",
    "cli_inputs": "cli.inputs",
    "cli_options": "cli.options",
    "commands": "cli.commands",
    "commands.ask": "cli.commands.next_question",
    "commands.bench": "cli.commands.bench",
    "commands.curate": "cli.commands.curate",
    "commands.diagnose": "cli.commands.diagnose",
    "commands.optimize_prompt": "cli.commands.optimize_prompt",
    "commands.study": "cli.commands.study",
    "commands.train": "cli.commands.train",
    "data.curation": "curation",
    "data.curation.counting": "curation.counting",
    "data.curation.filters": "curation.filters",
    "data.curation.folder": "curation.folder",
    "data.curation.published": "curation.published",
    "data.curation.raw": "curation.raw",
    "data.curation.sources": "curation.sources",
    "data.curation.splits": "curation.splits",
    "data.curation.thresholds": "curation.thresholds",
    "data.whole_files": "files",
    "llm.portal": "llm.background_loop",
    "llm.together": "llm.gather",
    "models.bradley_terry": "stats.bradley_terry",
    "models.doubts": "models.uncertainty",
    "models.judge": "models.judges.pair_judge",
    "models.learned.footing": "models.learned.shared_reward",
    "models.lineage": "profile.provenance",
    "models.questions": "models.acquisition",
    "models.traits.sense": "models.traits.embedding_weights",
    "training.figures": "training.evaluation",
    "training.order": "training.config",
    "optimizing.dspy_room": "optimizing.dspy_backend",
    "profile.fingerprint": "profile.provenance",
    "profile.lineage": "profile.provenance",
    "showing": "cli.output",
    "synthesis.fallback": "synthesis.arm_selection",
    "synthesis.fingerprint": "profile.provenance",
    "synthesis.learned": "synthesis.fit_result",
    "synthesis.options": "profile.options",
    "synthesis.paper": "synthesis.released_algorithm",
    "synthesis.profile": "profile.records",
    "synthesis.profile_file": "profile.file",
    "synthesis.race": "synthesis.successive_halving",
}
"""Old path → new path of each moved module, relative to the package."""


def warn(old: str, new: str, stacklevel: int = 3) -> None:
    """Give a DeprecationWarning that names the new spelling."""
    warnings.warn(f"{old} is now {new}; the old spelling works until 0.3", DeprecationWarning, stacklevel=stacklevel)


def renamed(module: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """A module-level ``__getattr__`` that resolves old names (``names``: old → new) with a DeprecationWarning."""

    def found(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        warn(f"{module}.{name}", f"{module}.{names[name]}")
        return getattr(sys.modules[module], names[name])

    return found


def renamed_arguments(**names: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorator: keyword arguments that were renamed, old name = "new name"."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        is_init = function.__name__ == "__init__"
        called = function.__qualname__.split(".")[-2] if is_init else function.__name__

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            for old in names.keys() & kwargs.keys():
                warn(f"{called}({old}=)", f"{called}({names[old]}=)")
                kwargs[names[old]] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call

    return decorate


class RenamedAttribute:
    """In the body of a class, ``old = RenamedAttribute("new")``: an attribute that was renamed."""

    def __init__(self, new: str) -> None:
        self._new, self._old = new, ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._old = name

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:
            return self
        warn(f"{owner.__name__}.{self._old}", f"{owner.__name__}.{self._new}")
        return getattr(instance, self._new)


class OldModules:
    """Import hook: an old module path imports the moved module. First in ``sys.meta_path``: one dictionary lookup."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec for an old module path; None for all other paths."""
        if fullname.removeprefix(PACKAGE) not in MODULES or not fullname.startswith(PACKAGE):
            return None
        return ModuleSpec(fullname, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module under its new path."""
        new = PACKAGE + MODULES[spec.name.removeprefix(PACKAGE)]
        warn(spec.name, new)
        module = import_module(new)
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Restore the module's own spec, which the import system overwrote; the module has already been executed."""
        spec = module.__spec__
        if spec is not None and isinstance(spec.loader_state, ModuleSpec):
            module.__spec__ = spec.loader_state


def install() -> None:
    """Register the import hook; a second call does nothing."""
    if not any(isinstance(one, OldModules) for one in sys.meta_path):
        sys.meta_path.insert(0, OldModules())
