"""Lists of chosen and rejected responses (RewardBench 2, mined negatives).

Every chosen response is preferred to every rejected one; responses in the same list are not compared.
"""

from __future__ import annotations

from collections.abc import Iterator

from personalrm.data.fields import Fields, without
from personalrm.data.formats.base import Format


def rows(row: Fields) -> Iterator[Fields]:
    rest = without(row, "chosen", "rejected")
    good, bad = _listed(row["chosen"]), _listed(row["rejected"])
    if len(good) == len(bad) == 1:
        yield {**rest, "chosen": good[0], "rejected": bad[0]}
    else:
        said = [{"content": one, "liked": one in good} for one in dict.fromkeys((*good, *bad))]
        yield {**rest, "responses": said}


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _is_ours(row: Fields) -> bool:
    given = row["chosen"], row["rejected"]
    if type(given[0]) is not list and type(given[1]) is not list:
        return False
    return all(one and (isinstance(one, str) or are_texts(one)) for one in given)


def are_texts(value: object) -> bool:
    """Whether a value is a list of texts."""
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


FORMATS = (Format("lists of chosen and rejected", ("chosen", "rejected"), rows, accepts=_is_ours, hands_on=True),)
