"""The house as docs/architecture.md draws it: imports point downward only (those for type checking count as well), a
public name stands in one room, modules are short.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import places

SOURCE = places.SOURCE / "personalrm"
LAYERS = (
    {"renamed"},
    {"errors", "partial_order"},
    {"preferences", "privacy", "recently_used", "regular_files"},
    {"files", "formatting"},
    {"databases", "locks"},
    {"profile"},
    {"data", "llm", "prompts", "stats"},  # side by side: none of them knows another
    {"synthesis"},
    {"models"},
    {"curation", "bench", "training", "optimizing"},  # a researcher's offline work, side by side as well
    {"client"},
    {"synthesizeme"},
    {"store"},
    {"service"},
    {"integrations", "cluster"},
    {"cli"},
    {"__main__"},  # python -m personalrm
)
HEIGHT = {room: height for height, rooms in enumerate(LAYERS) for room in rooms}
ROOT = {"__version__"}
"""Of the root, which imports everybody lazily, only the version may be asked for from below."""
INSTRUMENTS = {"data.simulated", "data.simulated_texts", "llm.simulated"}
"""Made for tests and benchmarks: nothing that is used for real may rest on them."""
LONGEST, LONG_FROM = 350, 300
LONG = {
    "cli.output": "all that the commands print, so that one page shows how results look",
    "client": "one class: each verb, its async twin and its docstring",
    "preferences": "what a choice is, with rankings and thumbs: one vocabulary on one page",
    "stats.intervals": "user-clustered inference: intervals, the paired test and its corrections share sums by person",
    "profile.provenance": "the one place of fingerprints: splitting it would make a second one",
    "profile.records": "what a profile holds, one record after the other",
    "store.migrations.versions.v0_2_0_01_before_initial": "the tables as they were in 0.2.0, one after the other",
    "store.schema": "the tables, one after the other",
}
"""Every module of more than 300 lines with its reason; who splits one takes it out."""
SEVERAL = {
    "Answer": "what the simulated model says; what a judge of curation says",
    "Choice": "a row of the store; a choice as training's figures count it",
    "Claim": "of a profile; as the simulated model writes it",
    "Design": "of a benchmark; the design matrix of the traits",
    "Evidence": "the evidence page of a report; what a person's choices say of a trait",
    "Found": "a private result of four searches",
    "Job": "a queued job of the store; a training run",
    "Judge": "the judge of a pair; curation's; the simulated model's",
    "Judgement": "of a judge; of the simulated judge",
    "Method": "of the benchmark; a learned method",
    "Outcome": "of curation, of a training run",
    "Pair": "of ratings; as the simulated model reads it from a prompt",
    "Person": "of PRISM's files; of the traits engine",
    "Plan": "of a benchmark, of curation",
    "Prediction": "of a benchmark; as the store keeps it",
    "Question": "of a benchmark; the next one to ask a person",
    "Record": "of a study; of a reward model",
    "Row": "of results; of the vectors' file; of training data",
    "Scores": "of learned models; of candidate sets",
    "Seen": "hashes of rows; what the simulated judge reads",
    "Thumb": "a person's; as the store keeps it",
}
"""Classes of one name in several rooms, with what each is; the list only shrinks."""
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix("__init__").rstrip("."): path
    for path in sorted(SOURCE.rglob("*.py"))
}


@dataclass(frozen=True)
class Facts:
    """What these tests ask of a module; its tree is walked once."""

    imported: tuple[str, ...]
    """Every module and name of the package that it imports anywhere in its text, without ``personalrm.``."""
    classes: tuple[str, ...]
    exports: tuple[str, ...]
    """Its ``__all__`` where that is written out."""
    loggers: tuple[str, ...]
    prints: tuple[int, ...]
    """The lines that write to the terminal."""


@cache
def facts_of(module: str) -> Facts:
    tree = ast.parse(MODULES[module].read_text("utf-8"))
    nodes = list(ast.walk(tree))
    return Facts(
        tuple(imported_by(module, nodes)),
        tuple(one.name for one in tree.body if isinstance(one, ast.ClassDef) and not one.name.startswith("_")),
        tuple(exports_of(tree)),
        tuple(loggers_of(tree)),
        tuple(node.lineno for node in nodes if writes_to_the_terminal(node)),  # type: ignore[attr-defined]
    )


def imported_by(module: str, nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
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


def exports_of(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def loggers_of(tree: ast.Module) -> Iterator[str]:
    """The names of the loggers that a module makes at its top."""
    for node in tree.body:
        value = node.value if isinstance(node, ast.Assign) else None
        if isinstance(value, ast.Call) and ast.unparse(value.func) == "logging.getLogger":
            yield ast.literal_eval(value.args[0])


def writes_to_the_terminal(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id == "print"
    return isinstance(node, ast.Attribute) and node.attr in {"stdout", "stderr"} and ast.unparse(node.value) == "sys"


def room(module: str) -> str:
    return module.partition(".")[0]


def is_instrument(module: str) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in INSTRUMENTS)


def test_imports_point_downward_only() -> None:
    upward = [
        (module, other)
        for module in filter(None, MODULES)
        for other in facts_of(module).imported
        if other not in ROOT and room(other) != room(module) and HEIGHT[room(other)] >= HEIGHT[room(module)]
    ]
    assert upward == []


def test_nothing_real_rests_on_what_is_simulated() -> None:
    real = [one for one in MODULES if not is_instrument(one)]
    assert [(one, other) for one in real for other in facts_of(one).imported if is_instrument(other)] == []


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {
        module: {one for one in facts_of(module).imported if one in MODULES and one != module} for module in MODULES
    }
    graph[""] = set()  # the root's names are for type checkers and looked up when they are used
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle
    assert set(MODULES) <= set(order)


def test_every_room_has_its_place() -> None:
    assert {room(module) for module in MODULES if module} <= set(HEIGHT)


def lines_of(module: str) -> int:
    return len(MODULES[module].read_text("utf-8").splitlines())


def test_no_module_is_too_long() -> None:
    assert [module for module in MODULES if lines_of(module) > LONGEST] == []


def test_every_long_module_is_named_with_its_reason() -> None:
    long = {module for module in MODULES if lines_of(module) > LONG_FROM}
    assert long - set(LONG) == set(), "split it, or name it in LONG with the reason why it is better whole"
    assert set(LONG) - long == set(), "it is short now: take it out of LONG"


def rooms_of(names: Callable[[Facts], Iterable[str]]) -> dict[str, set[str]]:
    """In which rooms each name stands."""
    found: dict[str, set[str]] = {}
    for module in filter(None, MODULES):
        for name in names(facts_of(module)):
            found.setdefault(name, set()).add(room(module))
    return found


def test_a_public_class_stands_in_one_room() -> None:
    several = {name for name, rooms in rooms_of(lambda facts: facts.classes).items() if len(rooms) > 1}
    assert several - set(SEVERAL) == set(), "name it for what it is in its room"
    assert set(SEVERAL) - several == set(), "it stands in one room now: take it out of SEVERAL"


def test_a_name_is_exported_by_one_room() -> None:
    exported = rooms_of(lambda facts: facts.exports)
    assert {name: rooms for name, rooms in exported.items() if len(rooms) > 1} == {}


PRINTERS = {
    "llm.simulated.server": "a program of its own, which says its address",
    "service.logs": "the log of the service, which is a program",
    "service.server": "the service says on standard error why it cannot start",
}
"""Modules outside the command line that write to the terminal, with the reason."""


def test_the_library_prints_nothing() -> None:
    quiet = [one for one in MODULES if room(one) != "cli" and one not in PRINTERS]
    assert {one: lines for one in quiet if (lines := facts_of(one).prints)} == {}


def test_one_logger_a_room() -> None:
    for module in MODULES:
        assert set(facts_of(module).loggers) <= {f"personalrm.{room(module)}"}, module


def sentences(text: str) -> int:
    """The most words in a row that are prose: in small letters, without digits, quotes, dots and dashes."""
    plain = re.sub(r"\\\\(.)", r"\1", text)
    runs = re.findall(r"(?<![\w'-])[a-z]+(?: [a-z]+(?![\w=(-]))*", plain)
    return max((len(one.split()) for one in runs), default=0)


WORDS = 5
"""In a row; a fact is shorter. A message may be worded anew without a test that fails."""


def prose_in(path: Path) -> list[str]:
    """What the tests of a file match that is a sentence."""
    text = path.read_text("utf-8")
    nodes = ast.walk(ast.parse(text)) if "match=" in text else ()
    matched = [node.value for node in nodes if isinstance(node, ast.keyword) and node.arg == "match"]
    texts = [one.value for one in matched if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return [one for one in texts if sentences(one) >= WORDS]


def test_tests_of_messages_check_facts() -> None:
    """`match` names a file, a line, a field, a value, an option: see `facts.naming`."""
    found = {path.name: prose_in(path) for path in places.HELPERS.parent.rglob("test_*.py")}
    assert {name: texts for name, texts in found.items() if texts} == {}


def test_no_file_holds_a_merge_that_was_not_finished() -> None:
    marks = re.compile(rb"^(?:<{7}|>{7}) \S", re.MULTILINE)
    rooms = [places.ROOT / name for name in ("src", "tests", "docs", "examples", "benchmarks", "tools")]
    files = [path for room in rooms for path in room.rglob("*") if path.is_file()]
    files += [path for path in places.ROOT.glob("*.*") if path.is_file()]
    assert [path.name for path in files if marks.search(path.read_bytes())] == []
