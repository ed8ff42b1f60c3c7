"""Pages: the Jinja2 templates beside this module, which the report and the service share.

    page("report.html", title="prism.jsonl.gz", parts=parts)        # "<!doctype html>…"
    environment()                                                   # for further templates that extend "base.html"

Every value is escaped, and characters that would change how a reader sees the rest (control and direction marks) are
made visible; only what our own code drew (`trusted`) is taken as it is. A page needs nothing else: no network, no
script, no file beside it.
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
    """A template filled in. MissingExtra if Jinja2 is not installed."""
    return environment().get_template(template).render(values)


def trusted(markup: str) -> Markup:
    """Markup of our own, taken as it is. MissingExtra if Jinja2 is not installed."""
    environment()
    from markupsafe import Markup

    return Markup(markup)


@cache
def environment() -> Environment:
    """Where templates are looked for, and how values are shown. MissingExtra if Jinja2 is not installed."""
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
    """A value before it is escaped: nobody's text may hide or turn what stands around it."""
    return plain(value) if type(value) is str else value
