"""A study with people on the service's pages, with simulated participants: no result about people."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import Browser
from page_visits import CONTRAST, HOSTILE, asked, in_chromium, text_of, upload
from service_process import Api
from study_participants import Participant, pairs
from study_visits import PageSession

from personalrm.bench.studies.human import Choose, Finished, Protocol, Wait
from personalrm.data.writing import write_choices
from personalrm.models.traits import TraitsModel

if TYPE_CHECKING:
    from playwright.sync_api import Page

FIELDS = {"name": "taste", "choices": "8", "statements": "2", "effect": "0.5", "simulated": "true"}


@pytest.fixture(scope="module")
def file_of_pairs(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("study") / "pairs.jsonl"
    write_choices(file, pairs(10))
    return Path(file).read_bytes()


@pytest.fixture(scope="module")
def model() -> TraitsModel:
    return TraitsModel.shipped()


@pytest.fixture
def study(api: Api, file_of_pairs: bytes) -> str:
    """The page of a new study, for whoever manages the space."""
    return begin(api, file_of_pairs)


def begin(api: Api, content: bytes, **fields: str) -> str:
    answer = upload(api, "/studies", {**FIELDS, **fields}, "pairs.jsonl", content)
    assert answer.status == 303, text_of(answer)
    return str(answer.headers["Location"])


def manage(api: Api, path: str) -> str:
    answer = asked(api, "GET", path, api.key)
    assert answer.status == 200, text_of(answer)
    return text_of(answer)


def invitation(api: Api, study: str) -> str:
    (path,) = re.findall(r'id="invitation" href="(/take-part/\w+)"', manage(api, study))
    return str(path)


def three_take_part(api: Api, study: str, model: TraitsModel) -> list[PageSession]:
    """The first one waits for a stranger until another one has chosen."""
    sessions = [PageSession(api, invitation(api, study)) for _ in range(3)]
    people = [Participant(number, model, honest=False) for number in range(3)]
    people[0].take_part(sessions[0])  # type: ignore[arg-type]
    assert isinstance(sessions[0].step(), Wait)
    for one, session in list(zip(people, sessions, strict=True))[::-1]:
        one.take_part(session)  # type: ignore[arg-type]
    return sessions


def test_simulated_participants_take_part_and_the_study_is_analysed_and_exported(
    api: Api, study: str, model: TraitsModel
) -> None:
    sessions = three_take_part(api, study, model)
    assert all(isinstance(one.step(), Finished) for one in sessions)
    assert all(one.code.startswith("simulated-p-") for one in sessions)
    page = manage(api, study)
    planned = Protocol(effect=0.5).planned
    assert f"3 participants have finished of {planned} planned" in page
    assert 'id="comparisons"' in page
    assert 'id="interim"' in page
    assert "simulated" in page
    everything = json.loads(manage(api, f"{study}/export.json"))
    assert sorted(everything["participants"]) == sorted(one.code for one in sessions)
    assert everything["protocol"]["simulated"] is True
    assert everything["planned"] == planned
    assert len(everything["pairs"]) == 10
    found = everything["analysis"]
    assert (found["begun"], found["finished"], found["simulated"]) == (3, 3, True)
    assert [one["other"] for one in found["comparisons"]] == ["stranger", "generic"]
    rows = list(csv.DictReader(manage(api, f"{study}/ratings.csv").splitlines()))
    assert [row["rating"] for row in rows] == [str(row["rating"]) for row in found["rows"]]
    assert {row["simulated"] for row in rows} == {"True"}


def test_an_interrupted_participant_goes_on_and_an_answer_counts_once(api: Api, study: str) -> None:
    session = PageSession(api, invitation(api, study))
    session.step()
    session.agree()
    first = session.step()
    assert isinstance(first, Choose)
    session.choose("left")
    again = asked(api, "POST", session.path, None, {"place": "1", "prefers": "right"})  # the same form, once more
    assert again.status == 303
    assert "said=answered" in again.headers["Location"]
    later = PageSession(api, session.path)
    second = later.step()
    assert isinstance(second, Choose)
    assert (first.number, second.number, second.total) == (1, 2, 8)
    events = json.loads(manage(api, f"{study}/export.json"))["participants"][session.code]
    assert [one.get("picked") for one in events] == [None, "left"]
    assert asked(api, "POST", session.path, None, {"place": "2"}).status == 422
    assert asked(api, "POST", session.path, None, {"place": "2", "prefers": "both"}).status == 422
    assert asked(api, "POST", session.path, None, {"place": "2", "rating": "4"}).status == 422


def test_who_may_open_which_page(api: Api, other: Api, study: str, keys: dict[str, str], file_of_pairs: bytes) -> None:
    owner = [study, f"{study}/export.json", f"{study}/ratings.csv"]
    for path in (*owner, "/studies"):
        assert asked(api, "GET", path).status == 303
        assert asked(api, "GET", path, keys["reader"]).status == 403
    for path in owner:
        assert asked(other, "GET", path, other.key).status == 404
    for ending, form in (("closed", {"closed": "true"}), ("erase", {"code": "p-1"}), ("delete", {"name": "taste"})):
        assert asked(api, "POST", f"{study}/{ending}", keys["reader"], form).status == 403
        assert asked(other, "POST", f"{study}/{ending}", other.key, form).status == 404
    assert upload(api, "/studies", FIELDS, "p.jsonl", file_of_pairs, key=keys["reader"]).status == 403
    path = invitation(api, study)
    assert asked(api, "GET", path[:-1] + ("0" if path[-1] != "0" else "1")).status == 404
    assert asked(api, "GET", f"{path.replace('_0_', '_p-00000000_')}").status == 404
    for origin in ("http://elsewhere.example", "null", ""):
        assert asked(api, "POST", path, None, {"place": "0"}, Origin=origin).status == 403
    assert json.loads(manage(api, f"{study}/export.json"))["participants"] == {}
    policy = asked(api, "GET", path).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_a_participant_and_a_study_are_deleted(api: Api, study: str) -> None:
    sessions = [PageSession(api, invitation(api, study)) for _ in range(2)]
    for one in sessions:
        one.step()
        one.agree()
    assert asked(api, "POST", f"{sessions[0].path}/withdraw").status == 200
    assert asked(api, "GET", sessions[0].path).status == 404
    assert asked(api, "POST", f"{study}/erase", api.key, {"code": sessions[1].code}).status == 303
    assert asked(api, "POST", f"{study}/erase", api.key, {"code": sessions[1].code}).status == 422
    assert json.loads(manage(api, f"{study}/export.json"))["participants"] == {}
    assert asked(api, "POST", f"{study}/closed", api.key, {"closed": "true"}).status == 303
    path = sessions[0].path.replace(sessions[0].path.rpartition("/")[2], "")
    assert path == "/take-part/"
    assert asked(api, "POST", f"{study}/delete", api.key, {"name": "another"}).status == 422
    assert asked(api, "POST", f"{study}/delete", api.key, {"name": "taste"}).status == 303
    assert asked(api, "GET", study, api.key).status == 404
    assert asked(api, "GET", sessions[1].path).status == 404


def test_a_closed_study_lets_nobody_in(api: Api, study: str) -> None:
    path = invitation(api, study)
    session = PageSession(api, path)
    session.step()
    session.agree()
    asked(api, "POST", f"{study}/closed", api.key, {"closed": "true"})
    assert 'name="place"' not in text_of(asked(api, "GET", path))
    assert asked(api, "POST", path, None, {"place": "0"}).status == 409
    assert isinstance(session.step(), Choose)


def test_a_study_without_enough_pairs_or_with_odd_numbers_is_not_begun(api: Api, file_of_pairs: bytes) -> None:
    before = manage(api, "/studies").count('href="/studies/')
    half = b"\n".join([*file_of_pairs.splitlines()[:9], b'{"prompt": "half'])
    for fields, content in (({"choices": "11"}, file_of_pairs), ({"choices": "3"}, file_of_pairs), ({}, half)):
        answer = upload(api, "/studies", {**FIELDS, **fields}, "pairs.jsonl", content)
        assert answer.status == 422
    assert "10" in text_of(answer)  # the line
    assert manage(api, "/studies").count('href="/studies/') == before


def test_nobodys_text_becomes_markup(api: Api) -> None:
    rows = [{"prompt": f"{HOSTILE} {n}", "chosen": f"a{n} {HOSTILE}", "rejected": f"b{n} {HOSTILE}"} for n in range(8)]
    study = begin(api, "\n".join(map(json.dumps, rows)).encode(), name=HOSTILE[:90])
    session = PageSession(api, invitation(api, study))
    session.step()
    session.agree()
    for page in (session.page(), manage(api, study), manage(api, "/studies")):
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "onclick='" not in page
        assert "&lt;script&gt;alert(1)" in page
    asked(api, "POST", f"{study}/delete", api.key, {"name": HOSTILE[:90].strip()})


@pytest.mark.slow
def test_a_study_is_taken_with_the_keyboard_and_fits_every_screen(
    chromium: Browser, api: Api, study: str, model: TraitsModel
) -> None:
    Participant(0, model, honest=False).take_part(PageSession(api, invitation(api, study)))  # type: ignore[arg-type]
    path = invitation(api, study)

    def fits(page: Page, faults: list[str]) -> None:
        for scheme, width in (("light", 360), ("dark", 1600)):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.set_viewport_size({"width": width, "height": 800})
            if page.evaluate("document.documentElement.scrollWidth") > width:
                faults.append(f"{page.url} is wider than {width}")
            faults += [f"{page.url} {scheme}: {one}" for one in page.evaluate(CONTRAST)]
            unnamed = "[...document.querySelectorAll('input:not([type=hidden]):not(.unseen), progress')]"
            faults += page.evaluate(f"{unnamed}.filter(e => !e.labels.length && !e.ariaLabel).map(e => e.outerHTML)")

    def pressed(page: Page, key: str, *, tabs: int) -> None:
        """From the heading of the step, which has the focus."""
        page.wait_for_function("document.activeElement.matches('h2.step')")
        for _ in range(tabs):
            page.keyboard.press("Tab")
        page.keyboard.press(key)

    def take_part(page: Page, address: str) -> list[str]:
        faults: list[str] = []
        page.goto(f"{address}{path}")
        fits(page, faults)
        pressed(page, "Enter", tabs=1)
        for number in range(1, 9):
            page.get_by_text(f"Pair {number} of 8").wait_for()
            if number == 1:
                fits(page, faults)
                page.reload()
            pressed(page, "Enter", tabs=1 + number % 2)
        page.get_by_text("Sentence 1 of").wait_for()
        fits(page, faults)
        total = int(page.get_by_text("Sentence 1 of").inner_text().split()[-1])
        for number in range(1, total + 1):
            page.get_by_text(f"Sentence {number} of").wait_for()
            pressed(page, "Space", tabs=1)
            page.keyboard.press("ArrowRight")
            page.keyboard.press("Enter")
        page.locator("progress").wait_for(state="detached")
        fits(page, faults)
        page.goto(f"{address}{study}")
        fits(page, faults)
        page.goto(f"{address}/studies")
        fits(page, faults)
        return faults

    assert in_chromium(chromium, api, take_part) == []
    found = json.loads(manage(api, f"{study}/export.json"))["analysis"]
    assert found["finished"] == 1
    assert {row["rating"] for row in found["rows"]} == {2}
