"""Real files of other systems travel: import, seal, relay, open, accept, export.

Every text of every file is then looked for wherever something of it could have come to: the opened
packets, the relay's files and output, logs, refusals, and the Tasks that go back.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
from typing import TYPE_CHECKING, Final

import pytest
from tests.client_sdk.interop.samples import find_texts, list_texts, take
from tests.client_sdk.interop.verdicts import CLOSED_ONES, OPEN, VERDICTS
from tests.controls import without
from tests.journeys.conftest import code_of, fetch
from tests.journeys.test_canaries import read_all

from quietway import ImportRefused
from quietway.content import Receiving, ReferralRef, Referring
from quietway.interop import read_task_state, write_csv, write_json, write_task, write_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.journeys.conftest import Trio

    from quietway.interop import Imported

TRAVELLING: Final = (*OPEN, *CLOSED_ONES)
NAMED: Final = "gravity/SDOHCC-ServiceRequest-HungerVitalSign-Example-1.json"
# Shorter ones stand in sealed bytes by chance.
SHORTEST: Final = 6

Files = dict[str, bytes]


@pytest.fixture
def files(shared: Callable[[str], Path]) -> Files:
    return {name: shared(f"samples/{name}").read_bytes() for name in VERDICTS}


def import_at(trio: Trio, raw: bytes, **changed: object) -> Imported:
    """Import a file at the hospital, for the shelter."""
    now = trio.hospital.now()
    said: dict[str, object] = {
        "entropy": secrets.token_bytes(16),
        "referring": Referring(
            agency=code_of(trio.hospital),
            program=trio.hospital.program,
            staff="Social work desk",
            contact="Extension 2040",
            at=now,
        ),
        "receiving": Receiving(
            program=trio.shelter.program,
            preferred_channel="secure_message",
            eligibility_note="Adults with or without children",
        ),
        "feedback_due": now + 86_400_000,
    }
    return take(raw, **(said | changed))


def list_refusals(trio: Trio, files: Files) -> dict[str, str]:
    """Import each file that is refused, and give what was said."""
    said = {}
    for name in VERDICTS:
        if name not in OPEN:
            with pytest.raises(ImportRefused) as refused:
                import_at(trio, files[name])
            said[name] = f"{refused.value} {refused.value!r}"
    return said


def find_at_relay(files: Files, relay: bytes, before: bytes) -> set[str]:
    """Find the texts of files that came to the relay; what stood there before is its own."""
    texts = {text for raw in files.values() for text in list_texts(raw) if len(text) >= SHORTEST}
    # Most of the relay's files is room that it keeps free.
    filled = re.sub(rb"\0{8,}", b"\0", relay)
    return {text for text in texts if text.encode() in filled and text.encode() not in before}


def find_each(files: Files, shown: Mapping[str, str]) -> dict[str, set[str]]:
    """Find the texts of each file in what was made of it."""
    found = {name: find_texts(files[name], text) for name, text in shown.items()}
    return {name: texts for name, texts in found.items() if texts}


@pytest.mark.requirement("A17", "A24")
def test_every_file_that_may_travel_does_and_no_text_of_any_comes_along(
    trio_alone: Trio, files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    """A17, A24: real files of case management systems are exchanged, and only codes of them are."""
    caplog.set_level(logging.DEBUG)
    trio, before = trio_alone, read_all(trio_alone.relay)

    refs: dict[str, ReferralRef] = {}
    for name in TRAVELLING:
        imported = import_at(trio, files[name], allow_closed=name in CLOSED_ONES)
        sent = trio.hospital.referrals.send(imported.packet, to=code_of(trio.shelter))
        assert sent.state == "stored_at_relay"
        refs[name] = imported.packet.referral_ref
    at_relay = read_all(trio.relay)
    assert len(fetch(trio.shelter)) == len(TRAVELLING) == 28
    opened = {
        name: trio.shelter.referrals.find(ref).packet.model_dump_json()
        for name, ref in refs.items()
    }
    for ref in refs.values():
        trio.shelter.referrals.acknowledge(ref, state="accepted")
    trio.hospital.sync()
    tasks = {name: write_task(trio.hospital.referrals.find(ref)) for name, ref in refs.items()}

    assert {read_task_state(task).state for task in tasks.values()} == {"accepted"}
    assert {read_task_state(tasks[name]).referral_ref for name in refs} == set(refs.values())
    for name, task in tasks.items():
        packet, again = json.loads(opened[name]), import_at(trio, task).packet
        assert again.service_type == packet["service_type"]
        assert again.time_sensitivity == packet["time_sensitivity"]
    refused = list_refusals(trio, files)
    assert find_each(files, opened) == {}
    assert find_each(files, {name: task.decode() for name, task in tasks.items()}) == {}
    assert (
        find_each(files, {name: said.replace("(field: ", "(") for name, said in refused.items()})
        == {}
    )
    everything = trio.hospital.referrals.list()
    for export in (write_json, write_csv, write_tasks):
        shown = export(everything).decode()
        assert find_each(files, dict.fromkeys(files, shown)) == {}
    # The library below the transport calls its own steps complete.
    logged = caplog.text.replace(".complete", "")
    assert find_each(files, dict.fromkeys(files, logged)) == {}
    trio.relay.stop()
    for relay in (at_relay, read_all(trio.relay)):
        assert find_at_relay(files, relay, before) == set()


def test_the_search_finds_a_name_of_a_file_that_staff_wrote_into_the_purpose(
    trio_alone: Trio, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    trio, before = trio_alone, read_all(trio_alone.relay)
    name = json.loads(files[NAMED])["subject"]["display"]
    imported = import_at(trio, files[NAMED], purpose_text=f"This is about {name}.")
    sealed = trio.hospital.referrals.send(imported.packet, to=code_of(trio.shelter))
    assert find_at_relay(files, read_all(trio.relay), before) == set()
    fetch(trio.shelter)
    assert sealed.referral_ref is not None
    opened = trio.shelter.referrals.find(sealed.referral_ref).packet.model_dump_json()

    assert name in find_texts(files[NAMED], opened)

    def leave_open(suite: object, public_key: bytes, inner: bytes, *, header: bytes) -> bytes:
        del suite, public_key
        return inner.ljust(2_560 if header[1] == 1 else 8_000, b"\0")

    without(monkeypatch, "quietway.sealing:seal", leave_open)
    again = import_at(trio, files[NAMED], purpose_text=f"This is about {name}.")
    trio.hospital.referrals.send(again.packet, to=code_of(trio.shelter))

    assert name in find_at_relay(files, read_all(trio.relay), before)
