"""OpenAI's chat completions for a person, and feedback on the answers."""

from __future__ import annotations

from hashlib import blake2b
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from starlette.responses import StreamingResponse

from personalrm.service.access import Predicts, Writes
from personalrm.service.answers import FeedbackOut
from personalrm.service.chat import Chat, Chats
from personalrm.service.chat_contract import AnswerFeedbackIn, ChatIn
from personalrm.service.fields import Name
from personalrm.service.http import JsonRoute, reply
from personalrm.service.problems import Problem, invalid
from personalrm.service.state import Service
from personalrm.store.completions import Completed
from personalrm.store.incoming import Added
from personalrm.store.records import Choice, Thumb
from personalrm.store.store import SpaceStore

router = APIRouter(route_class=JsonRoute, tags=["chat"])
SOURCE = "chat"
_NO_STORE = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
Person = Annotated[
    Name | None, Header(alias="X-Personalrm-User", description="The person; the same as `user` in the body")
]
NBest = Annotated[
    int | None, Header(alias="X-Personalrm-N-Best", ge=1, le=16, description="The same as `n_best` in the body")
]


@router.post("/v1/chat/completions", response_model=dict[str, Any])
async def complete(
    request: Request, body: ChatIn, caller: Predicts, person: Person = None, n_best: NBest = None
) -> Response:
    """A chat completion adapted to `user`; streamed with `stream`."""
    count = body.n_best or n_best or 1
    if count > 1 and (body.n or 1) > 1:
        raise invalid("n", "expected 1 where n_best is more than 1: one answer is returned")
    chat = Chat(caller, body.user or person, body.model_dump(exclude_unset=True), count)
    chats = _chats(request)
    if body.stream:
        return StreamingResponse(await chats.begun(chat), 200, _NO_STORE, "text/event-stream")
    return reply(await chats.answered(chat))


@router.get("/v1/models", response_model=dict[str, Any])
async def models(request: Request, caller: Predicts) -> Response:
    """The upstream's list of models."""
    return reply(await _chats(request).models())


@router.post("/v1/feedback", response_model=FeedbackOut)
async def feedback(request: Request, body: AnswerFeedbackIn, caller: Writes) -> Response:
    """Store feedback on an answer: a thumb, a preference over another answer, or an edited version."""
    service: Service = request.app.state.service
    user, given = await service.threads.store(_feedback_of, caller.space, body)
    added = await service.take(_stored, service, caller.space, user, given)
    counts = {"accepted": added.accepted, "known": added.known + len(added.conflicts), "choices": added.choices}
    return reply({"user": user, **counts})


def _feedback_of(space: SpaceStore, body: AnswerFeedbackIn) -> tuple[str, Thumb | Choice]:
    """The person of the answer, and the feedback."""
    user, answer = space.completions.get(body.id)
    response = _response(answer, body.choice)
    shared: dict[str, Any] = {"context": answer.context, "source": SOURCE, "reason": body.reason}
    if body.rating is not None:
        number = f"{body.id}:{body.choice}:{body.rating}"
        return user, Thumb(**shared, id=number, response=response, up=body.rating == "up")
    if body.preferred_over is not None:
        other_user, other = space.completions.get(body.preferred_over, "preferred_over")
        if other_user != user or other.context != answer.context:
            raise invalid("preferred_over", "is an answer to another person or another conversation")
        number, chosen, rejected = f"{body.id}:{body.preferred_over}", response, _response(other, 0)
    else:
        chosen, rejected = body.edited or "", response
        number = f"{body.id}:{body.choice}:edited:{blake2b(chosen.encode(), digest_size=8).hexdigest()}"
    if chosen == rejected:
        raise invalid("edited" if body.edited is not None else "preferred_over", "is the same text as the answer")
    return user, Choice(**shared, id=number, chosen=chosen, rejected=rejected, origin="feedback")


def _stored(service: Service, space: SpaceStore, user: str, given: Thumb | Choice) -> Added:
    if isinstance(given, Thumb):
        return space.feedback.thumbs(user, [given], service.new_choice)
    return space.feedback.choices(user, [given], service.new_choice)


def _response(answer: Completed, at: int) -> str:
    if at >= len(answer.responses):
        raise invalid("choice", f"expected 0 to {len(answer.responses) - 1}, found {at}")
    return answer.responses[at]


def _chats(request: Request) -> Chats:
    chats: Chats | None = request.app.state.chats
    if chats is None:
        way_out = "start the service with --upstream URL (and PERSONALRM_UPSTREAM_KEY)"
        raise Problem(501, "no-upstream", "this service has no upstream for chats", way_out)
    return chats
