"""Every page with the keyboard alone: each control is reached, in order, visibly, and the end of the page as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from browser import Browser
from page_visits import asked, in_chromium
from service_process import Api, choice

if TYPE_CHECKING:
    from playwright.sync_api import Page

CONTROLS = """() => {
  const wanted = "a[href], button, input:not([type=hidden]), textarea, select, summary, [tabindex='0']";
  const seen = new Set(), found = [];
  for (const e of document.querySelectorAll(wanted)) {
    if (e.disabled || e.tabIndex < 0 || !e.checkVisibility()) continue;
    const group = e.type === "radio" ? `${e.form && e.form.action} ${e.name}` : null;  // one stop for a group
    if (group !== null && seen.has(group)) continue;
    seen.add(group);
    e.dataset.stop = found.length;
    found.push(e.outerHTML.slice(0, 80));
  }
  return found;
}"""
FOCUSED = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const shown = e.type === "file" ? e.closest("label") || e : e, style = getComputedStyle(shown);
  const isVisible = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  return [e.dataset.stop === undefined ? -1 : Number(e.dataset.stop), isVisible || style.boxShadow !== "none"];
}"""
PAGES = ("", "/choose", "/history", "/try")


@pytest.fixture
def known(api: Api, user: str) -> str:
    """Somebody with claims, a correction and a question."""
    api.add(user, *[choice(n) for n in range(12)])
    api.fresh(user)
    claim = api.get(f"/v1/people/{user}/persona").body["claims"][0]["text"]
    assert api.post(f"/v1/people/{user}/corrections", {"claim": claim, "verdict": "right"}).status == 201
    pair = {"id": user, "prompt": "Which of the two?", "a": "Short.", "b": "A long one. " * 40}
    assert api.post("/v1/candidates", {"candidates": [pair]}).status == 200
    api.fresh(user)
    return user


def walked(page: Page, address: str) -> list[str]:
    """What is wrong on a page."""
    page.goto(address)
    controls = page.evaluate(CONTROLS)
    first: Any = page.evaluate(FOCUSED)  # a field that has the focus when the page opens
    stops: list[int] = [] if first is None else [first[0]]
    faults = []
    for _ in range(len(controls) + 1):
        page.keyboard.press("Tab")
        found: Any = page.evaluate(FOCUSED)
        if found is None or found[0] in stops:
            break
        stops.append(found[0])
        if not found[1]:
            faults.append(f"{address}: nothing shows the focus on {controls[found[0]]}")
    missed = [one for number, one in enumerate(controls) if number not in stops]
    faults += [f"{address}: not reached: {one}" for one in missed]
    if stops != sorted(stops):
        faults.append(f"{address}: out of order: {stops}")
    return faults


def test_every_control_of_every_page_is_reached_in_order(chromium: Browser, api: Api, known: str) -> None:
    paths = [*(f"/people/{known}{one}" for one in PAGES), "/space", "/import", "/studies", "/sign-in"]
    assert all(asked(api, "GET", one, api.key).status in (200, 303) for one in paths)

    def walk(page: Page, address: str) -> list[str]:
        return [fault for path in paths for fault in walked(page, f"{address}{path}")]

    assert in_chromium(chromium, api, walk) == []
