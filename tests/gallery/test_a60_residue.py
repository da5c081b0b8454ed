"""Row 60: what a client leaves in memory, core dumps and temporary files; what it is made of.

The attacker reads the memory of a program that was locked, makes it crash to get a core dump, goes
through the temporary files, or puts another package in place of one that we use.

Defences: at lock each secret of the keyring is cleared where it lies, and none of them ever stands
in a text; no core dumps, and on Linux no looks into the process; nothing but the encrypted store is
written; every package is pinned by its hash.

What the first of these is worth: the long-term keys (root, ops, identity, agency, store) and all
seeds and record keys are gone, counted here in all memory that the process can write to, 0 of
each. The passphrase is not counted: the text that a program was given is the program's, and Python
clears no text. Needs a system with /proc.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.client_sdk.folders import PASSPHRASE, found

from quietway.hardening import harden_process
from quietway_schemas.envelope import EnvelopeClass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT: Final = Path(__file__).resolve().parents[2]
LOCKS: Final = sorted((ROOT / "requirements").glob("*.lock"))
PLANTED = 64
_BEGINNING = b"planted!"
_START = 6
CANARY = "canary-of-somebodys-whole-story"


def draw(label: str, number: int = 0) -> bytes:
    # They begin alike, so that a few searches find them all in a hundred megabytes.
    return _BEGINNING + hashlib.sha256(f"{label} {number}".encode()).digest()[len(_BEGINNING) :]


def plant(home: Path) -> dict[str, list[bytes]]:
    """Make a device with 64 record keys and 8 epochs; give all that must not be found, by kind."""
    opened = found(home)
    keyring = opened.keyring
    planted = {
        "record keys": [draw("record key", number) for number in range(PLANTED)],
        "epoch seeds": [draw("epoch", number) for number in range(8)],
        "ops": [draw("ops")],
    }
    for number, key in enumerate(planted["record keys"]):
        keyring.add_record_key(draw("name", number)[-16:], key, 0)
    keyring.add_epoch_seeds(
        {
            (EnvelopeClass.CASE, 2_900 + number): seed
            for number, seed in enumerate(planted["epoch seeds"])
        }
    )
    keyring.keep_ops(planted["ops"][0])
    held = keyring._held
    assert held.root_seed is not None
    for name, secret in (
        ("root", held.root_seed),
        ("identity", held.identity_seed),
        ("agency", held.agency_secret),
        ("store", held.store_key),
    ):
        planted[name] = [bytes(bytearray(secret.reveal()))]
    opened.store.close()
    return planted


def forms(key: bytes) -> tuple[bytes, ...]:
    """Give the ways in which a key may stand in memory."""
    text = base64.urlsafe_b64encode(key).rstrip(b"=")
    return key, key.hex().encode(), key.hex().upper().encode(), text[:-1]


def places(memory: bytes, wanted: bytes) -> Iterator[int]:
    place = memory.find(wanted)
    while place >= 0:
        yield place
        place = memory.find(wanted, place + 1)


def count(memory: bytes, planted: Mapping[str, list[bytes]]) -> dict[str, int]:
    """Count the keys of each kind that stand in a dump in any form."""
    starts: dict[bytes, list[tuple[str, int, bytes]]] = {}
    for kind, keys in planted.items():
        for number, key in enumerate(keys):
            for form in forms(key):
                starts.setdefault(form[:_START], []).append((kind, number, form))
    met = {
        (kind, number)
        for start, known in starts.items()
        for place in places(memory, start)
        for kind, number, form in known
        if memory.startswith(form, place)
    }
    return {kind: sum(name == kind for name, _ in met) for kind in planted}


def run_and_dump(home: Path, mode: str) -> list[bytes]:
    dumps = home.parent
    subprocess.run(
        [sys.executable, "-m", "tests.gallery.memory_program", str(home), str(dumps), mode],
        input=PASSPHRASE.encode(),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=120,
    )
    memory = [(dumps / name).read_bytes() for name in ("open", "locked")]
    for name in ("open", "locked"):
        (dumps / name).unlink()
    return memory


def test_after_a_lock_no_key_of_the_keyring_stands_in_the_processs_memory(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    planted = plant(tmp_path / "device")
    open_, locked = run_and_dump(tmp_path / "device", "product")
    everything = {kind: len(keys) for kind, keys in planted.items()}
    assert count(open_, planted) == everything
    record_property("keys_in_memory_after_a_lock", sum(count(locked, planted).values()))
    assert count(locked, planted) == dict.fromkeys(planted, 0)


def test_control_a_lock_that_only_lets_go_leaves_the_planted_keys(tmp_path: Path) -> None:
    planted = plant(tmp_path / "device")
    _, locked = run_and_dump(tmp_path / "device", "control")
    left = count(locked, planted)
    # What is freed may be used again by chance; nearly all of it is not.
    assert left["record keys"] > PLANTED // 2
    assert left["epoch seeds"] + left["root"] + left["identity"] + left["store"] > 0


STATE = """
import ctypes, resource
print(resource.getrlimit(resource.RLIMIT_CORE)[0], ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""
OF_THE_SDK = f"from quietway import harden_process; harden_process()\n{STATE}"
OF_THE_DESK = f"""
import sys
from quietway_desk.__main__ import main
sys.argv = ["quietway", "--version"]
try:
    main()
except SystemExit:
    pass
{STATE}"""
RAISED = "import resource; resource.setrlimit(resource.RLIMIT_CORE, (4096, 4096))\n"


def run_program(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize("program", [OF_THE_SDK, OF_THE_DESK], ids=["sdk", "desk"])
def test_a_hardened_process_writes_no_core_and_lets_nobody_look_in(program: str) -> None:
    assert run_program(RAISED + program) == "0 0"


def test_control_a_process_that_is_not_hardened_may_be_dumped() -> None:
    assert run_program(RAISED + STATE) == "4096 1"


def test_hardening_says_what_was_granted() -> None:
    program = "from quietway import harden_process; print(harden_process())"
    assert run_program(program) == "Hardened(no_core_dumps=True, not_dumpable=True)"
    assert harden_process.__doc__


WATCHED = f"""
import os, sys
from pathlib import Path
home, written = Path(sys.argv[1]), []

def note(event, given):
    if event == "open" and isinstance(given[0], str) and given[2] & (os.O_WRONLY | os.O_RDWR):
        written.append(given[0])

sys.addaudithook(note)
from quietway import Client
from quietway.testing import FakeClock, InMemoryRelay
from quietway_crypto.passphrase import PassphraseParameters
clock = FakeClock()
relay = InMemoryRelay(clock)
cheap = PassphraseParameters(time_cost=1, memory_kib=8, parallelism=1)
people = [
    Client.found(
        home / program,
        passphrase={PASSPHRASE!r},
        relay="https://relay.example",
        enrolment_code=relay.enrolment_code(),
        agency_code=program.partition("-")[0],
        program=program,
        parameters=cheap,
        relay_port=relay.connect,
        clock=clock,
    )
    for program in ("HARBOR-SHELTER", "MERCY-SOCIALWORK")
]
shelter, hospital = people
shelter.partners.add(hospital.partners.invite("the shelter"))
hospital.partners.add(shelter.partners.invite("the hospital"))
for client in (*people, *people):
    client.sync()
hospital.messages.send({CANARY!r}, to="HARBOR")
shelter.sync()
assert [received.content.text for received in shelter.inbox()] == [{CANARY!r}]
if sys.argv[2] == "control":
    import tempfile
    with tempfile.NamedTemporaryFile(delete=False) as draft:
        draft.write({CANARY.encode()!r})
shelter = shelter.lock().unlock({PASSPHRASE!r})
assert [received.content.text for received in shelter.inbox()] == [{CANARY!r}]
for client in (shelter, hospital):
    client.close()
print(*[path for path in written if not Path(path).is_relative_to(home)], sep="|")
"""


def run_watched(folder: Path, mode: str) -> tuple[list[str], list[str]]:
    """Run a whole flow; give what was opened for writing elsewhere, and the files with the text."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        [sys.executable, "-B", "-c", WATCHED, str(folder / "home"), mode],
        env={
            "PYTHONPATH": os.pathsep.join(sys.path),
            "HOME": str(elsewhere),
            "TMPDIR": str(elsewhere),
            "PATH": "",
        },
        cwd=elsewhere,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    files = [path for path in folder.rglob("*") if path.is_file()]
    found_in = [path.name for path in files if CANARY.encode() in path.read_bytes()]
    written = done.stdout.strip().splitlines()[-1:] or [""]
    return [path for path in written[0].split("|") if path], found_in


def test_a_whole_flow_writes_nothing_in_the_clear_and_nothing_elsewhere(tmp_path: Path) -> None:
    elsewhere, found_in = run_watched(tmp_path, "product")
    assert elsewhere == []
    assert found_in == []


def test_control_a_temporary_file_with_a_draft_is_noticed_twice(tmp_path: Path) -> None:
    elsewhere, found_in = run_watched(tmp_path, "control")
    assert [path for path in elsewhere if Path(path).name in found_in]
    assert len(found_in) == 1


def unhashed(lock: str) -> list[str]:
    """Name the packages of a lock file that are not pinned by version and hash."""
    entries = re.split(r"\n(?=[a-z0-9])", re.sub(r"(?m)^\s*#.*\n", "", lock))
    return [
        entry.split("\n", 1)[0]
        for entry in entries
        if entry.strip()
        and not re.match(
            r"[a-z0-9._\[\]-]+==\S+ (?:;.*)?\\?[\s\S]*--hash=sha256:[0-9a-f]{64}", entry
        )
    ]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_package_is_pinned_by_its_hash(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert text.count("==") > 10
    assert unhashed(text) == []


def test_control_a_package_without_a_hash_is_named() -> None:
    text = LOCKS[0].read_text(encoding="utf-8")
    first = next(line for line in text.splitlines() if "==" in line).split("==")[0]
    bare = re.sub(rf"(?m)^({first}==\S+) \\\n(    --hash\S+( \\)?\n)+", r"\1\n", text)
    assert [entry.split("==")[0] for entry in unhashed(bare)] == [first]
