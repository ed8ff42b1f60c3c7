"""One test item for many cases of microseconds; ``pytest.mark.parametrize`` costs 3 ms of CPU time per item.

@each("text", SAYS_A)
def test_says_a(text: str) -> None: …
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any


def each(names: str | tuple[str, ...], cases: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator that takes what ``pytest.mark.parametrize`` takes and runs all cases in one item.

    All cases run; ExceptionGroup with a note of its arguments at the error of every case that failed. Fixtures are
    shared by the cases, so a test that changes one needs ``pytest.mark.parametrize``.
    """
    single = isinstance(names, str)
    own = (names,) if isinstance(names, str) else names
    given = [(one,) if single else tuple(one) for one in cases]
    assert given, "a test without cases proves nothing"

    def decorate(check: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(check)
        def run_all(**fixtures: Any) -> None:
            failed = []
            for values in given:
                case = dict(zip(own, values, strict=True))
                try:
                    check(**fixtures, **case)
                except Exception as error:
                    error.add_note(f"with {', '.join(f'{name} = {value!r}' for name, value in case.items())}")
                    failed.append(error)
            if failed:
                raise ExceptionGroup(f"{len(failed)} of {len(given)} cases failed", failed)

        signature = inspect.signature(check)
        others = [one for name, one in signature.parameters.items() if name not in own]
        run_all.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
        return run_all

    return decorate
