"""`quietway dictionary` goes from hand to hand; `quietway access log` is for auditors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.journeys.conftest import PASSPHRASE

from quietway import Client

if TYPE_CHECKING:
    from pathlib import Path

    from tests.desk.conftest import Street


@pytest.mark.requirement("C37")
def test_two_agencies_agree_on_a_dictionary_from_hand_to_hand(
    street: Street, tmp_path: Path
) -> None:
    """C37: a jointly maintained data dictionary, with a version, approved by named agencies."""
    file = str(tmp_path / "county.dictionary")
    drafted = street.shelter.run(
        "dictionary", "draft", file, "--name=county", "--with=MERCY", "--change=The first."
    )
    assert drafted.returncode == 0, drafted.stderr
    assert street.shelter.run("dictionary", "approve", file).returncode == 0
    early = street.hospital.run("dictionary", "verify", file)
    assert (early.returncode, "approval_missing, agency MERCY" in early.stderr) == (1, True)
    assert street.hospital.run("dictionary", "approve", file).returncode == 0
    for desk in (street.shelter, street.hospital):
        taken = desk.run("dictionary", "verify", file)
        assert (taken.returncode, "All agencies have approved" in taken.stdout) == (0, True)
    (shown,) = json.loads(street.hospital.run("dictionary", "show", file, "--json").stdout)
    assert shown["agencies"] == {"HARBOR": "approved", "MERCY": "approved"}
    assert (shown["version"], shown["held"], shown["differing"]) == ("0.2.0", "0.2.0", [])


def test_a_file_that_is_no_dictionary_is_refused_in_words(street: Street, tmp_path: Path) -> None:
    file = tmp_path / "other.dictionary"
    missing = street.shelter.run("dictionary", "show", str(file))
    assert missing.returncode == 2
    file.write_bytes(b"x" * 200_000)
    assert street.shelter.run("dictionary", "show", str(file)).returncode == 2
    file.write_bytes(b"{}")
    refused = street.shelter.run("dictionary", "show", str(file))
    assert (refused.returncode, "not_read" in refused.stderr) == (1, True)


@pytest.mark.requirement("A11")
def test_what_a_person_sees_at_the_desk_is_a_line_that_only_auditors_read(street: Street) -> None:
    """A11: access logs so that viewing is traceable."""
    assert street.hospital.run("send", "message", "--to=HARBOR", words="Come.").returncode == 0
    assert street.shelter.run("inbox").returncode == 0
    refused = street.shelter.run("access", "log")
    assert (refused.returncode, "auditor" in refused.stderr) == (1, True)
    roles = ("auditor", "shelter_staff")
    with Client.open(street.shelter.home, passphrase=PASSPHRASE) as client:
        client.devices.set_roles(client.device_id, roles, passphrase=PASSPHRASE)
        (received,) = client.inbox()
    (log,) = json.loads(street.shelter.run("access", "log", "--json").stdout)
    (entry,) = log["entries"]
    assert (log["own"], log["findings"], entry["action"]) == (True, [], "open")
    assert entry["messages"] == [str(received.message_id)]
    shown = street.shelter.run("access", "log", "--offline")
    assert (shown.returncode, "opened" in shown.stdout) == (0, True)
    assert "Come." not in shown.stdout


@pytest.mark.requirement("A11")
def test_lines_are_verified_offline_and_by_whoever_is_handed_the_file(
    street: Street, tmp_path: Path
) -> None:
    """A11: the desk verifies the access log, and a file of it needs no passphrase."""
    refused = street.hospital.run("access", "verify")
    assert (refused.returncode, "auditor" in refused.stderr) == (1, True)
    with Client.open(street.hospital.home, passphrase=PASSPHRASE) as client:
        roles = ("auditor", "hospital_social_worker")
        client.devices.set_roles(client.device_id, roles, passphrase=PASSPHRASE)
    nothing = street.hospital.run("access", "verify")
    assert (nothing.returncode, "no other device" in nothing.stdout) == (0, True)
    file = tmp_path / "lines.json"
    assert street.hospital.run("access", "export", str(file)).returncode == 0
    checked = street.shelter.run("access", "verify", str(file), QUIETWAY_PASSPHRASE_FILE="")
    assert (checked.returncode, "no other device" in checked.stdout) == (0, True)
    file.write_bytes(file.read_bytes()[:-1])
    broken = street.shelter.run("access", "verify", str(file))
    assert (broken.returncode, "proves nothing" in broken.stderr) == (1, True)
