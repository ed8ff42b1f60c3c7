"""Rewards in the protocols of trainers: OpenRLHF's remote reward, ``/classify`` of vLLM and SGLang, and ``/score``.

The path names the person. Clients that send no headers put the key into the path as well:
``/keys/{key}/users/{user}/get_reward``. Empty lists give empty lists. ``normalize`` (in the query) gives z-scores
relative to the person's own history, which is the default here, because trainers need one scale for all people.
"""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from personalrm.data.templated import response_in, turns_of
from personalrm.service.access import Caller, Predicts, note
from personalrm.service.fields import TEXT, Text, UserName
from personalrm.service.http import JsonRoute, reply
from personalrm.service.problems import invalid
from personalrm.service.rewards import Scores, Turns
from personalrm.service.state import Service

router = APIRouter(route_class=JsonRoute, tags=["rewards"])
MOST = 4096
Key = Annotated[str, Path(min_length=1, max_length=200, description="An API key, for clients that send no headers")]
Normalize = Annotated[bool, Query(description="z-scores relative to the person's own history instead of log-odds")]
Texts = Annotated[list[Text], Field(max_length=MOST)]


class _Lenient(BaseModel):
    """Unknown fields, which trainers may add, are ignored."""

    model_config = ConfigDict(extra="ignore")


class OpenRLHFIn(_Lenient):
    """``query`` contains prompt and response with special tokens; ``prompts`` the prompts only."""

    query: Texts
    prompts: Texts | None = None
    labels: list[Any] | None = None


class ClassifyIn(_Lenient):
    """vLLM sends ``input``, SGLang ``text``; both contain whole conversations with special tokens, or responses."""

    model: str | None = Field(None, max_length=TEXT)
    input: Texts | Text | None = None
    text: Texts | Text | None = None


class PairScoreIn(_Lenient):
    """vLLM's ``/score``: the prompt (or one for each) and the responses."""

    model: str | None = Field(None, max_length=TEXT)
    text_1: Texts | Text
    text_2: Texts | Text


@router.post("/users/{user}/get_reward")
async def get_reward(
    request: Request, user: UserName, body: OpenRLHFIn, caller: Predicts, normalize: Normalize = True
) -> Response:
    """OpenRLHF's remote reward model."""
    return await _openrlhf(request, user, body, caller, normalize)


@router.post("/keys/{key}/users/{user}/get_reward")
async def get_reward_by_key(
    request: Request, key: Key, user: UserName, body: OpenRLHFIn, normalize: Normalize = True
) -> Response:
    """OpenRLHF's remote reward model, with the key in the path."""
    return await _openrlhf(request, user, body, await _caller(request, key), normalize)


@router.post("/users/{user}/classify")
async def classify(
    request: Request, user: UserName, body: ClassifyIn, caller: Predicts, normalize: Normalize = True
) -> Response:
    """vLLM's or SGLang's ``/classify``, depending on the field in the request."""
    return await _classify(request, user, body, caller, normalize)


@router.post("/keys/{key}/users/{user}/classify")
async def classify_by_key(
    request: Request, key: Key, user: UserName, body: ClassifyIn, normalize: Normalize = True
) -> Response:
    """vLLM's or SGLang's ``/classify``, with the key in the path."""
    return await _classify(request, user, body, await _caller(request, key), normalize)


@router.post("/classify")
async def classify_of_model(
    request: Request, body: ClassifyIn, caller: Predicts, normalize: Normalize = True
) -> Response:
    """vLLM's or SGLang's ``/classify``; ``model`` names the person."""
    return await _classify(request, _named(body.model), body, caller, normalize)


@router.post("/users/{user}/score")
async def score(
    request: Request, user: UserName, body: PairScoreIn, caller: Predicts, normalize: Normalize = True
) -> Response:
    """vLLM's ``/score``: the reward of each response to its prompt."""
    return await _score(request, user, body, caller, normalize)


