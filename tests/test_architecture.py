"""Imports point downward only, as docs/architecture.md draws the rooms; those for type checking count as well."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter

import places
import pytest

SOURCE = places.SOURCE / "personalrm"
LAYERS = (
    {"renamed"},
    {"errors"},
    {"preferences"},
    {"files", "formatting"},
    {"profile"},
    {"data", "llm", "prompts", "stats"},  # side by side: none of them knows another
    {"synthesis"},
    {"models"},
    {"curation", "bench", "training", "optimizing"},  # a researcher's offline work, side by side as well
    {"client"},
    {"synthesizeme"},
    {"store"},
    {"service"},
    {"integrations"},
    {"cli"},
)
HEIGHT = {room: height for height, rooms in enumerate(LAYERS) for room in rooms}
ROOT = {"__version__"}
"""Of the root, which imports everybody lazily, only the version may be asked for from below."""
INSTRUMENTS = {"data.simulated", "data.simulated_texts", "llm.simulated"}
"""Made for tests and benchmarks: nothing that is used for real may rest on them."""
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix("__init__").rstrip("."): path
    for path in sorted(SOURCE.rglob("*.py"))
}


def imported(module: str) -> Iterator[str]:
    """Every module and name of the package that a module imports anywhere in its text, without ``personalrm.``."""
    for node in ast.walk(ast.parse(MODULES[module].read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            source = node.module or ""
            if source.partition(".")[0] == "personalrm":
                inside = source.removeprefix("personalrm").lstrip(".")
                for name in (alias.name for alias in node.names):
                    whole = f"{inside}.{name}".lstrip(".")
                    yield whole if whole in MODULES or not inside else inside
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            assert not any(one.partition(".")[0] == "personalrm" for one in names), f"{module}: use from … import"


def room(module: str) -> str:
    return module.partition(".")[0]


def is_instrument(module: str) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in INSTRUMENTS)


@pytest.mark.parametrize("module", [one for one in MODULES if one])
def test_imports_point_downward_only(module: str) -> None:
    upward = [
        other
        for other in imported(module)
        if other not in ROOT and room(other) != room(module) and HEIGHT[room(other)] >= HEIGHT[room(module)]
    ]
    assert upward == []


@pytest.mark.parametrize("module", [one for one in MODULES if not is_instrument(one)])
def test_nothing_real_rests_on_what_is_simulated(module: str) -> None:
    assert [other for other in imported(module) if is_instrument(other)] == []


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {module: {one for one in imported(module) if one in MODULES and one != module} for module in MODULES}
    graph[""] = set()  # the root's names are for type checkers and looked up when they are used
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle
    assert set(MODULES) <= set(order)


def test_every_room_has_its_place() -> None:
    assert {room(module) for module in MODULES if module} == set(HEIGHT)
