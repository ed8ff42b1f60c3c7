"""Open files as streams of UTF-8 text, decompressing and transcoding as needed."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

from personalrm.errors import DataError

_BUFFER = 1 << 18  # iterating gzip through a separate buffer is three times as fast as GzipFile alone
_ZSTD = b"\x28\xb5\x2f\xfd"


def opened(path: Path) -> IO[bytes]:
    """Open a file as UTF-8 text. Reading may raise EOFError, OSError and the errors of the compression module.

    Raises:
        DataError: the file is compressed with zstd and the package is not installed.
    """
    file = path.open("rb")
    try:
        magic = file.read(4)
        file.seek(0)
        stream = _decompressed(path, file, magic)
        start = stream.peek(4)[:4] if isinstance(stream, io.BufferedReader) else b""
    except BaseException:
        file.close()
        raise
    encoding = _encoding(start)
    return io.BufferedReader(_Recoded(stream, encoding), _BUFFER) if encoding else stream


def _decompressed(path: Path, file: io.BufferedReader, magic: bytes) -> IO[bytes]:
    unpack: Callable[..., IO[bytes]] | None = None
    if magic.startswith(b"\x1f\x8b"):
        return io.BufferedReader(_OwningGzip(file), _BUFFER)
    if magic.startswith(b"BZh"):
        unpack = cast(Callable[..., IO[bytes]], bz2.BZ2File)
    elif magic.startswith(b"\xfd7zX"):
        unpack = cast(Callable[..., IO[bytes]], lzma.LZMAFile)
    elif magic == _ZSTD:
        unpack = _zstd(path)
    if unpack is None:
        return file
    file.close()
    return io.BufferedReader(cast(io.RawIOBase, unpack(path, "rb")), _BUFFER)


def _zstd(path: Path) -> Callable[..., IO[bytes]]:
    try:
        import zstandard
    except ImportError:
        advice = "decompress it (zstd -d), or pip install zstandard"
        raise DataError(f"{path} is zstd-compressed: {advice}") from None
    return lambda name, _: cast(IO[bytes], _Zstd(name, zstandard.ZstdDecompressor, zstandard.ZstdError))


class _Zstd(io.RawIOBase):
    """Stream of consecutive zstd frames. Unlike the package's own reader it detects truncated files."""

    def __init__(self, path: Path, decompressor: Callable[[], Any], fault: type[Exception]) -> None:
        self._file = path.open("rb")
        self._decompressor, self._fault = decompressor, fault
        self._frame: Any = decompressor().decompressobj()
        self._begun = False
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._ready:
            block = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame, self._begun = self._decompressor().decompressobj(), False
            block = block or self._file.read(1 << 16)
            if not block:
                if self._begun:
                    raise EOFError
                return 0
            self._begun = True
            try:
                self._ready = self._frame.decompress(block)
            except self._fault as error:
                raise gzip.BadGzipFile(str(error)) from error
        count = min(len(buffer), len(self._ready))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def _encoding(start: bytes) -> str | None:
    """The UTF-16 encoding, recognized by its byte order mark or by zeros in the first two letters; else None."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(start) == 4 and start[1] == start[3] == 0 and start[0] and start[2]:
        return "utf-16-le"
    if len(start) == 4 and start[0] == start[2] == 0 and start[1] and start[3]:
        return "utf-16-be"
    return None


class _OwningGzip(gzip.GzipFile):
    """A GzipFile that also closes the underlying file object."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(fileobj=file, mode="rb")
        self._beneath = file

    def close(self) -> None:
        super().close()
        self._beneath.close()


class _Recoded(io.RawIOBase):
    """Stream that transcodes text to UTF-8; undecodable bytes become U+FFFD."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._ready:
            block = self._stream.read(1 << 16)
            self._ready = self._decoder.decode(block, final=not block).encode("utf-8", "replace")
            if not block and not self._ready:
                return 0
        count = min(len(buffer), len(self._ready))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()
