"""A server process that imitates five feedback hosts by their documented schemas; `FeedbackServer` controls it.

    with FeedbackServer() as server:
        server.data(scores=[…], traces={…})
        server.faults({"status": 429, "headers": {"Retry-After": "0"}}, {"garbage": True})
        server.log()                # method, path with query, and headers of every request

Keys: Basic ``pk-lf-0123456789:sk-lf-0123456789`` (Langfuse), else `KEY` in the header of the host.
"""

from __future__ import annotations

import json
import os
import time
from base64 import b64encode
from typing import Any
from urllib.parse import parse_qs, urlsplit

from server_process import JsonHandler, ServerProcess, serve

KEY = "key-of-a-feedback-host-0123456789"
PAT = "eyJhbGciOiJub25lIn0.cGVyc29uYWw.dG9rZW4tMDEyMzQ1"
PAIR = "pk-lf-0123456789:sk-lf-0123456789"
BASIC = f"Basic {b64encode(PAIR.encode()).decode()}"


class FeedbackServer(ServerProcess):
    """Starts and controls the process."""

    script = os.path.abspath(__file__)  # noqa: PTH100

    def reset(self) -> None:
        self._control({"reset": True})

    def data(self, **data: Any) -> None:
        """Replace the hosts' data: scores, traces, observations, feedback, runs, ratings, tasks, datasets, …"""
        self._control({"data": data})

    def faults(self, *faults: dict[str, Any]) -> None:
        """Responses for the next API requests instead of answers; ``after`` lets this many requests pass first."""
        self._control({"faults": faults})

    def delete(self, path: str, after: int, table: str, *ids: str) -> None:
        """Delete rows of a table after this many requests to a path."""
        self._control({"deletions": [{"path": path, "after": after, "table": table, "ids": ids}]})

    def log(self) -> list[dict[str, Any]]:
        return list(self._control({}))

    def _control(self, body: dict[str, Any]) -> Any:
        return self.ask("POST", "/_control", body)


STATE: dict[str, Any] = {"data": {}, "faults": [], "log": [], "deletions": []}


def delete_what_is_due(path: str) -> None:
    for one in STATE["deletions"]:
        if path == one["path"]:
            one["after"] -= 1
            if not one["after"]:
                held = STATE["data"][one["table"]]
                for rows in held.values() if isinstance(held, dict) else [held]:
                    rows[:] = [row for row in rows if str(row["id"]) not in one["ids"]]


def authorized(path: str, headers: Any) -> bool:
    if path.startswith("/api/public"):
        return headers.get("Authorization") == BASIC
    if path.startswith(("/api/v1/feedback", "/api/v1/runs")):
        return headers.get("X-API-Key") == KEY
    if path.startswith("/api/v1/evaluations"):
        return headers.get("Authorization") == f"Bearer {KEY}"
    if path.startswith(("/api/v1/me", "/api/v1/datasets")):
        return headers.get("X-Argilla-Api-Key") == KEY
    return path == "/api/token/refresh" or headers.get("Authorization") in (f"Token {KEY}", "Bearer short-lived-access")


def in_window(time: str, low: str | None, high: str | None) -> bool:
    return (low is None or time >= low) and (high is None or time < high)


