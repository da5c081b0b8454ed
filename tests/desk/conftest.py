"""A real relay and two agencies with stores of their own, for the desk's commands as processes."""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.journeys.conftest import PASSPHRASE, befriend, found
from tests.relay_process import RelayProcess, product_environment

from quietway_desk.running import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Desk:
    """One agency's desk: the folder of its store, and the file with its passphrase."""

    home: Path
    passphrase_file: Path

    def environment(self, **changed: str) -> dict[str, str]:
        return product_environment(
            **{
                "QUIETWAY_HOME": str(self.home),
                "QUIETWAY_PASSPHRASE_FILE": str(self.passphrase_file),
                "HOME": str(self.home.parent),
                "COLUMNS": "100",
                **changed,
            }
        )

    def run(self, *arguments: str, words: str = "", **changed: str) -> Ran:
        """Run a command in this process, which saves a start of Python for each."""
        out, err = io.StringIO(), io.StringIO()
        with (
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            patch.setattr("sys.stdin", io.StringIO(words))
            for name, value in self.environment(**changed).items():
                patch.setenv(name, value)
            status = run(arguments)
        return Ran(status, out.getvalue(), err.getvalue())

    def run_apart(self, *arguments: str, words: str = "") -> Ran:
        """Run a command as people do: in a process of its own."""
        ran = subprocess.run(
            command(*arguments),
            env=self.environment(),
            input=words,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)


@dataclass(frozen=True)
class Street:
    """A relay, and the desks of a shelter and a hospital that are partners."""

    relay: RelayProcess
    shelter: Desk
    hospital: Desk


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "quietway_desk", *arguments]


def write_passphrase(folder: Path) -> Path:
    file = folder / "passphrase"
    file.write_text(f"{PASSPHRASE}\n")
    return file


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """Give one street to a whole file: each test looks for words of its own only."""
    folder = tmp_path_factory.mktemp("street")
    passphrase_file = write_passphrase(folder)
    with RelayProcess(folder / "relay") as relay:
        homes = [folder / "harbor", folder / "mercy"]
        with ExitStack() as stack:
            befriend(
                stack.enter_context(found(relay, homes[0], "HARBOR-SHELTER", "shelter_staff")),
                stack.enter_context(
                    found(relay, homes[1], "MERCY-SOCIALWORK", "hospital_social_worker")
                ),
            )
        yield Street(relay, *(Desk(home, passphrase_file) for home in homes))
