"""Bodies without an end, gzip bombs and strange encodings: stopped at a limit, whatever the headers say."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import resource
import zlib
from collections.abc import AsyncIterator

import orjson
import pytest
from facts import naming
from odd_hosts import ASK, SHORT, answer, asked, endpoint

from personalrm.errors import UnusableResponse


@pytest.fixture(autouse=True)
def _few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalrm.llm.http_client.FIRST_WAIT_S", 0.001)
    monkeypatch.setattr("personalrm.llm.http_client.TRIES_AT_START", 1)


@contextlib.asynccontextmanager
async def endless(head: bytes, piece: bytes) -> AsyncIterator[str]:
    """A host that sends a body for ever."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            while True:
                writer.write(piece)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()


@pytest.mark.parametrize("length", [b"Connection: close", b"Content-Length: 99999999999999"])
async def test_an_endless_body_ends_at_the_limit(length: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + length + b"\r\n\r\n"
    async with endless(head, b"[" * 65_536) as url:
        one = endpoint(url)
        with pytest.raises(UnusableResponse, match=naming("16 MB")):
            await one.complete(ASK, SHORT)
        await one.aclose()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_bomb_ends_at_the_limit(coding: str) -> None:
    packer = zlib.compressobj(9, wbits=31 if coding == "gzip" else 15)
    bomb = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(100)) + packer.flush()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with asked(lambda *_: (200, bomb, {"Content-Encoding": coding})) as (_, one):
        with pytest.raises(UnusableResponse, match="longer than 16 MB"):
            await one.complete(ASK, SHORT)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 80_000


@pytest.mark.parametrize("coding", ["gzip", "deflate", "identity"])
async def test_encodings_that_were_asked_for_are_read(coding: str) -> None:
    plain = orjson.dumps(answer("packed"))
    packed = {"gzip": gzip.compress(plain), "deflate": zlib.compress(plain), "identity": plain}[coding]
    async with asked(lambda *_: (200, packed, {"Content-Encoding": coding})) as (odd, one):
        assert (await one.complete(ASK, SHORT)).text == "packed"
    assert odd.headers[0]["Accept-Encoding"] == "gzip, deflate"


@pytest.mark.parametrize(("coding", "said"), [("br", "encoded as 'br'"), ("gzip", "cannot be decompressed")])
async def test_other_encodings_and_damaged_ones_are_one_sentence(coding: str, said: str) -> None:
    damaged = gzip.compress(b"{}")[:10] + b"\xffno such thing"
    async with asked(lambda *_: (200, damaged, {"Content-Encoding": coding})) as (odd, one):
        with pytest.raises(UnusableResponse, match=said):
            await one.complete(ASK, SHORT)
    assert len(odd.bodies) == (1 if coding == "br" else 2)  # the next answer would be encoded alike


async def test_the_limit_can_be_set() -> None:
    async with asked(lambda *_: (200, answer("x" * 5_000)), max_body=4_000) as (_, one):
        with pytest.raises(UnusableResponse, match="longer than"):
            await one.complete(ASK, SHORT)


@contextlib.asynccontextmanager
async def raw(response: bytes, wait: bool) -> AsyncIterator[tuple[str, list[int]]]:
    """A host that answers every request with these bytes, in one piece or the head first, and closes."""
    asked_at: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split()[0]))
            asked_at.append(len(asked_at))
            cut = response.index(b"{") if wait else len(response)
            writer.write(response[:cut])
            await writer.drain()
            await asyncio.sleep(0.01 if wait else 0)
            writer.write(response[cut:])
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", asked_at
    finally:
        server.close()
        await asyncio.sleep(0.01)


BODY = orjson.dumps(answer("whole"))
OK = b"HTTP/1.1 200 OK\r\n"
CHUNK = OK + b"Transfer-Encoding: chunked\r\n\r\n" + f"{len(BODY):x}\r\n".encode() + BODY + b"\r\n"
MALFORMED = {
    "too short a length": OK + f"Content-Length: {len(BODY) - 1}\r\n\r\n".encode() + BODY,
    "too long a length": OK + f"Content-Length: {len(BODY) + 9}\r\n\r\n".encode() + BODY,
    "bytes after the end": OK + f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY + b"\r\nGARBAGE\r\n",
    "two lengths": OK + 2 * f"Content-Length: {len(BODY)}\r\n".encode() + b"\r\n" + BODY,
    "length and chunks": CHUNK.replace(b"Transfer", b"Content-Length: 9\r\nTransfer") + b"0\r\n\r\n",
    "no last chunk": CHUNK,
    "bytes after the last chunk": CHUNK + b"0\r\nXX garbage\r\n\r\n",
    "a chunk without a size": CHUNK + b"zz\r\n",
    "a long header": OK + b"X-Trace: " + b"a" * 20_000 + b"\r\n\r\n" + BODY,
    "a blank before the colon": OK + b"X-Odd : 1\r\n\r\n" + BODY,
    "after early hints": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"X-Odd : 1\r\n\r\n" + BODY,
}


FAULTY_BODIES = ("too long a length", "bytes after the end", "no last chunk", "bytes after the last chunk")
"""Those whose head is sound, so that the body may come later."""


@pytest.mark.parametrize(
    ("fault", "wait"),
    [(one, False) for one in MALFORMED] + [(one, True) for one in FAULTY_BODIES],
)
async def test_a_whole_answer_in_malformed_http_is_read_and_not_asked_again(fault: str, wait: bool) -> None:
    async with raw(MALFORMED[fault], wait) as (url, asked_at):
        one = endpoint(url)
        assert (await one.complete(ASK, SHORT)).text == "whole"
        await one.aclose()
    assert len(asked_at) == 1


@pytest.mark.parametrize("wait", [False, True])
async def test_half_an_answer_may_be_paid_for_and_is_asked_for_once_more_only(wait: bool) -> None:
    half = OK + f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY[: len(BODY) // 2]
    async with raw(half, wait) as (url, asked_at):
        one = endpoint(url)
        with pytest.raises(UnusableResponse, match=naming("asked 2 times")):
            await one.complete(ASK, SHORT)
        await one.aclose()
    assert len(asked_at) == 2
