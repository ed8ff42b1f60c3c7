"""The page *Studies* for the space's managers: create a study, see its progress and result, export, delete."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, File, Form, Path, Request, Response, UploadFile

from personalrm.bench.studies.human import HumanStudy, Protocol, Session
from personalrm.bench.studies.human.material import ARMS
from personalrm.data.candidates import Candidate, read_candidates
from personalrm.data.problems import Problems
from personalrm.service.fields import FormName
from personalrm.service.pages.importing import uploaded
from personalrm.service.pages.links import links
from personalrm.service.pages.rendering import PageRoute, html, to
from personalrm.service.pages.visiting import ManagesSpace, is_secure
from personalrm.service.problems import invalid
from personalrm.service.state import Service
from personalrm.service.studies import MOST_PAIRS, begin, exported
from personalrm.store.store import SpaceStore

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Number = Annotated[int, Path(ge=1, le=2**53)]
_NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@router.get("/studies")
async def listed(request: Request, caller: ManagesSpace) -> Response:
    """The space's studies, and a form to create one."""
    service: Service = request.app.state.service

    def found() -> dict[str, Any]:
        pool = len(caller.space.pool.some(MOST_PAIRS))
        return {"studies": caller.space.studies.all(), "pool": pool, "usual": Protocol()}

    shown = await service.threads.store(found)
    return html(request, "studies.html", title="Studies", user=None, links=links(caller, None, "studies"), **shown)


@router.post("/studies")
async def create(
    request: Request,
    caller: ManagesSpace,
    name: FormName,
    choices: Annotated[int, Form(ge=1, le=500)],
    statements: Annotated[int, Form(ge=1, le=8)],
    effect: Annotated[float, Form(ge=0.1, le=2.0)],
    file: Annotated[UploadFile | None, File()] = None,
    simulated: Annotated[bool, Form()] = False,
) -> Response:
    """Create a study; its settings cannot be changed afterwards."""
    service: Service = request.app.state.service
    content = await file.read() if file is not None else b""
    ending = file.filename or "" if file is not None else ""
    seed = secrets.randbelow(2**31)
    protocol = Protocol(choices=choices, statements=statements, effect=effect, seed=seed, simulated=simulated)

    def begun() -> int:
        pairs = _pairs(ending, content) if content else caller.space.pool.some(MOST_PAIRS)
        return begin(caller.space, name, protocol, pairs, caller.key_id)

    return to(f"/studies/{await service.threads.store(begun)}")


@router.get("/studies/{study}")
async def one(request: Request, study: Number, caller: ManagesSpace) -> Response:
    """Progress and result of a study."""
    service: Service = request.app.state.service
    shown = await service.threads.predict(_study, service, caller.space, study)
    address = f"{'https' if is_secure(request) else 'http'}://{request.headers.get('host', '')}"
    told: dict[str, Any] = {"user": None, "links": links(caller, None, "studies"), "address": address, "arms": ARMS}
    return html(request, "study.html", title=shown["stored"].name, **told, **shown)


@router.get("/studies/{study}/export.json")
async def export(request: Request, study: Number, caller: ManagesSpace) -> Response:
    """A study's complete data in one JSON file."""
    service: Service = request.app.state.service

    def found() -> bytes:
        name = caller.space.studies.get(study).name
        return orjson.dumps(exported(service.studies.get(caller.space, study), name))

    content = await service.threads.predict(found)
    return _file(content, f"study-{study}.json", "application/json")


@router.get("/studies/{study}/ratings.csv")
async def ratings(request: Request, study: Number, caller: ManagesSpace) -> Response:
    """All ratings as CSV, one per row."""
    service: Service = request.app.state.service

    def found() -> bytes:
        caller.space.studies.get(study)
        return service.studies.get(caller.space, study).analyse().as_csv()

    return _file(await service.threads.predict(found), f"study-{study}.csv", "text/csv; charset=utf-8")


@router.post("/studies/{study}/closed")
async def close(request: Request, study: Number, caller: ManagesSpace, closed: Annotated[bool, Form()]) -> Response:
    """Close the study to new participants, or open it again."""
    service: Service = request.app.state.service
    await service.threads.store(caller.space.studies.close, study, closed=closed)
    return to(f"/studies/{study}", said="study-closed" if closed else "study-opened")


@router.post("/studies/{study}/erase")
async def erase(request: Request, study: Number, caller: ManagesSpace, code: FormName) -> Response:
    """Delete all data of a participant."""
    service: Service = request.app.state.service
    if not await service.threads.store(caller.space.studies.erase, study, code.strip(), caller.key_id):
        raise invalid("code", "this study has no participant with this code", "go back and use a code from the list")
    return to(f"/studies/{study}", said="participant-deleted")


@router.post("/studies/{study}/delete")
async def delete(request: Request, study: Number, caller: ManagesSpace, name: FormName) -> Response:
    """Delete a study and all its data."""
    service: Service = request.app.state.service

    def deleted() -> None:
        if caller.space.studies.get(study).name != name.strip():
            raise invalid("name", "expected the name of the study", "go back and type it as shown on the page")
        caller.space.studies.delete(study, caller.key_id)
        service.studies.drop(caller.space, study)

    await service.threads.store(deleted)
    return to("/studies", said="study-deleted")


def _pairs(name: str, content: bytes) -> list[Candidate]:
    problems = Problems()
    with uploaded(name, content) as file:
        found = list(read_candidates(file, problems=problems))
    if problems.skipped:
        raise invalid("file", problems.summary(), "correct the rows and send the file again")
    return found


def _study(service: Service, space: SpaceStore, number: int) -> dict[str, Any]:
    stored = space.studies.get(number)
    study = service.studies.get(space, number)
    sessions = study.sessions()
    return {
        "stored": stored,
        "protocol": study.protocol,
        "pairs": len(study.pairs),
        "found": study.analysis_of(sessions),
        "chosen": sum(one.has_chosen() for one in sessions),
        "participants": [(one.code, _where(study, one)) for one in sessions],
        "invitation": f"/take-part/{space.links.to_study(number)}",
    }


def _where(study: HumanStudy, session: Session) -> str:
    """A participant's progress as text."""
    total = study.protocol.choices
    if len(session.picks) < total:
        return f"{len(session.picks)} of {total} pairs"
    if not session.has_chosen():
        return "preferred neither answer in every pair"
    if not session.statements:
        return "has compared all pairs"
    return "finished" if session.has_rated() else f"{len(session.ratings)} of {len(session.statements)} ratings"


def _file(content: bytes, name: str, kind: str) -> Response:
    headers = {**_NO_STORE, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, 200, headers, kind)
