"""The demo as people run it: a process of its own, on free ports, that leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.client_sdk.interop.verdicts import OPEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT: Final = Path(__file__).resolve().parents[2]
DEMO: Final = ROOT / "examples" / "demo"
# A file with a person's name in it, and a task to fulfil it; the others are played together.
NAMED: Final = "gravity/SDOHCC-ServiceRequest-HungerVitalSign-Example-1.json"
TASK: Final = "gravity/SDOHCC-Task-OrderFulfillment-Example-1.json"
# What identifies a person or tells a story, wherever in the file it stands.
IDENTIFYING: Final = frozenset(
    ("reference", "display", "value", "id", "div", "text", "patientInstruction", "authorString")
)


@dataclass(frozen=True)
class Stage:
    """A home and a place for temporary files, both empty before the demo."""

    home: Path
    temporary: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return kept | {
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }

    def play(self, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(DEMO)],
            env=self.environment | settings,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=420,
            check=False,
        )

    def assert_clean(self) -> None:
        assert list(self.home.iterdir()) == []
        assert list(self.temporary.iterdir()) == []


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path / "home", tmp_path / "temporary")
    made.home.mkdir()
    made.temporary.mkdir()
    return made


def test_the_demo_tells_who_sees_what_and_leaves_nothing_behind(stage: Stage) -> None:
    played = stage.play()

    assert (played.returncode, played.stderr) == (0, "")
    assert "Who sees what" in played.stdout
    for told in ("rings", "corroborated it", "Who takes part, as", "is due"):
        assert told in played.stdout
    assert re.search(r"the relay's files +\d+ files, [\d,]+ bytes: 0 found", played.stdout)
    assert max(map(len, played.stdout.splitlines())) <= 80
    assert "\x1b" not in played.stdout
    stage.assert_clean()


def test_one_scene_is_played_with_the_setup_it_needs(stage: Stage) -> None:
    played = stage.play(SCENE="status")

    assert played.returncode == 0, played.stdout
    assert "The police were not told of the medical need" in played.stdout
    assert "fingerprints" not in played.stdout
    stage.assert_clean()


@pytest.mark.requirement("A26")
def test_an_address_is_caught_and_a_photograph_cleaned_before_they_are_sealed(
    stage: Stage,
) -> None:
    """A26: no house or street is pinpointed: a code goes instead, and a picture without a place."""
    played = stage.play(SCENE="guarded")

    assert (played.returncode, played.stderr) == (0, ""), played.stdout
    assert "by street.numbered" in played.stdout
    assert "A relocation is being planned" in played.stdout
    assert "taken at 48.1417 N" in played.stdout
    assert "nothing besides its picture" in played.stdout
    assert max(map(len, played.stdout.splitlines())) <= 80
    stage.assert_clean()


@pytest.mark.requirement("D06")
def test_the_story_ends_well_while_network_relay_and_the_device_on_call_are_killed(
    stage: Stage,
) -> None:
    """D06: who is on call is reached, whatever is killed; the scene fails on anything lost."""
    played = stage.play(SCENE="chaos")

    assert (played.returncode, played.stderr) == (0, ""), played.stdout
    for killed in ("network", "phone", "relay"):
        assert re.search(rf"The {killed} +is killed", played.stdout)
    assert "NOT DELIVERED" in played.stdout
    assert "each once" in played.stdout
    assert re.search(r"the relay's files +\d+ files, [\d,]+ bytes: 0 found", played.stdout)
    stage.assert_clean()


def test_a_scene_that_is_not_there_is_named_with_those_that_are(stage: Stage) -> None:
    played = stage.play(SCENE="finale")

    assert played.returncode == 2
    scenes = "founding, referral, status, guarded, agreed, consented, taken_back, restart, paused"
    more = "gap, second_device, lost_laptop, alert, corroborated, huddle, closed"
    assert f"{scenes}, {more}, two_faces, expired, who_sees_what, chaos" in played.stdout


def list_identifying(value: object, name: str = "") -> Iterator[str]:
    if isinstance(value, str) and name in IDENTIFYING and value.strip():
        yield value
    elif isinstance(value, dict):
        for field, held in value.items():
            yield from list_identifying(held, field)
    elif isinstance(value, list):
        for held in value:
            yield from list_identifying(held, name)


@pytest.mark.parametrize("name", [NAMED, TASK])
def test_a_real_file_is_sent_without_a_word_of_it_that_identifies(
    stage: Stage, shared: Callable[[str], Path], name: str
) -> None:
    path = shared(f"samples/{name}")

    played = stage.play(REFERRAL=str(path))

    assert (played.returncode, played.stderr) == (0, ""), played.stdout
    assert "The shelter reads" in played.stdout
    assert re.search(r"(subject|for)\.reference", played.stdout)
    assert "The FHIR Task that goes back" in played.stdout
    texts = set(list_identifying(json.loads(path.read_bytes())))
    assert len(texts) > 2
    assert [text for text in texts if re.search(rf"\b{re.escape(text)}\b", played.stdout)] == []
    stage.assert_clean()


def test_words_that_the_demo_says_anyway_are_no_find(stage: Stage, tmp_path: Path) -> None:
    gravity = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
    codings = [
        # Of this service there is one code, so the Task that goes back says it too.
        {"system": gravity, "code": "language-access", "display": "Interpretation"},
        {"system": "urn:quietway:code:service_type", "code": "interpretation"},
    ]
    file = tmp_path / "request.json"
    task = {"resourceType": "Task", "status": "accepted", "intent": "order"}
    guide = "http://hl7.org/fhir/us/bser/CodeSystem/TaskBusinessStatusCS"
    told = {"coding": [{"system": guide, "code": "3.0", "display": "Accepted"}]}
    named = {"display": "Maryam Canary"}
    file.write_text(
        json.dumps(task | {"code": {"coding": codings}, "businessStatus": told, "for": named})
    )

    played = stage.play(REFERRAL=str(file))

    assert (played.returncode, played.stderr) == (0, ""), played.stdout
    assert "Searched for what only the file says. Texts: 1" in played.stdout


# Presses Ctrl-C at the moment when a module is looked for, then runs the program that wants it.
INTERRUPT_LOADING: Final = """
import os, runpy, signal, sys
class Impatient:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Impatient)
runpy.run_path(sys.argv[2], run_name="__main__")
"""
PLAY_ALL: Final = """
import io, sys
from pathlib import Path
demo, *files = sys.argv[1:]
sys.path.insert(0, demo)
from ending import closed_at_the_end, temporary_folder
from scenes import founding, imported
from tell import Teller
from world import World
with temporary_folder() as folder:
    world = World(folder, Teller(io.StringIO()))
    with closed_at_the_end(world):
        founding.play(world)
        for file in files:
            world.tell = Teller()
            world.referral_file = Path(file).read_bytes()
            imported.play(world)
