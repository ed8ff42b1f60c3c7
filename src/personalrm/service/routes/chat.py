"""OpenAI's chat completions for a person, and feedback on what was answered."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from starlette.responses import StreamingResponse

from personalrm.errors import PersonalrmError
from personalrm.service.access import Predicts, Writes
from personalrm.service.answers import FeedbackOut
from personalrm.service.chat import Chat, Chats
from personalrm.service.chat_contract import AnswerFeedbackIn, ChatIn
from personalrm.service.contract import Name
from personalrm.service.http import JsonRoute, reply
from personalrm.service.problems import Problem, invalid, problem_of
from personalrm.service.state import Service
from personalrm.store.completions import Completed
from personalrm.store.incoming import Added
from personalrm.store.records import Choice, Thumb
from personalrm.store.store import SpaceStore

router = APIRouter(route_class=JsonRoute, tags=["chat"])
SOURCE = "chat"
_NO_STORE = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
Person = Annotated[Name | None, Header(alias="X-Personalrm-User", description="Whose answer it is, as `user`")]
NBest = Annotated[int | None, Header(alias="X-Personalrm-N-Best", ge=1, le=16, description="As `n_best`")]


@router.post("/v1/chat/completions", response_model=dict[str, Any])
async def complete(
    request: Request, body: ChatIn, caller: Predicts, person: Person = None, n_best: NBest = None
) -> Response:
    """A chat completion in which `user` likes the answer; streams with `stream`."""
    chats: Chats | None = request.app.state.chats
    count = body.n_best or n_best or 1
    if count > 1 and (body.n or 1) > 1:
        raise _for_clients(invalid("n", "expected 1 where n_best is more than 1: one answer is returned"))
    chat = Chat(caller, body.user or person, body.model_dump(exclude_unset=True), count)
    try:
        if chats is None:
            raise _no_upstream()
        if body.stream:
            return StreamingResponse(await chats.begun(chat), 200, _NO_STORE, "text/event-stream")
        return reply(await chats.answered(chat))
    except Problem as problem:
        raise _for_clients(problem) from None
    except PersonalrmError as error:
        raise _for_clients(problem_of(error)) from None


@router.post("/v1/feedback", response_model=FeedbackOut)
async def feedback(request: Request, body: AnswerFeedbackIn, caller: Writes) -> Response:
    """What the person thinks of an answer: up, down, preferred over another answer, or as they have edited it."""
    service: Service = request.app.state.service

    def store() -> tuple[str, Added]:
        return _stored(service, caller.space, body)

    user, added = await service.threads.store(store)
    service.metrics.choices.inc(added.choices)
    service.learner.wake()
    counts = {"accepted": added.accepted, "known": added.known + len(added.conflicts), "choices": added.choices}
    return reply({"user": user, **counts})


def _stored(service: Service, space: SpaceStore, body: AnswerFeedbackIn) -> tuple[str, Added]:
    user, answer = space.completions.get(body.id)
    response = _response(answer, body.choice)
    shared: dict[str, Any] = {"context": answer.context, "source": SOURCE, "reason": body.reason}
    work = service.new_choice
    if body.rating is not None:
        number = f"{body.id}:{body.choice}:{body.rating}"
        thumb = Thumb(**shared, id=number, response=response, up=body.rating == "up")
        return user, space.feedback.thumbs(user, [thumb], work)
    if body.preferred_over is not None:
        other_user, other = space.completions.get(body.preferred_over, "preferred_over")
        if other_user != user or other.context != answer.context:
            raise invalid("preferred_over", "is an answer to another person or another conversation")
        number, chosen, rejected = f"{body.id}:{body.preferred_over}", response, _response(other, 0)
    else:
        number, chosen, rejected = f"{body.id}:{body.choice}:edited", body.edited or "", response
    if chosen == rejected:
        raise invalid("edited" if body.edited is not None else "preferred_over", "is the same text as the answer")
    made = Choice(**shared, id=number, chosen=chosen, rejected=rejected, origin="feedback")
    return user, space.feedback.choices(user, [made], work)


def _response(answer: Completed, at: int) -> str:
    if at >= len(answer.responses):
        raise invalid("choice", f"expected 0 to {len(answer.responses) - 1}, found {at}")
    return answer.responses[at]


def _no_upstream() -> Problem:
    way_out = "start the service with --upstream URL (and PERSONALRM_UPSTREAM_KEY)"
    return Problem(501, "no-upstream", "this service knows nobody who answers chats", way_out)


def _for_clients(problem: Problem) -> Problem:
    """With the member that OpenAI's clients look for."""
    error = {"message": problem.detail, "type": problem.name, "code": problem.name, "param": None}
    problem.more = {**problem.more, "error": error}
    return problem
