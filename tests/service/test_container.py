"""The Dockerfile and the compose file, which cannot be built where these tests run: linted, and read as data."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from places import ROOT
from service_process import Server

from personalrm.service.config import ServiceConfig
from personalrm.store.database import parse_url

FIELDS = {f"PERSONALRM_{one.name.upper()}" for one in fields(ServiceConfig)}
SECRET = re.compile(r"(?i)(password|_key|secret|token)\w*$")


def instructions() -> list[tuple[str, str]]:
    """Of the Dockerfile, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    lines = [one for one in text.splitlines() if one.strip() and not one.startswith("#")]
    return [(name, rest) for name, _, rest in (one.partition(" ") for one in lines)]


def only(name: str) -> str:
    found = [rest for one, rest in instructions() if one == name]
    assert len(found) == 1, name
    return found[0]


def image_environment() -> dict[str, str]:
    return dict(part.split("=", 1) for part in only("ENV").split())


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return found


def test_the_linter_finds_nothing_in_the_dockerfile() -> None:
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if program is None:
        pytest.skip("hadolint is not installed")
    found = subprocess.run([program, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def test_the_image_runs_as_a_user_that_owns_its_data_and_nothing_else() -> None:
    user = only("USER").split(":")[0]
    assert user.isdigit()
    assert int(user) > 0
    assert any(name == "RUN" and f"-o {user} " in rest and only("VOLUME") in rest for name, rest in instructions())
    order = [name for name, _ in instructions()]
    assert order.index("USER") > max(at for at, name in enumerate(order) if name in ("RUN", "COPY"))


def test_the_image_sets_what_the_service_knows_and_keeps_its_files_in_the_volume() -> None:
    given = {name: value for name, value in image_environment().items() if name.startswith("PERSONALRM_")}
    assert set(given) <= FIELDS
    config = ServiceConfig.from_environment(given)
    assert config.database is not None
    assert config.cache is not None
    for file in (parse_url(config.database).database, config.cache):
        assert str(file).startswith(f"{only('VOLUME')}/")
    assert str(config.port) == only("EXPOSE")
    assert not config.is_loopback
    assert not config.open


def test_what_is_copied_into_the_image_is_there_and_not_ignored() -> None:
    kept = {one[1:] for one in (ROOT / ".dockerignore").read_text().splitlines() if one.startswith("!")}
    for name, rest in instructions():
        if name == "COPY" and "--from" not in rest:
            for part in rest.split()[:-1]:
                assert (ROOT / part.removeprefix("./")).exists()
                assert part.removeprefix("./") in kept
    assert json.loads(only("ENTRYPOINT")) == ["personalrm", "serve"]


def test_the_health_check_passes_on_a_service_that_answers_and_on_nothing_else(server: Server) -> None:
    check = only("HEALTHCHECK")
    command = json.loads(check[check.index("CMD") + 3 :])
    assert any("/healthz" in part for part in command)

    def status(port: int) -> int:
        run = [sys.executable, *command[1:]]
        environment = {**image_environment(), "PERSONALRM_PORT": str(port)}
        return subprocess.run(run, env=environment, capture_output=True, check=False).returncode

    assert command[0] == "python"
    assert status(server.port) == 0
    assert status(1) != 0


def test_compose_passes_what_the_service_knows_and_holds_no_secret() -> None:
    app, database = services()["app"], services()["database"]
    assert set(app["environment"]) <= FIELDS
    for one in (app, database):
        for name, value in one["environment"].items():
            if SECRET.search(name):
                assert re.fullmatch(r"\$\{\w+:[?-][^}]*\}", value), name
    url = re.sub(r"\$\{\w+:\?[^}]*\}", "x1", app["environment"]["PERSONALRM_DATABASE"])
    found = parse_url(url)
    assert found.get_backend_name() == "postgresql"
    assert found.host in services()
    given = database["environment"]
    assert (found.username, found.database) == (given["POSTGRES_USER"], given["POSTGRES_DB"])
    assert "${POSTGRES_PASSWORD" in app["environment"]["PERSONALRM_DATABASE"]


def test_compose_publishes_the_port_on_loopback_and_waits_for_the_database() -> None:
    app, database = services()["app"], services()["database"]
    assert app["ports"] == [f"127.0.0.1:{only('EXPOSE')}:{only('EXPOSE')}"]
    assert app["volumes"] == [f"data:{only('VOLUME')}"]
    assert app["depends_on"]["database"]["condition"] == "service_healthy"
    assert database["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]
    assert "ports" not in database
    assert int(app["stop_grace_period"].removesuffix("s")) > float(app["environment"]["PERSONALRM_GRACE"])


def test_the_level_of_the_library_s_log_does_not_stop_the_service() -> None:
    assert ServiceConfig.from_environment({"PERSONALRM_LOG": "debug"}) == ServiceConfig()