"""


def test_the_other_open_requests_are_sent_too_and_none_of_their_texts_passes(
    stage: Stage, shared: Callable[[str], Path]
) -> None:
    files = [shared(f"samples/{name}") for name in OPEN if name not in (NAMED, TASK)]

    # The scene itself searches packet, relay and output for every text, and fails on a find.
    played = subprocess.run(
        [sys.executable, "-c", PLAY_ALL, str(DEMO), *map(str, files)],
        env=stage.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=70,
        check=False,
    )

    assert (played.returncode, played.stderr) == (0, ""), played.stdout
    assert played.stdout.count("The shelter reads") == len(files) == 13
    assert "what must NOT be done" in played.stdout
    for file in files:
        texts = set(list_identifying(json.loads(file.read_bytes())))
        assert [text for text in texts if re.search(rf"\b{re.escape(text)}\b", played.stdout)] == []
    stage.assert_clean()


@pytest.mark.parametrize(
    ("name", "reason", "field"),
    [
        ("ServiceRequest-example", "not_open", "status"),
        ("Task-example4", "not_open", "status"),
        ("Task-fm-example6", "not_a_referral", "code.coding.code"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_with_reason_and_field(
    stage: Stage, shared: Callable[[str], Path], name: str, reason: str, field: str
) -> None:
    played = stage.play(REFERRAL=str(shared(f"samples/fhir-r4/{name}.json")))

    assert played.returncode == 2
    assert f"reason: {reason}" in played.stdout
    assert f"field: {field}" in played.stdout
    stage.assert_clean()


def test_a_file_that_is_no_request_is_refused_and_not_repeated(
    stage: Stage, tmp_path: Path
) -> None:
    path = tmp_path / "Colin Abbas.json"
    path.write_bytes(b'{"resourceType":"Patient","name":[{"family":"Abbas"}]}')

    played = stage.play(REFERRAL=str(path))

    assert played.returncode == 2
    assert "Abbas" not in played.stdout + played.stderr
    stage.assert_clean()


def test_a_file_that_is_not_there_is_a_sentence(stage: Stage, tmp_path: Path) -> None:
    played = stage.play(REFERRAL=str(tmp_path / "missing.json"))

    assert played.returncode == 2
    assert "Traceback" not in played.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_demo_takes_its_folder_and_its_relay_with_it(
    stage: Stage, number: signal.Signals
) -> None:
    process = subprocess.Popen(
        [sys.executable, str(DEMO)],
        env=stage.environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    told = ""
    while "listens on" not in told:
        told += process.stdout.readline()
    process.send_signal(number)
    rest, errors = process.communicate(timeout=20)

    assert (process.returncode, errors) == (128 + number, "")
    assert "Nothing was left behind" in rest
    stage.assert_clean()
    url = re.search(r"http://127\.0\.0\.1:\d+", told + rest)
    assert url is not None
    assert not answers(url[0])


def test_ctrl_c_while_the_demo_is_loading_leaves_neither_a_trace_nor_files(stage: Stage) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPT_LOADING, "story", str(DEMO)],
        env=stage.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")
    stage.assert_clean()


def test_a_reader_that_goes_away_ends_the_demo_and_leaves_nothing_behind(stage: Stage) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, str(DEMO)],
        env=stage.environment,
        cwd=ROOT,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=70,
        check=False,
    )
    os.close(writing)

    assert (ended.returncode, ended.stderr) == (141, "")
    stage.assert_clean()


def test_the_deadline_wakes_a_demo_that_waits_for_something_that_never_comes() -> None:
    program = (
        "import sys, threading\n"
        f"sys.path.insert(0, {str(DEMO)!r})\n"
        "from ending import Deadline, StoppedError, stoppable\n"
        "try:\n"
        "    with stoppable(Deadline(0.2)):\n"
        "        threading.Event().wait(60)\n"
        "except StoppedError as stopped:\n"
        "    sys.exit(stopped.sentence)\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )

    assert ended.returncode == 1
    assert "took too long" in ended.stderr


def answers(url: str) -> bool:
    time.sleep(0.1)
    try:
        urllib.request.urlopen(f"{url}/healthz", timeout=2).close()  # noqa: S310 - a loopback address of the test's own
    except (urllib.error.URLError, OSError):
        return False
    return True
