"""Worst-case inputs for regular expressions: every repeat pumped, between a matching prefix and a mismatching end.

list(pumps(re.compile(r"(a+)+b")))        # [("", "a", "\\x00"), …]: prefix, repeated unit, end
"""

from __future__ import annotations

import ast
import importlib
import re
import re._constants as sre
import re._parser as parser
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import personalrm
from personalrm.formatting.expressions import bounded

SOURCE = Path(personalrm.__file__).parent
FUNCTIONS = {"compile", "search", "match", "fullmatch", "findall", "finditer", "sub", "subn", "split"}
GENERIC = (
    *(
        "a",
        " ",
        "\n",
        "\t ",
        "0",
        "-",
        "_",
        ".",
        ":",
        ": : :",
        "<",
        "</",
        "[",
        "(",
        '"',
        "'",
        "\\",
        "&",
        "#",
        "*",
        "**",
    ),
    *("a ", "A. ", "aA0", "é", "\u0301", "a:", "{", "`", "|", "%", "a-", "0.", "is ", "not "),
)
MOST = 60
"""Maximum repeats of one expression that are pumped."""
_CALL = re.compile(rf"\bre\.(?:{'|'.join(sorted(FUNCTIONS))})\(|\bbounded\(")
_TRIED = "aA0 -_.:;,!?\n\t<>[](){}\"'`*#&%/\\|=+@$~^é\x1b\u200b"


def modules() -> list[str]:
    """Every module of the package that uses expressions, found in its source without importing it."""
    return [_name_of(path) for path in sorted(SOURCE.rglob("*.py")) if _uses_expressions(path)]


@cache
def patterns() -> dict[str, re.Pattern[str]]:
    """Every compiled expression in a module of the package, and every literal one in a call."""
    found: dict[str, re.Pattern[str]] = {}
    for name in modules():
        try:
            module = importlib.import_module(name)
        except ImportError:  # an optional dependency is not installed
            continue
        for name, value in vars(module).items():
            for number, one in enumerate(_compiled(value, 4)):
                found.setdefault(f"{module.__name__}.{name}.{number}", one)
        found.update(_literals(module))
    unique = {one.pattern: name for name, one in reversed(found.items())}
    return {name: found[name] for name in unique.values()}


@cache
def anchored(name: str) -> bool:
    """Whether the module uses this expression only with ``match`` and ``fullmatch``, each at one position of a text."""
    module, _, rest = name.rpartition("._") if "._" in name else ("", "", "")
    path = SOURCE.parent.joinpath(*module.split(".")).with_suffix(".py") if module else SOURCE
    if not path.is_file():
        return False
    variable = "_" + rest.partition(".")[0]
    used = {
        node.attr
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == variable
    }
    return bool(used) and used <= {"match", "fullmatch"}


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _name_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


@cache
def _uses_expressions(path: Path) -> bool:
    """Whether the module uses expressions; others are not imported, because importing some runs them."""
    if not _CALL.search(path.read_text("utf-8")):
        return False  # skips most modules, because parsing all takes seconds
    calls = (node for node in ast.walk(_tree(path)) if isinstance(node, ast.Call))
    return any(_makes_an_expression(one) for one in calls)


def _compiled(value: Any, depth: int) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        yield value if isinstance(value.pattern, str) else _of_text(value)
    elif depth and isinstance(value, dict):
        for one in value.values():
            yield from _compiled(one, depth - 1)
    elif depth and isinstance(value, tuple | list | set | frozenset):
        for one in value:
            yield from _compiled(one, depth - 1)
    elif depth and is_dataclass(value) and not isinstance(value, type):
        for one in fields(value):
            yield from _compiled(getattr(value, one.name, None), depth - 1)


def _of_text(pattern: re.Pattern[Any]) -> re.Pattern[str]:
    """An expression on bytes as the equivalent one on text."""
    return re.compile(pattern.pattern.decode("latin-1"), pattern.flags)


def module_of(name: str) -> str:
    """The module of an expression in `patterns`."""
    return re.split(r":|\._|\.[A-Z]", name, maxsplit=1)[0]


def made_at_run_time() -> list[str]:
    """``module:line`` of every call in a function whose expression is not a literal."""
    found = []
    for path in filter(_uses_expressions, sorted(SOURCE.rglob("*.py"))):
        tree = _tree(path)
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        within = {id(node): node for function in functions for node in ast.walk(function)}
        found += [
            f"{_name_of(path)}:{call.lineno}"
            for call in within.values()
            if isinstance(call, ast.Call) and _makes_an_expression(call) and _literal(call) is None
        ]
    return found


