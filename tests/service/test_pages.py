"""Pages: who may see them, what they hold, and how they are used in Chromium."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import Browser
from page_visits import CONTRAST, HOSTILE, asked, in_chromium, text_of, upload
from service_process import PAIR, Api, choice, quoted

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture
def known(api: Api, user: str) -> str:
    """Somebody with a claim."""
    api.add(user, *[choice(n) for n in range(12)])
    api.fresh(user)
    return user


def link(api: Api, user: str) -> str:
    """A token for the pages of this person."""
    made = api.post(f"/v1/people/{quoted(user)}/page-link", {"days": 1})
    assert made.status == 201
    return str(made.body["path"]).removeprefix("/open/")


def test_who_has_not_signed_in_is_asked_to(api: Api, known: str) -> None:
    for path in (f"/people/{known}", f"/people/{known}/choose", f"/people/{known}/history", "/space", "/import", "/"):
        answer = asked(api, "GET", path)
        assert answer.status == 303
        assert answer.headers["Location"] == f"/sign-in?next={quoted(path)}"
    assert asked(api, "POST", "/sign-in", form={"key": "prm_0_wrong"}).status == 401
    for away in (
        "//elsewhere.example",
        "/\t/elsewhere.example",
        "/\\elsewhere.example",
        "https://x",
        "/\r\nX: y",
        "/ü",
    ):
        right = asked(api, "POST", "/sign-in", form={"key": api.key or "", "next": away})
        assert (right.status, right.headers["Location"]) == (303, "/"), away
    cookie = right.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert asked(api, "GET", f"/people/{known}", api.key).status == 200


def test_a_link_opens_one_persons_pages_only(api: Api, other: Api, known: str) -> None:
    token = link(api, known)
    opened = asked(api, "GET", f"/open/{token}")
    assert opened.status == 200
    assert token in opened.headers["Set-Cookie"]
    assert asked(api, "GET", f"/people/{known}", token).status == 200
    api.add("somebody-else", choice(1))
    for path in ("/people/somebody-else", "/space", "/import", "/"):
        assert asked(api, "GET", path, token).status == 404
    # of another person, with another end, or with another signature it opens nothing
    space, person, until, mac = token.split("_")[1:]
    for forged in (
        f"prp_{space}_{int(person) + 1}_{until}_{mac}",
        f"prp_{space}_{person}_{int(until) + 1}_{mac}",
        f"prp_{space}_{person}_{until}_{mac[::-1]}",
        f"prp_{int(space) + 1}_{person}_{until}_{mac}",
        f"prp_{space}_{person}_{int(time.time()) - 1}_{mac}",
        "prp_x_y_z_0",
    ):
        assert asked(api, "GET", f"/people/{known}", forged).status == 303
        assert asked(api, "GET", f"/open/{forged}").status == 404
    assert other.post(f"/v1/people/{known}/page-link", {}).status == 404
    api.delete(f"/v1/people/{known}")
    assert asked(api, "GET", f"/people/{known}", token).status == 303


def test_another_spaces_person_is_not_there(api: Api, other: Api, known: str) -> None:
    for path in ("", "/choose", "/history", "/try", "/effect?claim=x"):
        assert asked(api, "GET", f"/people/{known}{path}", other.key).status == 404
    for path, form in (
        ("/claims", {"claim": "x", "verdict": "wrong"}),
        ("/claims/withdraw", {"correction": "1"}),
        ("/history/choice", {"source": "api", "choice": "c1", "forgotten": "true"}),
        ("/history/use", {"version": "1"}),
        ("/history/taste", {"answer": "keep"}),
        ("/try", {"prompt": "x", "one": "a", "two": "b"}),
    ):
        assert asked(api, "POST", f"/people/{known}{path}", other.key, form).status == 404, path
    assert known not in text_of(asked(api, "GET", "/space?after=", other.key))


def test_a_page_of_another_site_changes_nothing(api: Api, known: str) -> None:
    form = {"claim": "x", "verdict": "wrong"}
    for origin in ("http://elsewhere.example", "null", ""):
        answer = asked(api, "POST", f"/people/{known}/claims", api.key, form, Origin=origin)
        assert answer.status == 403
        for path, sent in (("/sign-in", {"key": api.key or ""}), ("/sign-out", {})):
            assert asked(api, "POST", path, None, sent, Origin=origin).status == 403
    assert api.get(f"/v1/people/{known}/corrections").body["corrections"] == []


def test_a_key_that_only_predicts_says_nothing_in_a_persons_name(api: Api, known: str, keys: dict[str, str]) -> None:
    assert asked(api, "GET", f"/people/{known}", keys["reader"]).status == 200
    answer = asked(api, "POST", f"/people/{known}/claims", keys["reader"], {"claim": "x", "verdict": "wrong"})
    assert answer.status == 403
    assert asked(api, "GET", "/import", keys["reader"]).status == 403


def test_nobodys_text_becomes_markup(api: Api) -> None:
    user = "<b>x<b>'\""
    api.add(user, *[choice(n, prompt=f"{HOSTILE} {n}", reason=HOSTILE) for n in range(12)])
    api.fresh(user)
    pair = {"id": "hostile", "prompt": HOSTILE, "a": f"a {HOSTILE}", "b": f"b {HOSTILE}"}
    assert api.post("/v1/candidates", {"candidates": [pair]}).status == 200
    for path in ("", "/choose", "/history", "/try"):
        text = text_of(asked(api, "GET", f"/people/{quoted(user)}{path}", api.key))
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "<b>" not in text
        assert "onclick='" not in text
    assert "&lt;script&gt;alert(1)" in text_of(asked(api, "GET", f"/people/{quoted(user)}/history", api.key))
    tried = asked(api, "POST", f"/people/{quoted(user)}/try", api.key, {"prompt": HOSTILE, "one": HOSTILE, "two": "no"})
    assert "<script>alert" not in text_of(tried)
    assert api.delete("/v1/candidates").status == 200


def test_headers_let_a_page_load_nothing_from_elsewhere(api: Api, known: str) -> None:
    answer = asked(api, "GET", f"/people/{known}", api.key)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "http://" not in text_of(answer)
    assert "https://" not in text_of(answer)


def test_a_page_of_very_long_choices_shows_their_beginnings(api: Api, user: str) -> None:
    """A person may be imported with choices of megabytes; what they weigh is in the API and in the export."""
    turns = [{"role": "user", "content": f"turn {number}. " + "p" * 20_000} for number in range(30)]
    row = {"id": "c", "prompt": turns, "chosen": "<b>" * 300_000, "rejected": "b\n" * 100_000}
    assert upload(api, "/import", {"name": user}, "a.jsonl", json.dumps(row).encode()).status == 200
    page = asked(api, "GET", f"/people/{user}/history", api.key)
    assert page.status == 200
    assert len(text_of(page)) < 500_000
    assert all(said in text_of(page) for said in ("890,000 more characters", "190,000 more characters", "turn 29"))
    assert "10 earlier messages" in text_of(page)
    assert "turn 9." not in text_of(page)


def test_a_taste_that_changes_is_dated_with_both_versions(api: Api, user: str) -> None:
    def made(number: int) -> dict[str, object]:
        time = f"2026-0{1 + number // 28}-{1 + number % 28:02d}T09:00:00Z"
        return choice(number, short=number < 45, time=time)

    api.add(user, *[made(number) for number in range(35)])
    version = api.fresh(user)
    api.add(user, *[made(number) for number in range(35, 44)])
    api.fresh(user)
    path = f"/v1/people/{user}/taste-changes"
    before = api.get(path).body
    assert (before["changes"], before["choices"], before["tested"]) == ([], 44, True)
    api.add(user, *[made(number) for number in range(44, 84)])
    latest = api.fresh(user)
    found = api.get(path).body
    (change,) = found["changes"]
    assert change["earliest"] <= change["when"] <= change["latest"] < change["noticed"]
    assert abs(18 - int(change["when"][8:])) <= 4
    assert change["when"][:7] == "2026-02"
    assert version <= change["version_before"] < change["version_now"] <= latest
    assert found["false_alarms"] <= 0.05
    page = text_of(asked(api, "GET", f"/people/{user}/history", api.key))
    assert change["when"] in page
    assert f'name="choice" value="{change["choice"]}"' in page
    for number in range(44):
        api.ask("PUT", f"/v1/people/{user}/choices/api/c{number}/forgotten", {"forgotten": True})
    assert api.get(path).body["changes"] == []


def test_what_is_wrong_with_a_form_is_said_on_a_page(api: Api, known: str) -> None:
    for path, form, status in (
        (f"/people/{known}/claims", {"claim": "no such claim", "verdict": "wrong"}, 422),
        (f"/people/{known}/claims", {"claim": "x", "verdict": "maybe"}, 422),
        (f"/people/{known}/choose", {"question": "none", "prefers": "a"}, 404),
        (f"/people/{known}/try", {"prompt": "x", "one": "only one"}, 422),
        (f"/people/{known}/history/use", {"version": "999"}, 404),
        (f"/people/{known}/why", {"source": "web", "choice": "c1", "why": "short\0"}, 422),
        (f"/people/{known}/why", {"source": "web", "choice": "c\0", "why": "short"}, 422),
        (f"/people/{known}/choose", {"question": "q", "prefers": "a", "why": "\0"}, 422),
        (f"/people/{known}/history/choice", {"source": "\0", "choice": "c", "forgotten": "true"}, 422),
    ):
        answer = asked(api, "POST", path, api.key, form)
        assert answer.status == status, path
        assert answer.headers["Content-Type"].startswith("text/html")


def test_a_return_to_an_earlier_taste_lasts(api: Api, user: str) -> None:
    def made(number: int, *, short: bool) -> dict[str, object]:
        time = f"2026-0{1 + number // 28}-{1 + number % 28:02d}T09:00:00Z"
        return choice(number, short=short, time=time)

    def likes_short() -> float:
        return float(api.post(f"/v1/people/{user}/compare", PAIR).body["probability"])

    path = f"/v1/people/{user}/taste-changes"
    api.add(user, *[made(number, short=True) for number in range(44)])
    api.fresh(user)
    earlier = likes_short()
    api.add(user, *[made(number, short=False) for number in range(44, 84)])
    api.fresh(user)
    later = likes_short()
    assert later < earlier - 0.1
    (change,) = api.get(path).body["changes"]
    assert change["kept"] is False
    assert api.post(path, {"answer": "return"}).status == 422
    assert api.post(path, {"answer": "return", "choice": "api/c3"}).status == 422
    said = asked(
        api, "POST", f"/people/{user}/history/taste", api.key, {"answer": "return", "choice": change["choice"]}
    )
    assert said.headers["Location"].endswith("said=returned")
    api.fresh(user)
    returned = likes_short()
    assert abs(returned - earlier) < 0.05
    told = api.get(path).body
    assert (told["changes"], told["left_out_to"]) == ([], "2026-03-28")
    assert abs(told["left_out"] - 40) <= 4
    assert 'name="answer" value="keep"' in text_of(asked(api, "GET", f"/people/{user}/history", api.key))
    api.add(user, *[made(number, short=True) for number in range(84, 87)])
    api.fresh(user)
    assert api.post(f"/v1/people/{user}/refit", {}).status == 202
    api.idle(user)
    assert api.get(path).body["left_out"] == told["left_out"]
    assert likes_short() >= returned - 0.02
    kept = api.post(path, {"answer": "keep"}).body
    assert kept["left_out"] == 0
    api.fresh(user)
    assert likes_short() < earlier - 0.05
    (change, *_) = api.get(path).body["changes"]
    assert api.post(path, {"answer": "keep", "choice": change["choice"]}).body["changes"][0]["kept"] is True
    assert "you keep it" in text_of(asked(api, "GET", f"/people/{user}/history", api.key))


@pytest.mark.parametrize(
    "script", [pytest.param(True, id="htmx"), pytest.param(False, id="without a script", marks=pytest.mark.slow)]
)
def test_from_a_file_to_a_persona_and_a_correction(
    chromium: Browser, api: Api, user: str, tmp_path: Path, script: bool
) -> None:
    file = tmp_path / "choices.jsonl"
    file.write_text("".join(json.dumps({**choice(n), "user": user}) + "\n" for n in range(12)))

    def first_run(page: Page, address: str) -> None:
        page.goto(f"{address}/import")
        page.get_by_label("A file of choices").set_input_files(file)
        page.get_by_role("button", name="Import").click()
        page.get_by_role("link", name=user).wait_for()
        api.fresh(user)  # without a script no page tells that what is imported has been learned
        page.get_by_role("link", name=user).click()
        claim = page.locator("article h3").first.inner_text()
        if script:
            page.get_by_role("link", name="What would that change?").first.click()
            page.locator("#effect-1 dl").wait_for()
            assert page.locator("#effect-1 dt").all_inner_texts() == ["Wrong", "Not any more", "Forget it"]
            assert page.title() == user
        page.get_by_role("button", name="Wrong").first.click()
        page.locator("#changed").wait_for()
        assert claim not in page.locator(".claims").inner_text()
        assert claim in page.locator("ul.plain").inner_text()
        assert page.locator("#said").inner_text() != ""
        page.get_by_role("button", name="Withdraw").click()
        page.get_by_role("heading", name=claim).wait_for()

    before = None
    in_chromium(chromium, api, first_run, java_script_enabled=script)
    before = api.get(f"/v1/people/{user}/corrections").body["corrections"]
    assert [one["verdict"] for one in before] == ["wrong"]
    assert before[0]["withdrawn"] is not None


def test_questions_are_answered_with_the_keyboard(chromium: Browser, api: Api, known: str) -> None:
    pairs = [{"id": f"{known}-{n}", "prompt": f"Q {n}", "a": "Short.", "b": "A long one. " * 40} for n in range(3)]
    assert api.post("/v1/candidates", {"candidates": pairs}).status == 200

    def choose(page: Page, address: str) -> str:
        page.goto(f"{address}/people/{known}/choose")
        first = page.locator(".asked").inner_text()
        page.get_by_label("Why").fill("It is short.")
        short = page.locator("section.card", has_text="Short.").get_by_role("button")
        short.focus()
        page.keyboard.press("Enter")
        page.locator(".asked", has_not_text=first).wait_for()
        page.get_by_role("button", name="Neither").click()
        page.locator("#progress", has_text="14 choices").wait_for()
        return first

    first = in_chromium(chromium, api, choose)
    stored = api.get(f"/v1/people/{known}/choices?limit=1000").body["choices"][12:]
    assert [one["source"] for one in stored] == ["choose", "choose"]
    assert stored[0]["chosen"] == "Short."
    assert stored[0]["reason"] == "It is short."
    assert stored[0]["context"][0]["content"] in first
    assert stored[1]["tie"] is True
    api.delete("/v1/candidates")


def test_drafts_are_ranked_and_a_choice_is_forgotten_and_restored(chromium: Browser, api: Api, known: str) -> None:
    def use(page: Page, address: str) -> None:
        page.goto(f"{address}/people/{known}/try")
        for label, text in (("Prompt", PAIR["prompt"]), ("Draft 1", PAIR["b"]), ("Draft 2", PAIR["a"])):
            page.get_by_label(label).fill(text)
        page.get_by_role("button", name="Rank them").click()
        page.locator("ol li").first.wait_for()
        assert page.locator("ol li .text").first.inner_text() == PAIR["a"]
        page.goto(f"{address}/people/{known}/history")
        page.get_by_role("button", name="Forget").first.click()
        page.locator("li.gone").wait_for()
        page.get_by_role("button", name="Restore").first.click()
        page.locator("li.gone").wait_for(state="detached")

    in_chromium(chromium, api, use)


def test_every_page_fits_every_screen_and_can_be_read(chromium: Browser, api: Api, known: str) -> None:
    long = f"{known}-{'w' * 150}"
    api.add(long, *[choice(n, prompt="word" * 60) for n in range(12)])
    api.fresh(long)
    paths = [f"/people/{quoted(name)}{path}" for name in (known, long) for path in ("", "/choose", "/history", "/try")]

    def look(page: Page, address: str) -> list[str]:
        faults = []
        for scheme, width in (("light", 360), ("dark", 1280)):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.set_viewport_size({"width": width, "height": 800})
            for path in (*paths, "/space", "/import"):
                page.goto(f"{address}{path}")
                if page.evaluate("document.documentElement.scrollWidth") > width:
                    faults.append(f"{path} is wider than {width}")
                faults += [f"{path} {scheme}: {one}" for one in page.evaluate(CONTRAST)]
                unnamed = "[...document.querySelectorAll('input:not([type=hidden]):not(.unseen), textarea')]"
                faults += page.evaluate(f"{unnamed}.filter(e => !e.labels.length).map(e => e.outerHTML)")
        return faults

    assert in_chromium(chromium, api, look) == []


def test_a_person_says_why_after_a_choice_and_later(api: Api, known: str, user: str) -> None:
    pair = {"id": f"why-{user}", "prompt": "Which of the two?", "a": "This one.", "b": "That one, of course. " * 9}
    api.post("/v1/candidates", {"candidates": [pair]})
    token = link(api, known)
    base = f"/people/{known}"
    chosen = asked(api, "POST", f"{base}/choose", token, {"question": pair["id"], "prefers": "b"})
    following = chosen.headers["Location"]
    assert pair["id"] in following
    page = text_of(asked(api, "GET", following, token))
    assert "Your last choice" in page
    said = {"source": "choose", "choice": pair["id"], "why": HOSTILE}
    assert asked(api, "POST", f"{base}/why", token, said).headers["Location"].startswith(f"{base}/choose")
    stored = api.get(f"/v1/people/{known}/choices?limit=1000").body["choices"][-1]
    assert (stored["id"], stored["reason"]) == (pair["id"], HOSTILE.strip())
    for path in (following, f"{base}/history"):
        shown = text_of(asked(api, "GET", path, token))
        assert HOSTILE not in shown
        assert "Change the reason" in shown or path == following
    again = asked(api, "POST", f"{base}/why", token, {**said, "why": " ", "page": "history"})
    assert again.headers["Location"].startswith(f"{base}/history")
    assert api.get(f"/v1/people/{known}/choices?limit=1000").body["choices"][-1].get("reason") is None
    assert asked(api, "POST", f"{base}/why", token, {**said, "choice": "none"}).status == 404
    assert asked(api, "POST", "/people/nobody-else/why", token, said).status == 404


def test_what_a_browser_does_not_find_is_told_on_a_page(api: Api) -> None:
    for path, kind in (("/nothing", "text/html"), ("/v1/nothing", "application/problem+json")):
        answer = asked(api, "GET", path, Accept="text/html,*/*")
        assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (404, kind)


def test_every_page_says_whose_it_is_and_texts_keep_their_direction(api: Api, known: str) -> None:
    api.add(known, choice(90, prompt="كيف أسلق بيضة؟", chosen="ثماني دقائق."))
    for page in ("", "/choose", "/history", "/try"):
        header = text_of(asked(api, "GET", f"/people/{known}{page}", api.key)).partition("<main>")[0]
        assert f">{known}</" in header, page
    shown = text_of(asked(api, "GET", f"/people/{known}/history", api.key))
    assert "<bdi>كيف أسلق بيضة؟</bdi>" in shown
    assert '<blockquote class="text" dir="auto">ثماني دقائق.' in shown
    missing = text_of(asked(api, "GET", "/people/nobody-of-that-name", api.key))
    assert "<p>This space has no person" in missing
