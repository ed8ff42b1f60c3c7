"""Decompresses an answer in pieces, whatever its headers state, up to a limit.

    unpacker = Decompressor("gzip", most=16 << 20)
    b"".join(unpacker.feed(piece) for piece in pieces)

Hosts and the proxies before them send gzip without a header, plain text with one, deflate with and without the zlib
header, several gzip members, and gzip within gzip. The first bytes tell which, because JSON never begins like them.
"""

from __future__ import annotations

import zlib

_GZIP = b"\x1f\x8b"
_LAYERS = 2
_PLAIN = frozenset({"", "identity", "none", "utf-8", "utf8", "chunked", "aws-chunked"})
_KNOWN = _PLAIN | {"gzip", "x-gzip", "deflate"}


class TooLong(Exception):
    """The decompressed text is longer than the limit."""


def unknown_coding(header: str) -> str | None:
    """Return the first coding of a Content-Encoding header that cannot be undone here; None if there is none."""
    if not header:
        return None
    named = (one.strip().lower() for one in header.split(","))
    return next((one for one in named if one not in _KNOWN), None)


class Decompressor:
    """Undoes the coding of one answer.

    Args:
        header: its Content-Encoding.
        most: maximum bytes after decompression.
    """

    def __init__(self, header: str, most: int) -> None:
        self._deflated = bool(header) and "deflate" in header.lower()
        self._left = most
        self._layers: list[_Layer] | None = None

    def feed(self, piece: bytes) -> bytes:
        """Return the next part of the text.

        Raises:
            TooLong: there is more than the limit.
            zlib.error: the bytes cannot be decompressed.
        """
        if self._layers is None:
            is_plain = len(piece) >= len(_GZIP) and not self._deflated and not piece.startswith(_GZIP)
            self._layers = [] if is_plain else [_Layer(self._deflated and at == 0) for at in range(_LAYERS)]
        for layer in self._layers:
            piece = layer.feed(piece, self._left)
        self._left -= len(piece)
        if self._left < 0:
            raise TooLong
        return piece


class _Layer:
    """One coding; plain text passes unchanged."""

    def __init__(self, deflated: bool) -> None:
        self._deflated = deflated
        self._start: bytes | None = b""
        self._inflate: zlib._Decompress | None = None

    def feed(self, piece: bytes, left: int) -> bytes:
        if self._start is not None:
            piece = self._start + piece
            if len(piece) < 2:  # too short to tell
                self._start = piece if _GZIP.startswith(piece) else None
                return b"" if self._start is not None else piece
            self._start = None
            self._inflate = self._recognised(piece)
        return piece if self._inflate is None else self._inflated(piece, left)

    def _recognised(self, first: bytes) -> zlib._Decompress | None:
        if first.startswith(_GZIP):
            return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        if not self._deflated or first.lstrip()[:1] in (b"{", b"["):
            return None
        with_header = first[0] & 15 == 8 and int.from_bytes(first[:2], "big") % 31 == 0
        return zlib.decompressobj(wbits=zlib.MAX_WBITS if with_header else -zlib.MAX_WBITS)

    def _inflated(self, piece: bytes, left: int) -> bytes:
        assert self._inflate is not None
        parts = []
        while True:
            part = self._inflate.decompress(piece, left + 1)
            parts.append(part)
            left -= len(part)
            piece = self._inflate.unused_data
            if left < 0 or not piece.startswith(_GZIP):  # other bytes after the end say nothing
                return b"".join(parts)
            self._inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
