"""Plain form of a text: look-alike, styled, invisible and encoded characters are normalised to what a reader sees.

    plain_form("＜/рersona\u200b>")[0]        # "</persona>"

Full-width and styled letters become ASCII (Unicode NFKD), combining marks and invisible characters are removed,
Cyrillic, Greek and other letters that look like Latin ones become the Latin ones, and encoded characters are decoded
(``&lt;``, ``&#60;``, ``\\u003c``, ``%3c``), also if the encoding itself is encoded (``&#38;lt;``, ``%253c``,
``＆lt;``). The table covers the letters, brackets, bars, slashes and underscores that occur in template marks; it
contains Unicode's confusables (UTS 39) for them, without combining marks.
"""

from __future__ import annotations

import html
import re
import unicodedata
from itertools import repeat

BROKEN = "‹"
"""Replacement for the opening character of a mark."""
_LIKE = {
    "<": "❬𝈶˂ᐸ≺⋖❮❰〈⟨⟪《«≪⪡⧼⦑⁌🢐ᚲくㄑ⊲◁◄◂ᐊ⪪",
    ">": "❭𝈷˃ᐳ≻⋗❯❱〉⟩⟫》»≫⪢⧽⦒⁍𖼿ᐅ⊳▷►▸⪫",
    "[": "【〔〖〘〚⟦❲⁅⦋⦗",
    "]": "】〕〗〙〛⟧❳⁆⦌⦘",
    "|": "│┃∣❘❙❚ǀ׀ا∥‖╽╿▏▕⏐",
    "/": "⁄∕⧸╱⟋〳ノ᜵Ⳇ⼃⁁𝈺㇓丿",
    "_": "▁‿⁀ˍ＿",
    "#": "♯＃",
    "a": "аαɑ⍺ᴀӓꭺᎪ",
    "b": "ЬьᖯƄʙвβᏏᏴᑲ",
    "c": "сϲᴄⅽꮯᏟⲥ𐐽ς",
    "d": "ԁⅾᏧᑯᴅꓒժ",
    "e": "еєҽεᴇ℮ⅇꮛꬲ",
    "f": "ϝꬵꜰƒẝքғꞙ",
    "g": "ɡցɢᶃԍǥƍ",
    "h": "һհᏂʜнηհ",
    "i": "іιıɩɪⅰ⍳ӏɨⲓ˛ͺꙇꭵᎥ𑣃",
    "j": "јϳⅉᴊյ",
    "k": "кκᴋⲕқĸ",
    "l": "ӏⅼʟᏞⳑⲗ⏽۱𐌠Ɩⵏᛁ𖼨𐊊𐌉",
    "m": "мⅿᴍⲙʍ",
    "n": "ոռηɴпπиԥ",
    "o": "оοσօ๐໐ഠᴏⲟ〇०੦૦௦౦೦൦၀۵ᴑꬽჿဝ𐓪𑣈𑣗𐐬",
    "p": "рρϱᴘⲣ⍴þÞ",
    "q": "ԛգզʠ",
    "r": "гᴦʀⲅꭇꮁꭈ",
    "s": "ѕꜱꮪᏚƽѕֆ𑣁𐑈",
    "t": "тτᴛⲧͳꚍ",
    "u": "υսᴜꭎυцʋꞟꭒ𐓶𑣘",
    "v": "νѵᴠⅴ∨⋁ט𑜆ꮩ𑣀",
    "w": "ωѡᴡԝաɯшⲱ𑜊𑜎𑜏ꮃ",
    "x": "хχ×ⅹⲭ᙮ҳ⤫⤬⨯ᕁᕽ",
    "y": "уүγʏყɣℽᶌỿꭚ𑣜",
    "z": "ᴢⲍꮓʐ𑣄",
    "A": "АΑᎪꓮⲀᗅ𖽀𐊠",
    "B": "ВΒᏴꓐⲂꞴᗷ𐊂𐊡𐌁",
    "C": "СϹᏟꓚⲤ🝌𑣲𑣩𐊢𐌂𐐕𐔜",
    "D": "Ꭰᗞᗪꓓ",
    "E": "ЕΕᎬꓰⲈ⋿ⴹ𑢦𑢮𐊆",
    "F": "𝈓ꞘϜ𝟊ᖴꓝ𑣂𑢢𐊇𐊥𐔥",
    "G": "ԌᏀᏳꓖ",
    "H": "НΗᎻꓧⲎᕼ𐋏",
    "I": "ІΙӀⲒꓲ",
    "J": "ЈᎫꓙꞲͿᒍ",
    "K": "КΚᏦꓗⲔᛕ𐔘",
    "L": "𝈪Ⳑᒪꓡ𖼖𑢣𑢲𐐛𐔦",
    "M": "МΜᎷꓟⲘϺᗰᛖ𐊰𐌑",
    "N": "ΝꓠⲚ𐔓",
    "O": "ОΟՕꓳⲞ০୦𑓐𑣠ⵔዐଠ𐓂𑢵𐊒𐊫𐐄𐔖",
    "P": "РΡᏢꓑⲢᑭ𐊕",
    "Q": "ⵕ",
    "R": "𝈖ƦᎡᏒ𐒴ᖇꓣ𖼵",
    "S": "ЅՏᏚꓢᏕ𖼺𐊖𐐠",
    "T": "ТΤᎢꓔⲦ⊤⟙🝨𖼊𑢼𐊗𐊱𐌕",
    "U": "∪⋃Սሀ𐓎ᑌꓴ𖽂𑢸",
    "V": "𝈍۷ѴⴸᏙᐯꛟꓦ𖼈𑢠𐔝",
    "W": "𑣯𑣦ԜᎳᏔꓪ",
    "X": "ХΧꓫⲬ᙭╳𐌢𑣬Ꭓⵝᚷ𐊐𐊴𐌗𐔧",
    "Y": "УΥҮꓬⲨᎩᎽ𖽃𑢤𐊲",
    "Z": "ΖᏃꓜ𐋵𑣥𑢩",
}
_LETTERS = {code: plain for plain, likes in _LIKE.items() for code in map(ord, likes)}
_INVISIBLE = {0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0}  # letters and a Braille pattern without visible glyphs
_NEVER_SHOWN = "\x0b\x0c\x1c\x1d\x1e\x1f"  # exported prompts are written without them
_GONE = ("Cc", "Cf", "Cn", "Co", "Cs", "Me", "Mn")
_STYLED = ((0x1F130, "A"), (0x1F150, "A"), (0x1F170, "A"), (0x1F1E6, "A"))  # squared, circled, regional: not in NFKD
_ENCODED = re.compile(
    r"&(?:amp;){0,4}(?:\#0{0,64}\d{1,6}|\#x0{0,64}[0-9a-f]{1,5}|[a-z]{2,24}\d{0,2})[;；]?"
    r"|(?-i:\\U)000[0-9a-f]{5}|\\u[0-9a-f]{4}|\\[ux]\{[0-9a-f]{2,6}\}|\\x[0-9a-f]{2}|%[0-9a-f]{2}",
    re.IGNORECASE,
)
_ROUNDS = 6
"""Maximum nesting of encodings that is decoded."""
_CODE = re.compile(r"[0-9a-f]+", re.IGNORECASE)


