"""Tests on real people: where the data lies, which tests need it, and whether these ran. A pytest plugin.

The data lies in the folder that PERSONALRM_REAL_DATA names, else in ``shared/data`` beside the repository; it is never
part of the repository. A test that needs it takes the fixture `real_data` and so carries the marker ``real_people``
(parameters of a fixture that need it carry the marker themselves). Without the folder these tests are skipped with one
reason. With ``--require-real-people``, as CI runs, it is an error if the folder is there and any of them did not run.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from places import ROOT

REAL_DATA = Path(os.environ.get("PERSONALRM_REAL_DATA") or ROOT.parent / "shared" / "data")
REASON = "the data of real people is not here: PERSONALRM_REAL_DATA names its folder"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-real-people",
        action="store_true",
        help="fail if tests on real people did not run although their data is here",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real_people: needs the data of real people; see the fixture real_data")
    if not hasattr(config, "workerinput"):  # the process that hears of every test
        config.pluginmanager.register(Counts(config.getoption("--require-real-people")))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real people's choices."""
    if not REAL_DATA.is_dir():
        pytest.skip(REASON)
    return REAL_DATA


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    for item in items:
        if "real_data" in getattr(item, "fixturenames", ()):
            item.add_marker("real_people")
        if item.get_closest_marker("real_people") and not REAL_DATA.is_dir():
            item.add_marker(pytest.mark.skip(reason=REASON))


class Counts:
    """Counts the tests on real people, and fails the session where they are required and did not run."""

    def __init__(self, required: bool) -> None:
        self.required = required and REAL_DATA.is_dir()
        self.ran: set[str] = set()
        self.skipped: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if "real_people" in report.keywords:
            if report.skipped:
                self.skipped.add(report.nodeid)
            elif report.when == "call":
                self.ran.add(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.required and (self.skipped or not self.ran):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.ran or self.skipped:
            terminalreporter.write_line(f"on real people: {len(self.ran)} tests ran, {len(self.skipped)} were skipped")
        if self.required and (self.skipped or not self.ran):
            left = ", ".join(sorted(self.skipped)) or "none was collected"
            terminalreporter.write_line(f"tests on real people must run where {REAL_DATA} is: {left}", red=True)
