"""HTML pages from the Jinja2 templates in this folder, shared by the report and the service.

    page("report.html", title="prism.jsonl.gz", parts=parts)        # "<!doctype html>…"
    environment()                                                   # for further templates that extend "base.html"

Every value is escaped, and control and text-direction characters are replaced by a visible sign; only markup of our
own code (`trusted`) is inserted unchanged. A page is self-contained: no network, no script, no other file.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from personalrm.errors import MissingExtra
from personalrm.formatting.texts import plain

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def page(template: str, **values: Any) -> str:
    """Render a template. Raises MissingExtra if Jinja2 is not installed."""
    return environment().get_template(template).render(values)


def trusted(markup: str) -> Markup:
    """Mark our own markup as safe, so that it is not escaped. Raises MissingExtra if Jinja2 is not installed."""
    environment()
    from markupsafe import Markup

    return Markup(markup)


@cache
def environment() -> Environment:
    """The Jinja2 environment: template folder and escaping. Raises MissingExtra if Jinja2 is not installed."""
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise MissingExtra(f"pages need Jinja2: pip install 'personalrm[report]' ({error})") from error
    return Environment(
        loader=PackageLoader("personalrm.formatting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )


def _shown(value: Any) -> Any:
    """A value before it is escaped, without characters that hide or reverse the text around it."""
    return plain(value) if type(value) is str else value
