"""A pytest plugin for requirements of tests: real people's data, and programs of Debian packages.

The data is in the folder given by PERSONALRM_REAL_DATA, else in ``shared/data`` beside the repository; it is never part
of the repository. A test that needs it uses the fixture `real_data` and thereby gets the marker ``real_people``
(fixture parameters that need it set the marker themselves). Without the folder these tests are skipped with one reason.
A test whose program is missing is skipped with a reason that names the ``apt-get install`` command.

CI runs with ``--require-real-people`` (fails if the folder exists and a test on real people did not run) and
``--require-programs`` (fails if a test was skipped because of a missing program).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from places import ROOT

REAL_DATA = Path(os.environ.get("PERSONALRM_REAL_DATA") or ROOT.parent / "shared" / "data")
REASON = "the data of real people is not here: PERSONALRM_REAL_DATA names its folder"
INSTALL = "apt-get install"


def pytest_addoption(parser: pytest.Parser) -> None:
    for what in ("real-people", "programs"):
        parser.addoption(f"--require-{what}", action="store_true", help="see tests/helpers/requirements.py")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real_people: needs the data of real people; see the fixture real_data")
    if not hasattr(config, "workerinput"):  # the main process, which gets all reports
        people = config.getoption("--require-real-people") and REAL_DATA.is_dir()
        config.pluginmanager.register(Ran(people, config.getoption("--require-programs")))


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


class Ran:
    """Counts tests on real people and tests without their program; fails the session if they are required."""

    def __init__(self, people: bool, programs: bool) -> None:
        self.people, self.programs = people, programs
        self.ran: set[str] = set()
        self.skipped: set[str] = set()
        self.without_program: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and isinstance(report.longrepr, tuple) and INSTALL in report.longrepr[2]:
            self.without_program[report.nodeid] = report.longrepr[2]
        if "real_people" in report.keywords:
            if report.skipped:
                self.skipped.add(report.nodeid)
            elif report.when == "call":
                self.ran.add(report.nodeid)

    def faults(self) -> Iterator[str]:
        """Required tests that did not run."""
        if self.people and (self.skipped or not self.ran):
            left = ", ".join(sorted(self.skipped)) or "none was collected"
            yield f"tests on real people must run where {REAL_DATA} is: {left}"
        if self.programs:
            yield from (f"{test} must run: {why}" for test, why in sorted(self.without_program.items()))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if any(self.faults()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.ran or self.skipped:
            terminalreporter.write_line(f"on real people: {len(self.ran)} tests ran, {len(self.skipped)} were skipped")
        for fault in self.faults():
            terminalreporter.write_line(fault, red=True)
