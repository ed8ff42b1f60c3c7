"""No form and no part of a credential is left in a text that a host sent."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

import pytest
from each import each
from hypothesis import given
from hypothesis import strategies as st
from odd_hosts import ASK, SHORT, answer, asked, error

from personalrm.errors import DataError, EndpointError, StorageError
from personalrm.llm.cache_postgresql import PostgresAnswerCache
from personalrm.llm.connect import EndpointOptions, connect
from personalrm.llm.credentials import NO_CREDENTIALS, Credentials, StreamScrubber, without_user
from personalrm.llm.host import Host
from personalrm.service.config import ServiceConfig
from personalrm.store.database import Database

KEY = "proj-AbCdEf0123456789xYz"
PASSWORD = 'p@ss w/ord"9'
URL = f"http://maria:{quote(PASSWORD, safe='')}@host:1/v1?token=t0ken-of-mine"
KNOWN = Credentials.of(KEY, URL, "http://corp:Pr0xyPw@proxy:3128")
BASIC = b64encode(f"maria:{PASSWORD}".encode()).decode()


@each(
    "secret",
    [
        KEY,
        PASSWORD,
        BASIC,
        f"Basic {BASIC}",
        quote(PASSWORD, safe=""),
        quote_plus(PASSWORD),
        json.dumps(PASSWORD)[1:-1],
        b64encode(PASSWORD.encode()).decode(),
        "t0ken-of-mine",
        "Pr0xyPw",
        b64encode(b"corp:Pr0xyPw").decode(),
        URL,
    ],
)
def test_every_form_of_a_credential_is_removed(secret: str) -> None:
    shown = KNOWN.scrub(f'Refused: "{secret}" is wrong.')
    assert shown.startswith('Refused: "')
    assert shown.endswith('" is wrong.')
    for piece in (KEY[:8], "ss w", "ss%20", "ss+w", BASIC[:7], BASIC[-7:], "t0ken", "Pr0xy", "maria"):
        assert piece not in shown


@given(st.integers(0, len(KEY) - 6), st.integers(6, len(KEY)), st.text(max_size=5), st.text(max_size=5))
def test_a_part_of_six_characters_leaves_nothing(start: int, length: int, before: str, after: str) -> None:
    part = KEY[start : start + length]
    shown = Credentials.of(KEY).scrub_answer(f"{before} {part} {after}")
    assert not any(part[at : at + 6] in shown for at in range(len(part) - 5))
    assert shown == f"{before} [key] {after}" or "[key]" in before + after or any(c in KEY for c in before + after)


@each("echo", [f"{KEY[:4]}...{KEY[-4:]}", f"{KEY[:3]}…{KEY[-3:]}", f"{KEY[:4]}*{KEY[-4:]}", f"****{KEY[-4:]}"])
def test_a_key_with_its_middle_left_out_is_removed(echo: str) -> None:
    shown = KNOWN.scrub(f"Incorrect key {echo} given")
    assert KEY[-3:] not in shown
    assert KEY[:4] not in shown


FORMS = {
    "capitals": str.upper,
    "small letters": str.lower,
    "base64 after a user": lambda key: b64encode(f"me:{key}".encode()).decode(),
    "base64 at another offset": lambda key: b64encode(f"x{key}.".encode()).decode(),
    "base64 for URLs": lambda key: urlsafe_b64encode(f"ab{key}??>".encode()).decode(),
    "percent-encoded": lambda key: "".join(f"%{ord(one):02x}" for one in key),
    "JSON escapes": lambda key: "".join(f"\\u{ord(one):04X}" for one in key),
    "Python escapes": lambda key: "".join(f"\\x{ord(one):02x}" for one in key),
    "HTML escapes": lambda key: "".join(f"&#{ord(one)};" for one in key),
    "HTML escapes in hexadecimal": lambda key: "".join(f"&#x{ord(one):x};" for one in key),
    "partly escaped": lambda key: key[:5] + "".join(f"%{ord(one):02X}" for one in key[5:9]) + key[9:],
}


@each("form", FORMS)
@each("secret", [KEY, "a-long-p@ss/word"])
def test_another_spelling_of_a_credential_is_removed(form: str, secret: str) -> None:
    known = Credentials.of(KEY, "http://maria:a-long-p%40ss%2Fword@h/v1")
    written = FORMS[form](secret)
    for shown in (known.scrub_answer(f"It is {written} now"), known.scrub(f"It is {written} now")):
        assert shown.startswith("It is ")
        assert shown.endswith(" now")
        assert "[key]" in shown
        assert len(shown) < 12 + 16, "nothing but what stands beside it in base64 is left"


@each("form", FORMS)
def test_what_people_write_keeps_parts_of_a_key_but_not_the_key(form: str) -> None:
    """A key of a feedback host may be made of words."""
    known = Credentials.of("public-feedback-key")
    assert "[key]" in known.scrub_whole(f"It is {FORMS[form]('public-feedback-key')} now")
    assert known.scrub_whole("My feedback is public.") == "My feedback is public."


@each("key", ["sk-no-key-required", "lm-studio", "not-needed", "my-testing-password-7f3a9c1d"])
def test_an_answer_keeps_the_words_that_a_key_is_made_of(key: str) -> None:
    said = "Testing is required, and so is a password. It is not-needed in lm-studio."
    known = Credentials.of(key)
    assert known.scrub_answer(said) == said
    scrubber = StreamScrubber(known)
    assert "".join([*(scrubber.take(one) for one in said), scrubber.rest()]) == said


@each("part", ["my-testing-password-7f3a9c1d", "word-7f3", "7f3a9c", "MY-TESTING-PASSWORD-7"])
def test_an_answer_loses_the_parts_of_a_key_that_are_no_words(part: str) -> None:
    assert Credentials.of("my-testing-password-7f3a9c1d").scrub_answer(f"It is {part}.") == "It is [key]."


def test_a_password_that_is_a_word_is_removed_as_a_whole() -> None:
    assert Credentials.of(None, "http://me:sunshine@host/v1").scrub_answer("Say sunshine.") == "Say [key]."


@given(cuts=st.lists(st.integers(1, 9), min_size=12, max_size=40))
def test_a_credential_split_over_chunks_of_a_stream_is_removed(cuts: list[int]) -> None:
    scrubber, text, at, shown = StreamScrubber(KNOWN), f"A project: {KEY}, or {KEY.upper()[:9]} it is. {BASIC}", 0, []
    for length in cuts:
        shown.append(scrubber.take(text[at : at + length]))
        at += length
    shown += [scrubber.take(text[at:]), scrubber.rest()]
    whole = "".join(shown)
    assert whole.startswith("A project: ")
    assert whole.count("[key]") == 3
    assert not any(KEY[at : at + 4].lower() in whole.lower().replace("a project", "") for at in range(len(KEY) - 3))


def test_a_stream_without_credentials_comes_as_it_is() -> None:
    for known in (NO_CREDENTIALS, KNOWN):
        scrubber = StreamScrubber(known)
        words = ["The pro", "ject", " has a p", "r", "oj", " folder", "."]
        assert "".join([*map(scrubber.take, words), scrubber.rest()]) == "".join(words)


@each("userinfo", ["u:p/ssword1", "u:p@ssword1", "u:pa:ssword1", "u:ssword1?x", "u:ssword1#", "u:s%40w"])
def test_a_database_is_told_without_its_password(userinfo: str) -> None:
    pytest.importorskip("psycopg")
    url = f"postgresql://{userinfo}@127.0.0.1:1/db"
    with pytest.raises(StorageError) as caught:
        PostgresAnswerCache(url).get(bytes(32))
    assert not any(one in str(caught.value) for one in ("ssword1", "s%40w", "s@w"))
    assert "ssword1" not in Database(url).shown
    shown = repr((EndpointOptions(cache=url, base_url=URL, api_key=KEY), ServiceConfig(database=url, upstream=URL)))
    assert not any(one in shown for one in ("ssword1", KEY, "t0ken", "maria"))


def test_a_model_s_name_holds_no_url() -> None:
    with pytest.raises(DataError) as caught:
        connect("gpt@http://maria:s3cr3t-pw@h/v1", EndpointOptions(base_url="http://h/v1"))
    assert "s3cr3t" not in str(caught.value)


def test_words_are_left_alone() -> None:
    for text in ("Your key is invalid...really", "tell me", "Wait... what", "a host at 10:30"):
        assert KNOWN.scrub(text) == text
        assert NO_CREDENTIALS.scrub(text) == text
    assert Credentials.of("ollama").scrub("ollama says: EMPTY") == "ollama says: EMPTY"
    assert Credentials.of(None, "http://me:pw@h").scrub("tell me the pw") == "tell me the [key]"


@each(
    "url",
    [
        "http://maria:s3cr3t-pw@h:port",
        "htp://maria:s3cr3t-pw@h",
        "maria:s3cr3t-pw@h:8000/v1",
        "http://maria:s3cr3t-pw/x@h/v1",
        "http://maria:12/s3cr3t-pw@h/v1",
        "http://maria:1#s3cr3t-pw@h/v1",
        "http://[::1?maria=s3cr3t-pw",
    ],
)
def test_an_unusable_url_is_told_without_user_and_password(url: str) -> None:
    with pytest.raises(DataError) as caught:
        Host.from_environment(url)
    assert "base URL" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    assert "maria" not in without_user(url) or "?" in url


def test_an_at_sign_in_a_path_is_no_password() -> None:
    assert Host.from_environment("http://localhost:8787/ai/@cf/v1").name == "localhost:8787"


@pytest.mark.parametrize("status", [401, 403, 404, 400, 429, 500, 302])
async def test_a_host_that_echoes_the_header_shows_nothing(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalrm.llm.http_client.FIRST_WAIT_S", 0.001)
    monkeypatch.setattr("personalrm.llm.http_client.TRIES", 2)
    echo = f"got Authorization: Basic {BASIC}, user maria, password {PASSWORD}, cut {BASIC[4:15]}"
    reply = status, error(echo), {"Location": f"http://maria:{PASSWORD}@h/?auth={BASIC}", "Retry-After": "9999"}
    async with asked(lambda *_: reply) as (odd, one):
        one = type(one)("m", Host(odd.url.replace("http://", f"http://maria:{quote(PASSWORD, safe='')}@")), _slots())
        with pytest.raises(EndpointError) as caught:
            await one.complete(ASK, SHORT)
        await one.aclose()
    for piece in (BASIC[:6], BASIC[-6:], PASSWORD, "maria", BASIC[5:12]):
        assert piece not in str(caught.value)


async def test_an_answer_that_echoes_the_header_holds_nothing() -> None:
    async with asked(lambda *_: (200, answer(f"You sent Basic {BASIC} as I saw"))) as (odd, one):
        one = type(one)("m", Host(odd.url.replace("http://", f"http://maria:{quote(PASSWORD, safe='')}@")), _slots())
        found = await one.complete(ASK, SHORT)
        await one.aclose()
    assert found.text == "You sent Basic [key] as I saw"


def _slots():  # type: ignore[no-untyped-def]
    from personalrm.llm.scheduler import Scheduler

    return Scheduler(4)
