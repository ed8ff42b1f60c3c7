"""Personalised reward models: a few choices of one person become a persona, a judge prompt and a reward.

The public names are listed in ``__init__.pyi`` and imported on first use, so that ``import personalrm`` is fast.
"""

import logging

import lazy_loader

from personalrm import renamed

__version__ = "0.2.0"
_public, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
_OLD = {"Refused": "EndpointRefused", "Unusable": "UnusableResponse"}
renamed.install()
logging.getLogger(__name__).addHandler(logging.NullHandler())  # a library prints nothing by itself


def __getattr__(name: str) -> object:
    if name in _OLD:
        renamed.warn(f"personalrm.{name}", f"personalrm.{_OLD[name]}")
        name = _OLD[name]
    return _public(name)
