"""Plain form of a text: look-alike, styled, invisible and encoded characters are normalised to what a reader sees.

    plain_form("＜/рersona\u200b>")[0]        # "</persona>"

Full-width and styled letters become ASCII (Unicode NFKD), combining marks and invisible characters are removed,
Cyrillic, Greek and other letters that look like Latin ones become the Latin ones, and encoded characters (``&lt;``,
``&#60;``, ``\\u003c``, ``%3c``) are decoded. The table covers the letters, brackets, bars, slashes and underscores that
occur in template marks and follows Unicode's confusables (UTS 39).
"""

from __future__ import annotations

import html
import re
import unicodedata
from itertools import repeat

BROKEN = "‹"
"""Replacement for the opening character of a mark."""
_LIKE = {
    "<": "❬𝈶˂ᐸ≺⋖❮❰〈⟨⟪《«≪⪡⧼⦑⁌🢐",
    ">": "❭𝈷˃ᐳ≻⋗❯❱〉⟩⟫》»≫⪢⧽⦒⁍",
    "[": "【〔〖〘〚⟦❲⁅⦋⦗",
    "]": "】〕〗〙〛⟧❳⁆⦌⦘",
    "|": "│┃∣❘❙❚ǀ׀ا∥‖╽╿▏▕⏐",
    "/": "⁄∕⧸╱⟋〳ノ᜵Ⳇ⼃",
    "_": "▁‿⁀ˍ＿",
    "#": "♯＃",
    "a": "аαɑ⍺ᴀӓꭺᎪ",
    "b": "Ььᖯ\u0184ʙвβᏏᏴ",
    "c": "сϲᴄⅽꮯᏟⲥ",
    "d": "ԁⅾᏧᑯᴅꓒժ",
    "e": "еєҽεᴇ℮ⅇꮛ",
    "f": "ϝꬵꜰƒẝքғ",
    "g": "ɡցɢᶃԍǥ",
    "h": "һհᏂʜнηհ",
    "i": "іιıɩɪⅰ⍳ӏɨⲓ",
    "j": "јϳⅉᴊյ",
    "k": "кκᴋⲕқĸ",
    "l": "ӏⅼʟᏞⳑⲗ",
    "m": "мⅿᴍⲙʍ",
    "n": "ոռηɴпπиԥ",
    "o": "оοσօ๐໐ഠᴏⲟ〇०",
    "p": "рρϱᴘⲣ⍴þ",
    "q": "ԛգզʠ",
    "r": "гᴦʀⲅꭇꮁ",
    "s": "ѕꜱꮪᏚƽѕֆ",
    "t": "тτᴛⲧͳꚍ",
    "u": "υսᴜꭎυцʋ",
    "v": "νѵᴠⅴ∨⋁ט",
    "w": "ωѡᴡԝաɯшⲱ",
    "x": "хχ×ⅹⲭ᙮ҳ",
    "y": "уүγʏყɣℽ",
    "z": "ᴢⲍꮓʐ",
    "A": "АΑᎪꓮⲀ",
    "B": "ВΒᏴꓐⲂ",
    "C": "СϹᏟꓚⲤ",
    "E": "ЕΕᎬꓰⲈ",
    "H": "НΗᎻꓧⲎ",
    "I": "ІΙӀⲒꓲ",
    "J": "ЈᎫꓙ",
    "K": "КΚᏦꓗⲔ",
    "M": "МΜᎷꓟⲘ",
    "N": "ΝꓠⲚ",
    "O": "ОΟՕꓳⲞ",
    "P": "РΡᏢꓑⲢ",
    "S": "ЅՏᏚꓢ",
    "T": "ТΤᎢꓔⲦ",
    "X": "ХΧꓫⲬ",
    "Y": "УΥҮꓬⲨ",
    "Z": "ΖᏃꓜ",
}
_LETTERS = {code: plain for plain, likes in _LIKE.items() for code in map(ord, likes)}
_INVISIBLE = {0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0}  # letters and a Braille pattern without visible glyphs
_GONE = ("Cc", "Cf", "Cn", "Co", "Cs", "Me", "Mn")
_STYLED = (
    (0x1F130, "A"),
    (0x1F150, "A"),
    (0x1F170, "A"),
    (0x1F1E6, "A"),
)  # squared, circled and regional letters, which NFKD does not decompose
_ENCODED = re.compile(
    r"&(?:amp;){0,4}(?:\#0{0,8}\d{1,6}|\#x0{0,8}[0-9a-f]{1,5}|[a-z]{2,24}\d{0,2});?"
    r"|\\u[0-9a-f]{4}|\\u\{[0-9a-f]{2,6}\}|\\x[0-9a-f]{2}|%[0-9a-f]{2}",
    re.IGNORECASE,
)
_CODE = re.compile(r"[0-9a-f]+", re.IGNORECASE)


class _Plain(dict[int, str]):
    """Code point → plain form, computed on first use."""

    def __missing__(self, code: int) -> str:
        found = self[code] = "".join(map(_plain_character, unicodedata.normalize("NFKD", chr(code))))
        return found


def _plain_character(character: str) -> str:
    code = ord(character)
    if code in _LETTERS:
        return _LETTERS[code]
    if character.isspace():
        return "\n" if character == "\n" else " "
    if code in _INVISIBLE or unicodedata.category(character) in _GONE:
        return ""
    for first, letter in _STYLED:
        if first <= code < first + 26:
            return chr(ord(letter) + code - first)
    return character


_PLAIN = _Plain()


def plain_form(text: str) -> str:
    """The plain form of a text; `plain_positions` also gives the origin of each character."""
    return _ENCODED.sub(lambda found: _decoded(found[0]), text).translate(_PLAIN)


def plain_positions(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The plain form, and for each of its characters the span of the original text (start, end)."""
    parts: list[str] = []
    spans: list[tuple[int, int]] = []

    def take(written: str, at: int, width: int) -> None:
        for step, one in enumerate(written):
            plain = _PLAIN[ord(one)]
            parts.append(plain)
            start = at + (step if width == 0 else 0)
            spans.extend(repeat((start, start + (width or 1)), len(plain)))

    at = 0
    for found in _ENCODED.finditer(text):
        take(text[at : found.start()], at, 0)
        take(_decoded(found[0]), found.start(), found.end() - found.start())
        at = found.end()
    take(text[at:], at, 0)
    return "".join(parts), spans


def _decoded(encoded: str) -> str:
    """The decoded character, or the text unchanged if it encodes none."""
    if encoded[0] == "&":
        bare = encoded[1:].lower()
        while bare.startswith("amp;"):
            bare = bare[4:]
        named = bare if bare.startswith("#") else encoded[len(encoded) - len(bare) :]
        found = html.unescape(f"&{named.rstrip(';')};")
        return encoded if found.startswith("&") and len(found) > 1 else found
    digits = _CODE.search(encoded, 2 if encoded[0] == "\\" else 1)
    code = int(digits[0], 16) if digits else 0
    return chr(code) if 0x20 <= code < 0x110000 else encoded
