"""Requests for pages as a browser sends them, with and without Chromium."""

from __future__ import annotations

import http.client
import urllib.parse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from browser import Browser
from service_process import Api

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE = """<script>alert(1)</script>"><img src=x onerror=alert(1)> {{ 7*7 }} ' onclick='alert(1)"""
CONTRAST = """() => {
  const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > 0.99) return c; } return [255, 255, 255]; };
  const found = [];
  for (const e of document.querySelectorAll("body *")) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || !e.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push(e.tagName + " " + e.textContent.trim().slice(0, 40));
  }
  return found;
}"""


def asked(
    api: Api, method: str, path: str, cookie: str | None = None, form: dict[str, str] | None = None, **headers: str
) -> http.client.HTTPResponse:
    """Request a page as a browser does; ``.text`` is the body."""
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=60)
    given = {"Origin": f"http://127.0.0.1:{api.port}"} if method == "POST" else {}
    given |= {"Cookie": f"personalrm={cookie}"} if cookie else {}
    given |= {"Content-Type": "application/x-www-form-urlencoded"} if form is not None else {}
    body = None if form is None else urllib.parse.urlencode(form)
    try:
        connection.request(method, path, body, {**given, **headers})
        answer = connection.getresponse()
        answer.text = answer.read().decode()  # type: ignore[attr-defined]
    finally:
        connection.close()
    return answer


def text_of(answer: http.client.HTTPResponse) -> str:
    found: str = answer.text  # type: ignore[attr-defined]
    return found


def upload(
    api: Api, path: str, fields: dict[str, str], name: str, content: bytes, key: str | None = None
) -> http.client.HTTPResponse:
    """Submit a form with a file and return the response."""
    given = [f'--x\r\nContent-Disposition: form-data; name="{one}"\r\n\r\n{text}\r\n' for one, text in fields.items()]
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = "".join([*given, head]).encode() + content + b"\r\n--x--\r\n"
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=60)
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Cookie": f"personalrm={key or api.key}"}
    try:
        connection.request("POST", path, body, {**headers, "Origin": f"http://127.0.0.1:{api.port}"})
        answer = connection.getresponse()
        answer.text = answer.read().decode()  # type: ignore[attr-defined]
    finally:
        connection.close()
    return answer


def in_chromium(chromium: Browser, api: Api, work: Callable[[Page, str], Any], **context: Any) -> Any:
    """Run ``work`` in a browser signed in with the space's key."""

    def signed_in(page: Page) -> Any:
        address = f"http://127.0.0.1:{api.port}"
        page.goto(f"{address}/sign-in")
        page.get_by_label("Key of the space").fill(api.key or "")
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/sign-in" not in url)
        return work(page, address)

    return chromium.run(signed_in, **context)
