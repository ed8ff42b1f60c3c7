"""Label Studio: tasks with annotations (JSON), and one flat row for each annotation (JSON-MIN).

The columns of ``data`` are defined by the user. The two responses are those that the control names (``to_name``), else
columns named like two sides, else the only two texts that are not the prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from personalrm.data.columns import plain
from personalrm.data.fields import Fields, describe, missing, without
from personalrm.data.formats.base import CONVERSATION_NAMES, Format, names_a_side, one_judged, one_verdict, with_prompt
from personalrm.data.ratings import THUMBS
from personalrm.data.sides import find_sides
from personalrm.data.unpacking import structured
from personalrm.errors import RowError

_TOLD = ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "project")


def tasks(row: Fields) -> Iterator[Fields]:
    data = structured(row["data"], "data")
    if not isinstance(data, Mapping):
        raise RowError("an object with the task's texts", field="data", found=describe(data))
    listed = "annotations" if "annotations" in row else "completions"
    for at, annotation in enumerate(row[listed]):
        field = f"{listed}.{at}"
        if not isinstance(annotation, Mapping):
            raise RowError("an annotation", field=field, found=describe(annotation))
        if annotation.get("was_cancelled") or not annotation.get("result"):
            continue
        said = {
            "user": _person(annotation.get("completed_by")),
            "id": annotation.get("id"),
            "time": annotation.get("created_at"),
        }
        yield {**_of_results(data, annotation["result"], field), **said}


def flat(row: Fields) -> Iterator[Fields]:
    control = next(name for name, value in row.items() if _selected(value))
    data = without(row, *_TOLD, control)
    said = {"user": _person(row.get("annotator")), "id": row.get("annotation_id"), "time": row.get("created_at")}
    yield {**_with_sides(data, (), _selected(row[control]) or "", control), **said}


def _of_results(data: Fields, results: Sequence[Any], field: str) -> dict[str, Any]:
    """Generic columns of one annotation: the selection, choice, ratings or ranking, and the reason."""
    found: dict[str, Any] = {}
    ratings: dict[str, Any] = {}
    verdicts: dict[str, str] = {}
    picked: dict[str, str] = {}
    named: list[str] = []
    others: list[str] = []
    written: list[str] = []
    for at, one in enumerate(results if isinstance(results, list) else []):
        value = one.get("value") if isinstance(one, Mapping) else None
        if not isinstance(value, Mapping):
            raise RowError("a result with a value", field=field, found=describe(one))
        to = [name.strip() for name in str(one.get("to_name", "")).split(",")]
        score = value.get("rating", value.get("number"))
        if score is not None:
            ratings[to[0]] = score
        elif "text" in value:
            written += [value["text"]] if isinstance(value["text"], str) else [str(text) for text in value["text"]]
        elif value.get("selected"):
            picked[str(one.get("from_name", at))] = str(value["selected"])
            named = to
        elif "ranker" in value:
            found = _ranked(data, value["ranker"], field)
        elif isinstance(said := _first_of(value.get("choices")), str):
            names = said in data or names_a_side(said, data)
            verdicts.update({str(one.get("from_name", at)): said} if names else {})
            others += [] if names else [said]
    side = one_verdict(picked, field)
    if side is not None:
        found = _with_sides(data, named, side, field)
    verdict = one_verdict(verdicts, field) if not found else None
    found = found or _judged(data, ratings, verdict, others, field)
    return {**found, "reason": "\n".join(written)} if written else found


def _first_of(listed: Any) -> Any:
    return listed[0] if isinstance(listed, list) and listed else listed


def _judged(
    data: Fields, ratings: Mapping[str, Any], verdict: str | None, others: Sequence[str], field: str
) -> dict[str, Any]:
    """Generic columns of a verdict, of ratings of several texts, or of a rating or thumb of the only response."""
    if verdict is not None:
        return {**with_prompt(data), "winner": verdict}
    if len(ratings) > 1:
        return _rated(data, ratings, field)
    found = one_judged(data, [*ratings.values()], [one for one in others if one.strip().lower() in THUMBS])
    if found is not None:
        return found
    if others:
        return {**with_prompt(data), "winner": others[0]}
    raise RowError("a pairwise choice, a choice, ratings or a ranking", field=field, found="none of these")


def _with_sides(data: Fields, named: Sequence[str], selected: str, field: str) -> dict[str, Any]:
    """The data with its two responses renamed to left and right."""
    sides = tuple(column for name in named for column in _called(name, data))
    if len(sides) != 2:
        sides = find_sides(data).responses.columns
    if len(sides) != 2:
        texts = [
            name for name, value in data.items() if isinstance(value, str) and plain(name) not in CONVERSATION_NAMES
        ]
        sides = tuple(texts)
    if len(sides) != 2:
        raise RowError("two responses among the task's texts", field=field, found=f"the columns {', '.join(data)}")
    rest = with_prompt(without(data, *sides))
    return {**rest, "response_left": data[sides[0]], "response_right": data[sides[1]], "winner": selected}


def _called(name: str, data: Fields) -> list[str]:
    """The column that a control's name refers to: the one of that name, else the only one with its words."""
    words = set(plain(name).split("_"))
    found = [one for one in data if words <= set(plain(one).split("_"))]
    return [name] if name in data else found if len(found) == 1 else []


def _ranked(data: Fields, ranker: Any, field: str) -> dict[str, Any]:
    """Responses and ranks from a ranking of the items in the task's list."""
    order = next(iter(ranker.values()), None) if isinstance(ranker, Mapping) else ranker
    listed = next(((name, value) for name, value in data.items() if isinstance(value, list) and value), None)
    if not isinstance(order, list) or listed is None:
        raise RowError("a ranking of the items of a list", field=field, found=describe(ranker))
    name, items = listed
    ids = [str(item.get("id", at)) if isinstance(item, Mapping) else str(at) for at, item in enumerate(items)]
    ranks = [order.index(one) + 1 if one in order else None for one in ids]
    texts = [item.get("body", item.get("text", item)) if isinstance(item, Mapping) else item for item in items]
    return {**{key: value for key, value in data.items() if key != name}, "responses": texts, "ranks": ranks}


def _rated(data: Fields, ratings: Mapping[str, Any], field: str) -> dict[str, Any]:
    if not all(name in data for name in ratings):
        raise RowError("ratings of the task's texts", field=field, found=f"ratings of {', '.join(ratings)}")
    responses = [{"content": data[name], "score": value} for name, value in ratings.items()]
    return {**{key: value for key, value in data.items() if key not in ratings}, "responses": responses}


def _person(value: Any) -> Any:
    if isinstance(value, Mapping):
        return next((value[name] for name in ("email", "username", "id") if not missing(value.get(name))), None)
    return value


def _selected(value: Any) -> str | None:
    """ "left" or "right" from a control's value, else None."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, Mapping):
        value = value.get("selected")
    return value if value in ("left", "right") else None


def _is_task(row: Fields) -> bool:
    return isinstance(row.get("annotations", row.get("completions")), list) and isinstance(row["data"], Mapping | str)


def _is_flat(row: Fields) -> bool:
    return "winner" not in row and any(_selected(value) for value in row.values())


FORMATS = (
    Format("Label Studio JSON", ("data", "annotations"), tasks, ("id", "project"), accepts=_is_task),
    Format("Label Studio JSON before 1.0", ("data", "completions"), tasks, ("id", "project"), accepts=_is_task),
    Format("Label Studio JSON-MIN", ("annotation_id", "annotator"), flat, accepts=_is_flat, hands_on=True),
)
