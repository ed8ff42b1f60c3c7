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

from personalrm.cluster.executor import Executor, InProcess
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


def asks_for_vectors(model: str) -> bool:
    """Whether this model's encoder is at an endpoint; loads nothing of it."""
    if not has_encoder(model) or not model.startswith(TRAINED):
        return False
    card = read_object(Path(model.removeprefix(TRAINED)) / FILES["learned"], "model")
    return str(card["encoder"]).startswith("endpoint:")


def embedding_executor(model: str, executor: Executor) -> Executor:
    """Where texts are embedded: by the workers, or for an endpoint in this process, so that its limit counts once."""
    return InProcess() if asks_for_vectors(model) else executor


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


def items_of_population(model: str, population: str, seed: int) -> Iterator[Item]:
    """The responses that the prior is learned from; ``population`` is a file, ``seed`` the one of the fits."""
    import numpy as np

    from personalrm.data.reading import read_people
    from personalrm.models.traits.learning import people_to_learn_from

    for one in people_to_learn_from(read_people(population), np.random.default_rng(seed)):
        yield from items_to_fit(model, one)


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