class _Plain(dict[int, str]):
    """Code point → plain form, computed on first use."""

    def __missing__(self, code: int) -> str:
        decomposed = chr(code) if code in _LETTERS else unicodedata.normalize("NFKD", chr(code))
        found = self[code] = "".join(map(_plain_character, decomposed))
        return found


def _plain_character(character: str) -> str:
    code = ord(character)
    if code in _LETTERS:
        return _LETTERS[code]
    if character.isspace() and character not in _NEVER_SHOWN:
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
    for _ in range(_ROUNDS):
        before, text = text, _ENCODED.sub(lambda found: _decoded(found[0]), text).translate(_PLAIN)
        if text == before:
            break
    return text


def plain_positions(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The plain form, and for each of its characters the span of the original text (start, end)."""
    spans = [(at, at + 1) for at in range(len(text))]
    for _ in range(_ROUNDS):
        before = text
        text, sources = _one_round(text)
        if text == before:
            break
        spans = [(spans[start][0], spans[end - 1][1]) for start, end in sources]
    return text, spans


def _one_round(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text with the outermost encodings decoded and characters normalised, and each character's source span."""
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
        decoded = _decoded(found[0])
        take(decoded, found.start(), 0 if decoded == found[0] else found.end() - found.start())
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
        found = html.unescape(f"&{named.rstrip(';；')};")
        return encoded if found.startswith("&") and len(found) > 1 else found
    digits = _CODE.search(encoded, 2 if encoded[0] == "\\" else 1)
    code = int(digits[0], 16) if digits else 0
    return chr(code) if 0x20 <= code < 0x110000 else encoded
