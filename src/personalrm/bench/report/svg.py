"""Convert an SVG file of matplotlib to an element for an HTML page, without external references and with unique ids.

inline(svg_bytes, "Accuracy")     # "<svg class='chart' role='img' …><title>Accuracy</title>…"

Figures are drawn in placeholder colours (`COLOURS`), which are replaced by CSS variables of the page, each with a
fallback for figures copied out of the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import blake2b
from types import MappingProxyType
from xml.etree import ElementTree

from personalrm.formatting.plot_style import PAPER

COLOURS = MappingProxyType({name: f"#0f0e{number:02x}" for number, name in enumerate(PAPER, 16)})
"""Placeholder colour of each CSS variable."""

_VARIABLES = {colour: f"var({name},{PAPER[name]})" for name, colour in COLOURS.items()}
_COLOUR = re.compile("|".join(_VARIABLES))
_FONT = re.compile(r"font: (?:[a-z0-9]+ )*?([0-9.]+px) [^;]*|font-family: [^;]*;? ?")
"""Font declarations, of which only the size is kept; older matplotlib versions write size and family as one."""
_USED = re.compile(r"#([\w-]+)\)?")


def inline(svg: bytes, title: str) -> str:
    """Convert an SVG document to an ``<svg>`` element with an accessible title."""
    root = ElementTree.fromstring(svg)
    for name in ("metadata", "style"):
        _remove(root, name)
    used = {match for one in root.iter() for match in _references(one)}
    key = blake2b(title.encode() + svg, digest_size=4).hexdigest()
    for one in root.iter():
        one.tag = _bare(one.tag)
        one.attrib = dict(_attributes(one.attrib, used, key))
    box = root.attrib["viewBox"]
    root.attrib = {"class": "chart", "role": "img", "aria-label": title, "viewBox": box}
    spoken = ElementTree.Element("title")
    spoken.text = title
    root.insert(0, spoken)
    return ElementTree.tostring(root, encoding="unicode")


def _remove(root: ElementTree.Element, name: str) -> None:
    for parent in list(root.iter()):
        for child in [one for one in parent if _bare(one.tag) == name]:
            parent.remove(child)


def _bare(tag: str) -> str:
    return tag.rpartition("}")[2]


def _references(element: ElementTree.Element) -> Iterator[str]:
    """Ids that an element refers to."""
    for name, value in element.attrib.items():
        if _bare(name) == "href" or "url(#" in value:
            yield from _USED.findall(value.replace("url(", ""))


def _attributes(attributes: dict[str, str], used: set[str], key: str) -> Iterator[tuple[str, str]]:
    """The attributes without namespaces; only referenced ids are kept, with the figure's key as prefix."""
    for full, value in attributes.items():
        name = _bare(full)
        if name == "id":
            if value in used:
                yield name, f"{key}-{value}"
        elif name == "href":
            yield name, f"#{key}-{value[1:]}"
        elif name == "style":
            yield name, _styled(value)
        else:
            yield name, value.replace("url(#", f"url(#{key}-")


def _styled(style: str) -> str:
    sized = _FONT.sub(lambda match: f"font-size: {match[1]}" if match[1] else "", style)
    return _COLOUR.sub(lambda match: _VARIABLES[match[0]], sized)