@router.post("/score")
async def score_of_model(
    request: Request, body: PairScoreIn, caller: Predicts, normalize: Normalize = True
) -> Response:
    """vLLM's ``/score``: the reward of each response to its prompt; ``model`` names the person."""
    return await _score(request, _named(body.model), body, caller, normalize)


async def _openrlhf(request: Request, user: str, body: OpenRLHFIn, caller: Caller, normalize: bool) -> Response:
    if body.prompts is not None and len(body.prompts) not in (0, len(body.query)):
        raise invalid("prompts", f"expected as many as queries ({len(body.query)}), found {len(body.prompts)}")
    pairs: list[tuple[Turns, str]]
    if body.prompts:
        pairs = [
            (turns_of(prompt), response_in(query, prompt))
            for query, prompt in zip(body.query, body.prompts, strict=True)
        ]
    else:
        pairs = [_parted(query) for query in body.query]
    found = await _rewards(request, user, pairs, caller, normalize)
    rewards = [0.0 if one is None else one for one in found]  # the person's mean, because trainers accept only numbers
    unscored = [float(one is None) for one in found]
    return reply({"rewards": rewards, "scores": rewards, "extra_logs": {"unscored": unscored}})


async def _classify(request: Request, user: str, body: ClassifyIn, caller: Caller, normalize: bool) -> Response:
    if (body.input is None) == (body.text is None):
        raise invalid("input", "expected exactly one of 'input' (vLLM) and 'text' (SGLang)")
    texts = _list(body.input if body.input is not None else body.text)
    rewards = await _rewards(request, user, [_parted(one) for one in texts], caller, normalize)
    if body.text is not None:
        return reply([{"embedding": [one], "meta_info": {}} for one in rewards])
    data = [{"index": at, "label": "LABEL_0", "probs": [one], "num_classes": 1} for at, one in enumerate(rewards)]
    return reply({**_envelope(request, user, "classify"), "data": data})


async def _score(request: Request, user: str, body: PairScoreIn, caller: Caller, normalize: bool) -> Response:
    prompts, responses = _list(body.text_1), _list(body.text_2)
    if len(prompts) == 1:
        prompts = prompts * len(responses)
    if len(prompts) != len(responses):
        raise invalid("text_1", f"expected one text or as many as text_2 ({len(responses)}), found {len(prompts)}")
    pairs = [(turns_of(prompt), one) for prompt, one in zip(prompts, responses, strict=True)]
    rewards = await _rewards(request, user, pairs, caller, normalize)
    data = [{"index": at, "object": "score", "score": one} for at, one in enumerate(rewards)]
    return reply({**_envelope(request, user, "score"), "data": data})


def _parted(text: str) -> tuple[Turns, str]:
    """The conversation and the last response of a templated text; a text without template marks is the response."""
    turns = turns_of(text)
    return turns[:-1], turns[-1].content if turns else ""


async def _rewards(
    request: Request, user: str, pairs: list[tuple[Turns, str]] | list[Any], caller: Caller, normalize: bool
) -> Scores:
    """One reward per pair; an unknown person is an error also for an empty list."""
    service: Service = request.app.state.service
    if not pairs:
        await service.threads.store(caller.space.people.require, user)
        return []
    return (await service.rewards.of_items(caller.space, user, pairs, normalize=normalize))[1]


async def _caller(request: Request, key: str) -> Caller:
    service: Service = request.app.state.service
    caller = await service.authenticator.authenticate(key, "predict")
    note(request.scope, caller)
    return caller


def _named(model: str | None) -> str:
    if not model:
        raise invalid("model", "expected the name of a person, or use /users/{user}/…")
    return model.removeprefix("personalrm:")


def _list(value: list[str] | str | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def _envelope(request: Request, user: str, kind: str) -> dict[str, Any]:
    usage = {"prompt_tokens": 0, "total_tokens": 0, "completion_tokens": 0}
    made = int(time.time())
    return {"id": f"{kind}-{made}", "object": "list", "created": made, "model": user, "usage": usage}
