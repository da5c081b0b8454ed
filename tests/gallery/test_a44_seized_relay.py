"""Row 44: the relay is seized, or subpoenaed, after a thousand messages.

The attacker takes the database, its log and index, the reserve, everything that the process wrote,
an image of its memory, and a core file if a crash leaves one, and looks for what was planted: what
people said, how they call each other, from which addresses and with which programs they came, the
tokens that they showed.

Defences: a closed list of columns, no log of who came, acknowledged is deleted, no core files, and
on Linux no looks into the process. What the memory of a relay that runs may hold is what is on its
way: addresses and tokens of connections, counted here and published. What people said is never
there. Needs a system with /proc.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
import pytest
from tests.faults.careless import MODULE
from tests.gallery.seizure import FILES, Canaries, list_open_files, read_files, read_memory
from tests.journeys.conftest import enroll, found
from tests.relay_process import RelayProcess
from tests.server import examiner
from tests.server.agency import ENVELOPES, PARTNER, join

from quietway_crypto.encoding import encode_base64
from quietway_schemas.envelope import EnvelopeClass
from quietway_server.store import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MESSAGES: Final = 1_000
SAID: Final = 40
ADDRESS: Final = "127.77.66.55"
FORWARDED: Final = "203.0.113.77"
PROGRAM: Final = "CanaryBrowser/7.7 (canary-of-a-machine)"
NAME: Final = "Canary Nightingale-Okonkwo"
TEXT: Final = "canary of what somebody said, number"
LOCK: Final = Path(tables.__file__).with_name("metadata.lock")
_HOLDER: Final = "import sys; word = sys.stdin.readline(); print('held', flush=True); input()"
CONTENT: Final = {"text", "name", "passphrase"}


def _let_it_dump() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


def _say(relay: RelayProcess, folder: Path, canaries: Canaries) -> None:
    """Let people say something, with real clients; half of it is never fetched."""
    canaries.plant("name", NAME)
    canaries.plant("passphrase", "canary horse battery")
    with (
        found(relay, folder / "shelter", "HARBOR44-SHELTER", "shelter_staff") as shelter,
        found(relay, folder / "home", "MERCY44-SOCIALWORK", "hospital_social_worker") as hospital,
    ):
        hospital.partners.add(shelter.partners.invite(NAME))
        shelter.partners.add(hospital.partners.invite(NAME))
        for client in (shelter, hospital):
            client.sync()
        for number in range(SAID):
            text = f"{TEXT} {number}: {NAME}"
            canaries.plant("text", text)
            hospital.messages.send(text, to=shelter.program)
            if number == SAID // 2:
                shelter.sync()


def _send(relay: RelayProcess, canaries: Canaries) -> None:
    """Send as many envelopes as it takes, from an address and with a program that stand out."""
    agency = join(relay.url, enroll(relay), 44)
    capability = agency.capability_for(PARTNER)
    token = encode_base64(os.urandom(24))
    for kind, what in (
        *(("address", ADDRESS), ("forwarded address", FORWARDED), ("program", PROGRAM)),
        *(("token", token), ("capability", capability)),
    ):
        canaries.plant(kind, what)
    headers = {
        "Content-Type": ENVELOPES,
        "Quietway-Lane": encode_base64(capability),
        "User-Agent": PROGRAM,
        "X-Forwarded-For": FORWARDED,
        "Forwarded": f"for={FORWARDED}",
        "Referer": f"https://{token}.example/",
        "Cookie": f"session={token}",
        "Authorization": f"Bearer {token}",
    }
    with httpx.Client(
        trust_env=False, transport=httpx.HTTPTransport(local_address=ADDRESS), headers=headers
    ) as client:
        for _ in range(MESSAGES - SAID):
            record = agency.record(EnvelopeClass.FLASH)
            answer = client.post(f"{relay.url}/v1/envelopes", content=record.pack())
            assert answer.status_code == 201, answer.text
        for path in (f"/v1/envelopes?who={token}", f"/{token}", "/v1/mailbox"):
            assert client.post(relay.url + path, content=token.encode()).status_code >= 400
    assert agency.post("/v1/mailbox/ack", {"frame": "ack", "through": 500}).status_code == 204


@pytest.fixture(scope="module")
def canaries() -> Canaries:
    return Canaries()


@pytest.fixture(scope="module")
def seized(tmp_path_factory: pytest.TempPathFactory, canaries: Canaries) -> Iterator[RelayProcess]:
    folder = tmp_path_factory.mktemp("seized")
    (folder / "relay").mkdir()

    def prepare() -> None:
        os.chdir(folder / "relay")
        _let_it_dump()

    with RelayProcess(folder / "relay", before=prepare) as relay:
        _say(relay, folder, canaries)
        _send(relay, canaries)
        yield relay


@pytest.mark.requirement("D01")
def test_no_file_and_no_line_that_the_relay_wrote_holds_what_was_planted(
    seized: RelayProcess, canaries: Canaries
) -> None:
    """D01: the relay stores sealed envelopes and routing metadata only."""
    assert canaries.count(read_files(seized)) == {}
    assert canaries.count(iter([seized.output.encode()])) == {}
    assert {path.name for path in seized.folder.iterdir()} <= FILES
    assert {Path(name).parent for name in list_open_files(seized.pid)} <= {seized.folder}
    locked = {line.partition(" | ")[0] for line in LOCK.read_text("utf-8").splitlines()}
    assert examiner.read_columns(seized.database) == locked
    assert examiner.read_other_objects(seized.database) == set()


def test_control_a_file_with_a_planted_word_is_found(
    seized: RelayProcess, canaries: Canaries, tmp_path: Path
) -> None:
    other = tmp_path / "access.log"
    other.write_text(f"{ADDRESS} {PROGRAM} {TEXT} 3: {NAME}\n", encoding="utf-8")
    assert canaries.count(read_files(seized, other)).keys() == {
        "address",
        "program",
        "name",
        "text",
    }


def test_the_memory_of_a_relay_that_runs_holds_nothing_that_was_said(
    seized: RelayProcess, canaries: Canaries, record_property: Callable[[str, object], None]
) -> None:
    """An image of its memory: what is on its way may be there, and is counted; content is not."""
    try:
        held = canaries.count(read_memory(seized.pid))
    except PermissionError:
        # Nobody but root looks in: this is what the page promises to everybody else.
        assert os.geteuid() != 0
        return
    record_property("kinds_in_memory", sorted(held))
    assert not CONTENT & held.keys(), held


@pytest.mark.usefixtures("seized")
def test_control_the_image_shows_what_a_process_holds(canaries: Canaries) -> None:
    # The same look into a process that holds a word, and little beside it.
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdin.write(f"{TEXT} 3: {NAME}\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "held\n"
        held = canaries.count(read_memory(holder.pid))
        holder.kill()
    assert "text" in held


def test_a_crash_writes_no_core_file(tmp_path: Path) -> None:
    assert _crash(tmp_path) == (0, [])


def test_control_without_that_a_crash_may_write_one_and_names_what_was_on_its_way(
    tmp_path: Path,
) -> None:
    limit, cores = _crash(tmp_path, careless="may be dumped")
    assert limit != 0
    pattern = Path("/proc/sys/kernel/core_pattern").read_text(encoding="utf-8").strip()
    if "/" not in pattern and not pattern.startswith("|"):
        # Elsewhere another program takes it; here it lies where the process was.
        assert any(ADDRESS.encode() in core or PROGRAM.encode() in core for core in cores)


def _crash(folder: Path, *, careless: str = "") -> tuple[int, list[bytes]]:
    """Let a relay crash in the middle of a request; give its limit, and the core files."""

    def prepare() -> None:
        os.chdir(folder)
        _let_it_dump()

    relay = RelayProcess(folder / "relay", environment={"CARELESS": careless}, before=prepare)
    relay.module = MODULE if careless else relay.module
    with relay, httpx.Client(trust_env=False, headers={"User-Agent": PROGRAM}) as client:
        client.get(f"{relay.url}/healthz")
        limits = Path(f"/proc/{relay.pid}/limits").read_text(encoding="ascii")
        line = next(line for line in limits.splitlines() if line.startswith("Max core"))
        soft = line.split()[4]
        relay.stop(signal.SIGABRT)
    held = [path.read_bytes() for path in folder.glob("core*") if path.is_file()]
    for path in folder.glob("core*"):
        path.unlink()
    return (0 if soft == "0" else -1), held