def _literals(module: ModuleType) -> Iterator[tuple[str, re.Pattern[str]]]:
    """Literal first arguments of re.sub and similar functions, and of re.compile and bounded, in functions."""
    path = Path(module.__file__ or "")
    if not path.is_file():
        return
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call) and _makes_an_expression(node) and (written := _literal(node)) is not None:
            make = bounded if isinstance(node.func, ast.Name) else re.compile
            yield f"{module.__name__}:{node.lineno}", make(written)


def _makes_an_expression(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Name):
        return call.func.id == "bounded"
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    return isinstance(owner, ast.Name) and owner.id == "re" and call.func.attr in FUNCTIONS  # type: ignore[attr-defined]


def _literal(call: ast.Call) -> str | None:
    first = call.args[0] if call.args else None
    if not isinstance(first, ast.Constant):
        return None
    return first.value.decode("latin-1") if isinstance(first.value, bytes) else first.value  # type: ignore[return-value]


def pumps(pattern: re.Pattern[str]) -> Iterator[tuple[str, str, str]]:
    """Prefix, repeated unit and end, without duplicates."""
    seen: set[tuple[str, str]] = set()
    tree = parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE | (pattern.flags & re.UNICODE))
    for prefix, unit in islice(_repeats(tree, ""), MOST):
        if unit and (prefix[-40:], unit) not in seen:
            seen.add((prefix[-40:], unit))
            yield prefix[-40:], unit[:40], "\x00"
    whole = _sample(tree, 0)
    for unit in (whole, whole[:-1], f"{whole} ", *GENERIC, *islice(_literals_of(tree), 30)):
        if unit and ("", unit) not in seen:
            seen.add(("", unit))
            yield "", unit[:60], "\x00"


def _literals_of(tree: Any) -> Iterator[str]:
    """Runs of literal characters, followed by a blank."""
    run = ""
    for op, value in tree:
        if op is sre.LITERAL:
            run += chr(value)
            continue
        if run:
            yield f"{run} "
        run = ""
        for inner in _inside(op, value):
            yield from _literals_of(inner)
    if run:
        yield f"{run} "


def _repeats(tree: Any, prefix: str) -> Iterator[tuple[str, str]]:
    for op, value in tree:
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT) and value[1] > 8:
            for turn in range(3):
                yield prefix, _sample(value[2], turn)
        for inner in _inside(op, value):
            yield from _repeats(inner, prefix)
        prefix += _sample([(op, value)], 0)


def _inside(op: Any, value: Any) -> list[Any]:
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        return [value[2]]
    if op is sre.BRANCH:
        return list(value[1])
    if op is sre.SUBPATTERN:
        return [value[3]]
    if op in (sre.ASSERT, sre.ASSERT_NOT):
        return [value[1]]
    return [value] if op is sre.ATOMIC_GROUP else []


def _sample(tree: Any, turn: int) -> str:
    """A text that the expression matches; ``turn`` selects branches and characters."""
    out = []
    for op, value in tree:
        if op is sre.LITERAL:
            out.append(chr(value))
        elif op is sre.NOT_LITERAL:
            out.append("a" if value != ord("a") else "b")
        elif op is sre.ANY:
            out.append("a .:"[turn % 4])
        elif op is sre.IN:
            out.append(_of_set(value, turn))
        elif op is sre.BRANCH:
            out.append(_sample(value[1][turn % len(value[1])], turn))
        elif op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            out.append(_sample(value[2], turn) * max(value[0], min(1, value[1])))
        elif op in (sre.SUBPATTERN, sre.ATOMIC_GROUP):
            out.append(_sample(value[3] if op is sre.SUBPATTERN else value, turn))
    return "".join(out)


def _of_set(items: Any, turn: int) -> str:
    fit = [one for one in _TRIED if _in_set(items, one)]
    if fit:
        return fit[turn % len(fit)]
    for op, value in items:
        if op is sre.RANGE:
            return chr(value[0])
        if op is sre.LITERAL:
            return chr(value)
    return "a"


def _in_set(items: Any, character: str) -> bool:
    negated = items[0][0] is sre.NEGATE
    for op, value in items:
        hit = (
            (op is sre.LITERAL and ord(character) == value)
            or (op is sre.RANGE and value[0] <= ord(character) <= value[1])
            or (op is sre.CATEGORY and re.fullmatch(_CLASS[value], character) is not None)
        )
        if hit:
            return not negated
    return negated


_CLASS = {
    sre.CATEGORY_DIGIT: r"\d", sre.CATEGORY_NOT_DIGIT: r"\D", sre.CATEGORY_SPACE: r"\s",
    sre.CATEGORY_NOT_SPACE: r"\S", sre.CATEGORY_WORD: r"\w", sre.CATEGORY_NOT_WORD: r"\W",
}  # fmt: skip
