"""The texts that a model embeds for a person, and a way to give its encoder precomputed vectors.

encoder = encoder_of("traits+encoder")
texts_of(encoder, items_to_fit("traits+encoder", history))            # {key: text}
with lent(["traits+encoder"], source):                                # fits and scores in this context embed nothing
    client.fit(history)
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from personalrm.files import read_object
from personalrm.models.base import Item
from personalrm.models.registry import TRAINED, TRAITS
from personalrm.models.trained import FILES
from personalrm.preferences import History

if TYPE_CHECKING:
    from personalrm.models.encoders import Cached, Encoder
    from personalrm.models.encoders.store import VectorSource

WITH_ENCODER = TRAITS[1]


def has_encoder(model: str) -> bool:
    """Whether this model embeds texts; loads no weights."""
    if not model.startswith(TRAINED):
        return model == WITH_ENCODER
    card = Path(model.removeprefix(TRAINED)) / FILES["learned"]
    return card.is_file() and read_object(card, "model").get("encoder") is not None


def encoder_of(model: str) -> Cached:
    """The encoder of a model, as used by the model in this process."""
    from personalrm.models.encoders import shared_minilm

    if model == WITH_ENCODER:
        return shared_minilm()
    from personalrm.models.trained_engine import encoder_behind

    return encoder_behind(model.removeprefix(TRAINED))


def items_to_fit(model: str, history: History) -> list[Item]:
    """The responses that a fit of this person reads."""
    thumbs = () if model.startswith(TRAINED) else history.thumbs
    pairs = [(one.context, text) for one in history.decided for text in (one.chosen, one.rejected)]
    return [*pairs, *((one.context, one.response) for one in thumbs)]


def texts_of(encoder: Encoder, items: Iterable[Item]) -> dict[bytes, str]:
    """The texts to embed for these responses, by key."""
    from personalrm.models.encoders.store import keys_of
    from personalrm.models.traits.features import last_message

    found = dict.fromkeys(
        text for context, response in items for text in (last_message(context), encoder.text(context, response))
    )
    return dict(zip(keys_of(encoder.name, list(found)), found, strict=True))


def encoder_that_computes(model: str) -> Encoder:
    """The encoder without this machine's cache, whose vectors come from other batches, unless vectors cost money."""
    from personalrm.models.encoders import EndpointEncoder

    cached = encoder_of(model)
    return cached if isinstance(cached.inner, EndpointEncoder) else cached.inner


@contextlib.contextmanager
def lent(models: Iterable[str], source: VectorSource) -> Iterator[None]:
    """Within this context, the encoders of these models use the source's vectors, and compute missing ones."""
    with contextlib.ExitStack() as stack:
        for model in models:
            stack.enter_context(encoder_of(model).reading_from(source))
        yield
