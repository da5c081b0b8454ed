"""The example app as a stranger runs it: one command, two addresses, and a browser's requests."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS: Final = 60
NAME: Final = "Ana Canary"
WORDS: Final = "A place from tonight, for two."
NAMED: Final = "Ana comes over with our colleague."


@dataclass(frozen=True)
class Page:
    """One of the two apps, as a browser sees it."""

    origin: str

    def ask(
        self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        with closing(HTTPConnection(self.origin, timeout=PATIENCE_SECONDS)) as connection:
            connection.request(method, path, body.encode(), headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8")

    def read(self) -> str:
        status, text = self.ask("GET", "/")
        assert status == 200
        return text

    def find(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]+)"', self.read())
        assert found is not None, name
        return found[1]

    def press(self, button: str, **form: str) -> str:
        """Send a form as the page has it, and give the page that follows."""
        status, _ = self.ask("POST", f"/{button}", urlencode({"token": self.find("token"), **form}))
        assert status == 303
        return self.read()


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < end, "It did not come to that."
        time.sleep(0.2)


@pytest.fixture
def apps() -> Iterator[tuple[Page, Page]]:
    """The hospital's app and the shelter's."""
    paths = os.pathsep.join(path for path in sys.path if path)
    running = subprocess.Popen(
        [sys.executable, str(ROOT / "examples" / "partner_app")],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    try:
        lines = [running.stdout.readline() for _ in range(2)]
        hospital, shelter = (Page(re.findall(r"http://([\d.:]+)", line)[0]) for line in lines)
        yield hospital, shelter
    finally:
        running.send_signal(signal.SIGINT)
        status = running.wait(PATIENCE_SECONDS)
        running.stdout.close()
    assert status == 0


@pytest.mark.requirement("D04")
def test_a_stranger_gets_from_a_case_to_an_answer_and_to_a_pause(apps: tuple[Page, Page]) -> None:
    """D04: a partner app gets by with the SDK's public face alone."""
    hospital, shelter = apps
    assert "Nobody was told" in hospital.press("open", name=NAME)
    case = hospital.find("case")

    assert "Sent." in hospital.press("refer", case=case, to="HARBOR", text=WORDS)
    # The client follows by itself; the shelter's page only has to be loaded anew.
    until(lambda: WORDS in shelter.read())
    assert "they are told" in shelter.press("answer", referral=shelter.find("referral"))
    until(lambda: "Accepted" in hospital.read())

    refused = hospital.press("refer", case=case, to="HARBOR", text=NAMED, named="yes")
    assert "rule P61" in refused
    assert "tell her the five things" in hospital.press("release", case=case, to="HARBOR")
    hospital.press("release", case=case, to="HARBOR", told="yes")
    assert "Sent." in hospital.press("refer", case=case, to="HARBOR", text=NAMED, named="yes")
    until(lambda: NAMED in shelter.read())
    assert NAME not in shelter.read()

    assert "taken back" in hospital.press("pause", case=case)
    until(lambda: WORDS not in shelter.read())
    assert NAMED not in shelter.read()
    assert "Sharing is paused" in hospital.read()


def test_a_form_from_elsewhere_and_a_forged_event_do_nothing(apps: tuple[Page, Page]) -> None:
    hospital, _ = apps
    forged = [
        ("/open", "name=Eve&token=guessed", {}, 403),
        ("/open", "name=Eve", {"host": "elsewhere.example"}, 404),
        ("/events", '{"event":"received"}', {"quietway-signature": "t=1,v1=" + "0" * 64}, 401),
    ]
    for path, body, headers, status in forged:
        assert hospital.ask("POST", path, body, headers)[0] == status
    assert "Eve" not in hospital.read()
