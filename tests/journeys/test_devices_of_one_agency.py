"""A shelter gets a second and a third device, works with them, loses one, and wipes another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.journeys.conftest import PASSPHRASE, QUICK, befriend, code_of, found

from quietway import (
    Added,
    Client,
    NotYetApproved,
    SnapshotAwaited,
    StoreMissing,
    WaitsForSecond,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.relay_process import RelayProcess

WHOLE_REFERRAL = {
    "staff": "R. Okafor",
    "contact": "extension 12",
    "service_type": "safehouse",
    "purpose_code": "safe_accommodation",
    "purpose_text": "A place from tonight.",
    "info_basis": "client_interview",
    "referred_by": "hotline",
    "survivor_choice": "chosen",
}


def settle(*clients: Client) -> None:
    for _ in range(2):
        for client in clients:
            assert client.sync().problems == ()


def link(home: Path, host: Client, *approvers: Client) -> Client:
    """Link a device over the real relay, with everyone's screens at hand."""
    request = Client.request_link(home, passphrase=PASSPHRASE, agency_owned=True, parameters=QUICK)
    offer, words = host.devices.offer(
        request.to_text(), roles=["shelter_staff"], passphrase=PASSPHRASE
    )
    assert Client.read_offer(home, passphrase=PASSPHRASE, offer=offer.to_text()) == words
    settled = host.devices.confirm(request, offer, passphrase=PASSPHRASE)
    for approver in approvers:
        assert settled == WaitsForSecond(request.device, 1)
        with pytest.raises(NotYetApproved):
            Client.join(home, passphrase=PASSPHRASE, offer=offer, words=words, parameters=QUICK)
        approver.sync()
        (proposal,) = approver.devices.proposals()
        settled = approver.devices.approve(proposal, passphrase=PASSPHRASE)
    assert settled == Added(request.device)
    client = Client.join(home, passphrase=PASSPHRASE, offer=offer, words=words, parameters=QUICK)
    settle(host, *approvers, client)
    return client


@pytest.mark.requirement("A04")
@pytest.mark.requirement("A60")
def test_a_shelter_with_three_devices(shared_relay: RelayProcess, tmp_path: Path) -> None:
    """A04, A60: devices of the agency's own, each certified, with current roles, and revocable."""
    with (
        found(shared_relay, tmp_path / "desk", "HAVEN-SHELTER", "shelter_staff") as desk,
        found(shared_relay, tmp_path / "ward", "WARD-SOCIALWORK", "hospital_social_worker") as ward,
    ):
        befriend(desk, ward)
        first = ward.referrals.send(code_of(desk), **WHOLE_REFERRAL)
        desk.sync()

        with link(tmp_path / "tablet", desk) as tablet:
            line = tablet.agency.ask_for_ops_key(passphrase=PASSPHRASE)
            assert desk.agency.admit_ops_key(line, passphrase=PASSPHRASE).approvals == 2
            settle(tablet, desk)

            laptop = link(tmp_path / "laptop", desk, tablet)
            with pytest.raises(SnapshotAwaited):
                laptop.messages.send("Hello", to=code_of(ward))
            for device in (tablet, laptop):
                offer = desk.devices.give_snapshot(device.device_id, passphrase=PASSPHRASE)
                tablet.sync()
                tablet.devices.approve_snapshot(offer.snapshot_id, passphrase=PASSPHRASE)
            settle(desk, tablet, laptop)

            assert first.referral_ref is not None
            laptop.referrals.acknowledge(first.referral_ref)
            settle(ward, desk, tablet)
            for client in (ward, desk, tablet, laptop):
                assert client.referrals.find(first.referral_ref).state == "accepted"

            lost = laptop.device_id
            tablet.devices.revoke(lost)
            settle(desk, ward)
            ward.messages.send("Only for who is left.", to=code_of(desk))
            assert laptop.sync().problems
            settle(desk, tablet)
            assert [held.by_colleague for held in desk.inbox()] == [False, True, False]
            assert not any(held.content.type == "message.text" for held in laptop.inbox())
            assert {held.device: held.standing for held in desk.devices.list()}[lost] == "revoked"
            assert laptop.wipe(announce=False).told == "nobody"
            with pytest.raises(StoreMissing):
                Client.open(tmp_path / "laptop", passphrase=PASSPHRASE)

            assert tablet.wipe().told == "retired"
        desk.sync()
        standings = sorted(held.standing for held in desk.devices.list())
        assert standings == ["certified", "retired", "revoked"]
        assert list((tmp_path / "tablet").iterdir()) == []
