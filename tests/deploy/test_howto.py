"""The pages for operators, followed on a machine without root: each command of the relay is run.

What only root may do (users, units, links) is not run; that it names files which exist is checked.
Paths of the page are moved into a folder of the test; everything else is typed as it stands there.
"""

from __future__ import annotations

import re
import shlex
import signal
import socket
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.relay_process import (
    PATIENCE_SECONDS,
    PRODUCT,
    RelayProcess,
    product_environment,
    run_relay,
)
from tests.server.agency import Agency, join

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = ROOT / "docs" / "howto"
COMMAND: Final = re.compile(r"^    (?:[A-Z_]+=\S+ )?(?:\S*/)?quietway-relay (.+)$", re.MULTILINE)
MOVED: Final = ("/var/lib/quietway", "/var/backups/quietway")
GIVEN: Final = re.compile(r"\b(?:deploy|requirements)/[\w./-]+\w")


@dataclass
class Machine:
    """The operator's machine: its folders, and its settings as the page gives them."""

    root: Path
    environment: dict[str, str]

    @classmethod
    def prepare(cls, root: Path) -> Machine:
        for folder in MOVED:
            (root / folder[1:]).mkdir(parents=True, mode=0o700)
        given = (ROOT / "deploy" / "relay.env").read_text("utf-8")
        settings = dict(re.findall(r"^(QUIETWAY_RELAY_\w+)=(.+)$", given, re.MULTILINE))
        for name in ("QUIETWAY_RELAY_PORT", "QUIETWAY_RELAY_OPERATOR_PORT"):
            settings[name] = str(_free_port())
        return cls(root, {name: cls._move(root, value) for name, value in settings.items()})

    def run(self, command: str, typed: str = "", *, status: int = 0) -> str:
        words = [self._move(self.root, word) for word in shlex.split(command)]
        done = subprocess.run(
            [sys.executable, "-m", PRODUCT, *words],
            env=product_environment(**self.environment),
            cwd=self.root,
            input=typed,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def relay(self) -> RelayProcess:
        """Give the relay that its unit would start."""
        folder = self.root / MOVED[0][1:]
        port = self.environment["QUIETWAY_RELAY_PORT"]
        return RelayProcess(folder, options={"port": port}, environment=self.environment)

    @staticmethod
    def _move(root: Path, word: str) -> str:
        return f"{root}{word}" if word.startswith(MOVED) else word


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine.prepare(tmp_path)


@pytest.fixture
def serving(machine: Machine) -> Iterator[RelayProcess]:
    with machine.relay() as relay:
        yield relay


def read_commands(page: str) -> deque[str]:
    return deque(COMMAND.findall((PAGES / f"{page}.md").read_text("utf-8")))


def test_a_relay_is_run_as_the_page_says(machine: Machine, tmp_path: Path) -> None:
    commands = read_commands("run-a-relay")
    machine.run(commands.popleft())
    assert len(machine.run(commands.popleft()).strip()) == 43
    assert "FAIL" not in machine.run(commands.popleft())
    with machine.relay() as relay:
        code = machine.run(commands.popleft()).strip()
        agency = join(f"http://127.0.0.1:{relay.port}", code, 1)
        watch(machine, relay, commands.popleft())
        machine.run(commands.popleft())
        assert relay.stop() == 0
    machine.run(commands.popleft(), "restore\n")
    with machine.relay() as relay:
        assert knows(relay, agency)
        machine.run(commands.popleft())
        assert (tmp_path / "support.json").exists()
    assert not commands


def test_a_relay_is_upgraded_as_the_page_says(serving: RelayProcess, machine: Machine) -> None:
    commands = read_commands("upgrade-a-relay")
    assert "FAIL" not in machine.run(commands.popleft())
    machine.run(commands.popleft())
    assert "is of this version" in machine.run(commands.popleft())
    assert serving.stop() == 0
    serving.restart()
    assert "FAIL" not in machine.run(commands.popleft())
    assert serving.stop() == 0
    back = commands.popleft().replace("PREVIOUS", "0006")
    assert "is of version 0006" in machine.run(back)
    assert "0007: " in machine.run("migrate --check", status=1)
    assert not commands


@pytest.mark.parametrize("page", ["run-a-relay", "upgrade-a-relay"])
def test_what_a_page_copies_is_there(page: str) -> None:
    text = (PAGES / f"{page}.md").read_text("utf-8")
    for named in GIVEN.findall(text):
        assert (ROOT / named).exists() or list(ROOT.glob(f"{named}*")), named


def watch(machine: Machine, relay: RelayProcess, command: str) -> None:
    """Let the watchdog look until it has found the relay well, then end it."""
    assert relay.operator_url
    watching = subprocess.Popen(
        [sys.executable, "-m", PRODUCT, *shlex.split(command)],
        env=product_environment(
            **machine.environment,
            QUIETWAY_RELAY_WATCH_URL=relay.operator_url,
            QUIETWAY_RELAY_WAKE_OWN_HOSTS="http://127.0.0.1:1",
            QUIETWAY_RELAY_ALARM_TARGETS="http://127.0.0.1:1/alarm",
        ),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    with watching:
        assert watching.stdout.readline().startswith("quietway-relay: ")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(PATIENCE_SECONDS) == 0


def knows(relay: RelayProcess, agency: Agency) -> bool:
    """Tell whether an agency still has its place: its id can be removed, if the operator asks."""
    asked = run_relay("remove", str(agency.agency_id), "--database", str(relay.database))
    return asked.returncode == 2 and "not its code" in asked.stderr


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
