"""A simulated participant's session over HTTP: parses a study's pages and submits their forms."""

from __future__ import annotations

import html
import re
from typing import Any

from page_visits import asked, text_of
from service_process import Api

from personalrm.bench.studies.human import Choose, Consent, Finished, Rate, Step, Wait
from personalrm.bench.studies.human.session import Picked
from personalrm.preferences import Message


class PageSession:
    """Has the methods of `Session` that a simulated participant uses; ``path`` is the current page."""

    def __init__(self, api: Api, path: str) -> None:
        self._api, self.path, self._place = api, path, "0"

    @property
    def code(self) -> str:
        return self.path.rpartition("/")[2].split("_")[3]

    def page(self) -> str:
        answer = asked(self._api, "GET", self.path)
        assert answer.status == 200, text_of(answer)
        return text_of(answer)

    def step(self) -> Step:
        page = self.page()
        self._place = (re.findall(r'name="place" value="(\d+)"', page) or ["0"])[0]
        if 'name="prefers"' in page:
            left, right = (html.unescape(one) for one in re.findall(r'<p class="text"[^>]*>(.*?)</p>', page, re.DOTALL))
            turns = re.findall(r'<p><span class="role">(.*?)</span> (.*?)</p>', page, re.DOTALL)
            context = tuple(Message(role, html.unescape(text)) for role, text in turns)  # type: ignore[arg-type]
            return Choose(*_numbers(page), context, left, right)
        if 'name="rating"' in page:
            (text,) = re.findall(r'id="claim">(.*?)</p>', page, re.DOTALL)
            return Rate(*_numbers(page), html.unescape(text))
        if 'name="place"' in page:
            return Consent(page)
        return Wait() if f'<a class="button main" href="{self.path}"' in page else Finished()

    def agree(self) -> None:
        self._send()

    def choose(self, picked: Picked) -> None:
        self._send(prefers=picked)

    def rate(self, value: int) -> None:
        self._send(rating=str(value))

    def _send(self, **form: Any) -> None:
        answer = asked(self._api, "POST", self.path, None, {"place": self._place, **form})
        assert answer.status == 303, text_of(answer)
        self.path = answer.headers["Location"].partition("?")[0]


def _numbers(page: str) -> tuple[int, int]:
    ((number, total),) = re.findall(r'<label for="progress">\w+ (\d+) of (\d+)</label>', page)
    return int(number), int(total)