def answer(path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
    data = STATE["data"]
    one = {name: values[0] for name, values in query.items()}
    if data.get("stuck"):  # the first page, whichever is asked for
        one = {**{name: value for name, value in one.items() if name != "cursor"}, "offset": "0", "page": "1"}
    if path.startswith("/api/public/"):
        return langfuse(path, one, data)
    if path == "/api/v1/feedback":
        if int(one["limit"]) > 100:
            return 422, {"detail": "limit: at most 100"}
        rows = [
            row
            for row in data.get("feedback", [])
            if in_window(row["created_at"], one.get("min_created_at"), one.get("max_created_at"))
            and ("session" not in query or row.get("session_id") in query["session"])
        ]
        return 200, rows[int(one["offset"]) :][: int(one["limit"])]
    if path == "/api/v1/runs/query":
        return 200, {"runs": [row for row in data.get("runs", []) if row["id"] in body["id"]], "cursors": {}}
    if path == "/api/v1/evaluations/feedbacks/all/export":
        return 200, data.get("ratings", [])
    if path == "/api/v1/me/datasets":
        return 200, {"items": [{"id": name, "name": f"set {name}"} for name in data.get("records", {})]}
    if path.startswith("/api/v1/datasets/"):
        assert query["include"] == ["responses"]
        records = data["records"][path.split("/")[4]]
        return 200, {"items": records[int(one["offset"]) :][: int(one["limit"])], "total": len(records)}
    return label_studio(path, one, body, data)


def langfuse(path: str, one: dict[str, str], data: dict[str, Any]) -> tuple[int, Any]:
    if path in ("/api/public/v3/scores", "/api/public/v2/observations"):
        if not data.get("v4"):
            return 404, {"message": "Not Found"}
        return langfuse_4_scores(data, one) if path.endswith("scores") else langfuse_4_observations(data, one)
    if data.get("v4"):
        return 404, {"message": "Not Found"}
    if path in ("/api/public/v2/scores", "/api/public/scores"):
        if path == "/api/public/v2/scores" and data.get("old"):
            return 404, {"message": "Not Found"}
        return langfuse_scores(data, one)
    _, _, _, what, name = path.split("/")
    found = data.get(what, {}).get(name)
    return (200, found) if found else (404, {"error": "LangfuseNotFoundError", "message": f"{what} not found"})


def langfuse_scores(data: dict[str, Any], one: dict[str, str]) -> tuple[int, Any]:
    found = [
        row
        for row in data.get("scores", [])
        if in_window(row["timestamp"], one.get("fromTimestamp"), one["toTimestamp"])
    ]
    found.sort(key=lambda row: row["timestamp"], reverse=True)
    page, limit = int(one["page"]), int(one["limit"])
    meta = {"page": page, "limit": limit, "totalItems": len(found), "totalPages": -(-len(found) // limit)}
    return 200, {"data": found[(page - 1) * limit : page * limit], "meta": meta}


def langfuse_4_scores(data: dict[str, Any], one: dict[str, str]) -> tuple[int, Any]:
    """Newest first, paged by cursor; the target of a score is in ``subject``, and its value has the score's type."""
    assert set(one["fields"].split(",")) == {"details", "subject", "annotation"}
    if int(one["limit"]) > 100:
        return 400, {"message": "limit: at most 100"}
    found = [
        row
        for row in data.get("scores", [])
        if in_window(row["timestamp"], one.get("fromTimestamp"), one["toTimestamp"])
    ]
    found.sort(key=lambda row: (row["timestamp"], row["id"]), reverse=True)
    at = next((at for at, row in enumerate(found, 1) if row["id"] == one.get("cursor")), 0)
    page, limit = found[at:], int(one["limit"])
    shown = []
    for row in page[:limit]:
        about = {"kind": "trace", "id": row["traceId"]}
        if row.get("observationId"):
            about = {"kind": "observation", "id": row["observationId"], "traceId": row["traceId"]}
        kept = {name: value for name, value in row.items() if name not in ("traceId", "observationId")}
        shown.append({**kept, "value": bool(row["value"]), "subject": about})
    meta = {"limit": limit, **({"cursor": page[limit - 1]["id"]} if len(page) > limit else {})}
    return 200, {"data": shown, "meta": meta}


def langfuse_4_observations(data: dict[str, Any], one: dict[str, str]) -> tuple[int, Any]:
    """One observation per page: a root, a child of it, and one with its own score; input and output are texts."""
    trace = data.get("traces", {}).get(one["traceId"])
    rows = []
    if trace is not None:
        root = {"id": f"root-{trace['id']}", "parentObservationId": None, "startTime": trace["timestamp"]}
        texts = {name: json.dumps(trace[name]) for name in ("input", "output")}
        part = {"id": "part", "parentObservationId": root["id"], "startTime": "2020", "input": "x", "output": "y"}
        rows = [part, {**root, **texts, "userId": trace["userId"], "sessionId": trace["sessionId"]}]
        rows += [{"parentObservationId": root["id"], **row} for row in data.get("observations", {}).values()]
    at = int(one.get("cursor", 0))
    meta = {"cursor": str(at + 1)} if at + 1 < len(rows) else {}
    return 200, {"data": rows[at : at + 1], "meta": meta}


def label_studio(path: str, one: dict[str, str], body: Any, data: dict[str, Any]) -> tuple[int, Any]:
    if path == "/api/token/refresh":
        return (200, {"access": "short-lived-access"}) if body == {"refresh": PAT} else (401, {"detail": "bad token"})
    if path == "/api/projects":
        rows = [{"id": int(name)} for name in data.get("tasks", {})]
        page = int(one["page"])  # one a page: the client follows "next"
        return 200, {"count": len(rows), "next": "more" if page < len(rows) else None, "results": rows[page - 1 : page]}
    if path == "/api/tasks":
        if data.get("old"):
            return 404, {"detail": "Not found."}
        wanted = json.loads(one["query"])["filters"]["items"]
        since = next((item["value"] for item in wanted if item["filter"] == "filter:tasks:updated_at"), "")
        tasks = [
            row for row in data["tasks"].get(one["project"], []) if row["updated_at"] > since and row["annotations"]
        ]
        page, size = int(one["page"]), int(one["page_size"])
        found = tasks[(page - 1) * size : page * size]
        if page > 1 and not found:
            return 404, {"detail": "Invalid page."}
        return 200, {"tasks": found, "total": len(tasks), "total_annotations": 0, "total_predictions": 0}
    if path.startswith("/api/projects/") and path.endswith("/export"):
        tasks = data["tasks"].get(path.split("/")[3])
        return (
            (200, [row for row in tasks if row["annotations"]])
            if tasks is not None
            else (404, {"detail": "Not found."})
        )
    return 404, {"detail": "Not found."}


class Handler(JsonHandler):
    def do_GET(self) -> None:  # noqa: N802
        self._answer(None)

    def do_POST(self) -> None:  # noqa: N802
        body = self.body()
        if self.path == "/_control":
            if body.get("reset"):
                STATE.update(data={}, faults=[], log=[], deletions=[])
            STATE["data"] |= body.get("data", {})
            STATE["faults"] += body.get("faults", [])
            STATE["deletions"] += body.get("deletions", [])
            return self.send_json(200, STATE["log"])
        return self._answer(body)

    def _answer(self, body: Any) -> None:
        STATE["log"].append({"method": self.command, "path": self.path, "headers": dict(self.headers)})
        fault = self._fault()
        if fault is not None:
            return self._fail(fault)
        parts = urlsplit(self.path)
        if not authorized(parts.path, self.headers):
            return self.send_json(401, {"detail": f"Invalid key {self.headers.get('Authorization')}"})
        found = answer(parts.path, parse_qs(parts.query), body)
        delete_what_is_due(parts.path)
        return self.send_json(*found)

    def _fault(self) -> dict[str, Any] | None:
        if not STATE["faults"]:
            return None
        if STATE["faults"][0].get("after", 0) > 0:
            STATE["faults"][0]["after"] -= 1
            return None
        fault = STATE["faults"][0]
        if not fault.get("always"):
            STATE["faults"].pop(0)
        return dict(fault)

    def _fail(self, fault: dict[str, Any]) -> None:
        if fault.get("drop"):
            self.close_connection = True
            self.connection.close()
            return
        if "slow" in fault:
            time.sleep(fault["slow"])
        said = b"<html>not what you think" if fault.get("garbage") else json.dumps({"detail": f"no {KEY}"}).encode()
        if "endless" in fault:
            said = b" " * fault["endless"]
        self.send_bytes(fault.get("status", 200), said, fault.get("headers", {}))


if __name__ == "__main__":
    serve(Handler)
