"""A snapshot for a new device: what is in it, who may give it, and what is never taken in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, WHOLE_REFERRAL
from tests.client_sdk.own.linked import STAFF, give_snapshot, link, make_holder, settle
from tests.controls import without

from quietway import SnapshotAwaited, SnapshotRefused, SnapshotTaken
from quietway.history import list_messages
from quietway.own.telling import tell_own
from quietway.testing.sandbox import PASSPHRASE
from quietway_crypto.encoding import TAG_SNAPSHOT, hash_tagged
from quietway_crypto.signing import SigningKey
from quietway_schemas.content.agency import (
    AgencySnapshotApproval,
    AgencySnapshotOffer,
    AgencySnapshotPart,
)
from quietway_schemas.directory import Approval
from quietway_schemas.instants import DAY, SECOND

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient, Event
    from quietway_schemas.ids import DeviceId


async def tell_of_cases(shelter: AsyncClient, hospital: AsyncClient) -> None:
    """Let there be two referrals, one of them closed, and two statuses, one of them over."""
    for state in ("declined", "accepted"):
        sent = await hospital.referrals.send("HARBOR", **WHOLE_REFERRAL)
        await shelter.sync()
        assert sent.referral_ref is not None
        reason = "no_capacity" if state == "declined" else None
        await shelter.referrals.answer(sent.referral_ref, state=state, reason_code=reason)
    now = shelter.now()
    await hospital.status.set("order_served", to="HARBOR")
    await hospital.status.set("checkin_missed", to="HARBOR", expires=now + 60_000)
    await shelter.status.set("safety_plan_active", to="MERCY")
    await settle(shelter, hospital)


async def test_a_snapshot_holds_what_stands_and_no_history(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await tell_of_cases(shelter, hospital)
    await hospital.messages.send("Not for everyone.", to="HARBOR")
    await hospital.referrals.send("HARBOR", **WHOLE_REFERRAL, exercise=True)
    await settle(hospital, shelter)
    agencies.clock.advance(120)
    tablet = await link(agencies, shelter, "tablet")
    assert await tablet.referrals.list() == await tablet.status.board() == []
    await give_snapshot(shelter, tablet)
    for device in (shelter, tablet):
        assert {line.code for line in await device.status.board()} == {
            "order_served",
            "safety_plan_active",
        }
    (referral,) = await tablet.referrals.list()
    assert (referral.state, len(referral.history)) == ("accepted", 2)
    assert referral in await shelter.referrals.list()
    assert len(await shelter.referrals.list(exercise=True)) == 1
    assert await tablet.referrals.list(exercise=True) == []
    assert not [held for held in await tablet.inbox() if held.content.type == "message.text"]
    assert all(held.audience_known for held in await tablet.inbox())


async def test_what_the_roles_of_a_device_do_not_receive_is_not_in_its_snapshot(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await tell_of_cases(shelter, hospital)
    auditor = await link(agencies, shelter, "auditor", roles=["auditor"])
    offer = await shelter.devices.give_snapshot(auditor.device_id, passphrase=PASSPHRASE)
    assert (offer.statuses, offer.referrals) == (0, 0)


async def test_who_may_not_know_gives_nothing(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    lead = await link(agencies, shelter, "lead", roles=["agency_lead", "shelter_staff"])
    await settle(tablet)
    with pytest.raises(SnapshotRefused, match="giver"):
        await tablet.devices.give_snapshot(lead.device_id)
    # A device of the same program with every role of the new one may; an ops holder approves it.
    offer = await lead.devices.give_snapshot(tablet.device_id)
    assert (offer.approvals, offer.needed) == (0, 1)
    await settle(shelter, lead, tablet)
    assert tablet._agent.standing.awaits_snapshot
    (shown,) = await shelter.devices.snapshots()
    await shelter.devices.approve_snapshot(shown.snapshot_id, passphrase=PASSPHRASE)
    await settle(lead, tablet)
    assert not tablet._agent.standing.awaits_snapshot


async def test_two_holders_approve_where_there_are_two(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    await give_snapshot(shelter, tablet)
    await make_holder(shelter, tablet)
    await tell_of_cases(shelter, hospital)
    await settle(tablet)
    phone = await link(agencies, shelter, "phone", tablet)
    offer = await shelter.devices.give_snapshot(phone.device_id, passphrase=PASSPHRASE)
    assert (offer.approvals, offer.needed) == (1, 2)
    await settle(shelter, tablet, phone)
    with pytest.raises(SnapshotAwaited):
        await phone.messages.send("Hello", to="MERCY")
    await tablet.devices.approve_snapshot(offer.snapshot_id, passphrase=PASSPHRASE)
    await settle(shelter, tablet, phone)
    assert len(await phone.referrals.list()) == 1
    assert await agencies.stores["phone"].scan("snapshot") == ()


class Giver:
    """A colleague's device in other hands: it sends what it likes, with what it has seen."""

    def __init__(self, shelter: AsyncClient, tablet: AsyncClient) -> None:
        self.shelter = shelter
        self.tablet = tablet
        self.told: list[Event] = []
        tablet._agent.listeners.append(self.told.append)

    async def send(
        self,
        raw: bytes,
        *,
        digest: bytes,
        approving: SigningKey | None,
        snapshot_id: bytes = b"sixteen bytes 01",
    ) -> None:
        to = self.tablet.device_id
        parts = [
            AgencySnapshotOffer(
                snapshot_id=snapshot_id, to=to, digest=digest, parts=1, statuses=0, referrals=0
            ),
            AgencySnapshotPart(snapshot_id=snapshot_id, number=0, piece=raw),
        ]
        agent = self.shelter._agent
        await tell_own(agent, *parts, devices=(to,))
        if approving is not None:
            signature = approving.sign(TAG_SNAPSHOT, digest)
            approval = AgencySnapshotApproval(
                snapshot_id=snapshot_id,
                digest=digest,
                approval=Approval(key=approving.public, signature=signature),
            )
            await tell_own(agent, approval, devices=(to,))
        await self.tablet.sync()

    @property
    def was_taken(self) -> bool:
        return not self.tablet._agent.standing.awaits_snapshot

    @property
    def problems(self) -> list[str]:
        return [event.problem for event in self.told if isinstance(event, SnapshotTaken)]


def digest(device: DeviceId, raw: bytes, snapshot_id: bytes = b"sixteen bytes 01") -> bytes:
    return hash_tagged(TAG_SNAPSHOT, snapshot_id + device.value + raw)


RAW = b'{"items":[]}'


async def test_one_bit_of_a_part_changed_is_refused(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter = await agencies.found(SHELTER)
    giver = Giver(shelter, await link(agencies, shelter, "tablet"))
    ops = shelter._agent.keyring.ops
    changed = bytes([RAW[0] ^ 1]) + RAW[1:]
    await giver.send(changed, digest=digest(giver.tablet.device_id, RAW), approving=ops)
    assert not giver.was_taken
    assert "digest" in giver.problems[0]
    # Control: without the digest, other words in the same form are taken in.
    without(monkeypatch, "quietway.own.snapshot_rows:check_digest", lambda *_: None)
    other = digest(giver.tablet.device_id, b"another text", b"sixteen bytes 02")
    await giver.send(RAW, digest=other, approving=ops, snapshot_id=b"sixteen bytes 02")
    assert giver.was_taken


async def test_what_no_ops_key_approved_is_not_taken_in(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter = await agencies.found(SHELTER)
    giver = Giver(shelter, await link(agencies, shelter, "tablet"))
    for number, approving in enumerate(
        (None, SigningKey(b"k" * 32), shelter._agent.keyring.identity)
    ):
        name = b"sixteen bytes 1%d" % number
        right = digest(giver.tablet.device_id, RAW, name)
        await giver.send(RAW, digest=right, approving=approving, snapshot_id=name)
        assert not giver.was_taken
    # Control: without asking whose approvals they are, the colleague's own word is enough.
    without(monkeypatch, "quietway.own.snapshot_rows:check_approvals", lambda *_: None)
    right = digest(giver.tablet.device_id, RAW, b"sixteen bytes 20")
    await giver.send(RAW, digest=right, approving=None, snapshot_id=b"sixteen bytes 20")
    assert giver.was_taken


async def test_a_snapshot_of_one_device_is_not_anothers(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    phone = Giver(shelter, await link(agencies, shelter, "phone"))
    ops = shelter._agent.keyring.ops
    # Approved for the tablet once, shown to the phone with the same id, digest and approval.
    approved = digest(tablet.device_id, RAW)
    await phone.send(RAW, digest=approved, approving=ops)
    assert not phone.was_taken
    assert "digest" in phone.problems[0]
    # Control: a digest that does not name its device would fit every one.
    name = b"sixteen bytes 02"
    unbound = hash_tagged(TAG_SNAPSHOT, name + RAW)
    without(
        monkeypatch,
        "quietway.own.snapshot_rows:digest_snapshot",
        lambda snapshot_id, _, raw: hash_tagged(TAG_SNAPSHOT, snapshot_id + raw),
    )
    await phone.send(RAW, digest=unbound, approving=ops, snapshot_id=name)
    assert phone.was_taken


async def test_a_snapshot_that_was_taken_in_is_the_last_one(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    giver = Giver(shelter, await link(agencies, shelter, "tablet"))
    await give_snapshot(shelter, giver.tablet)
    await tell_of_cases(shelter, hospital)
    held = await giver.tablet.referrals.list()
    name = b"sixteen bytes 09"
    right = digest(giver.tablet.device_id, RAW, name)
    await giver.send(RAW, digest=right, approving=shelter._agent.keyring.ops, snapshot_id=name)
    assert await giver.tablet.referrals.list() == held
    assert giver.problems == [""]


async def test_many_pieces_come_in_any_order(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    for _ in range(6):
        await hospital.referrals.send("HARBOR", **WHOLE_REFERRAL)
    await settle(shelter)
    tablet = await link(agencies, shelter, "tablet", roles=STAFF)
    await give_snapshot(shelter, tablet)
    assert await tablet.referrals.list() == await shelter.referrals.list()
    assert len(await tablet.referrals.list()) == 6


async def test_a_snapshot_that_led_nowhere_leaves_nothing_behind(agencies: Agencies) -> None:
    """What it says of cases must not lie here longer than the cases themselves."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    await tell_of_cases(shelter, hospital)
    await shelter.devices.give_snapshot(tablet.device_id)
    store = agencies.stores[SHELTER]
    lying = [row.value for row in await store.scan("snapshot")]
    assert lying
    # Without the keyring's record keys the store alone tells nothing of it.
    assert not any(b"referral" in value or b"digest" in value for value in lying)
    assert len(await shelter.devices.snapshots()) == 1
    for _ in range(38):
        agencies.clock.advance(DAY / SECOND)
        await shelter.sync()
    assert await store.scan("snapshot") == ()


async def test_an_approval_that_does_not_hold_takes_no_other_ones_place(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    phone = await link(agencies, shelter, "phone")
    offer = await shelter.devices.give_snapshot(phone.device_id, passphrase=PASSPHRASE)
    await settle(tablet)
    ops = shelter._agent.keyring.ops
    assert ops is not None
    forged = AgencySnapshotApproval(
        snapshot_id=offer.snapshot_id,
        digest=offer.digest,
        approval=Approval(key=ops.public, signature=bytes(64)),
    )

    async def count() -> int:
        await tell_own(phone._agent, forged)
        await settle(tablet)
        (shown,) = await tablet.devices.snapshots()
        return shown.approvals

    assert await count() == 1
    # Control: without looking at it, any colleague's device takes an approval away.
    without(monkeypatch, "quietway.own.snapshot_rows:is_sound", lambda _: True)
    assert await count() == 0


async def test_what_its_roles_may_not_receive_a_device_does_not_take_in(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    auditor = await link(agencies, shelter, "auditor", roles=["auditor"])
    await tell_of_cases(shelter, hospital)

    async def give() -> int:
        with monkeypatch.context() as careless:
            # The giver's software asks nobody what the new device may know.
            without(careless, "quietway.own.snapshot_form:_may_be_given", lambda held, *_: held)
            without(careless, "quietway.own.snapshot_form:_choose_standing", lambda *_: [])
            await shelter.devices.give_snapshot(auditor.device_id, passphrase=PASSPHRASE)
        await settle(shelter, auditor)
        # Its views would not show them, whatever it took in.
        said = await list_messages(auditor._agent)
        return sum(held.content.type == "referral.packet" for held in said)

    assert await give() == 0
    assert auditor._agent.standing.awaits_snapshot
    # Control: without looking, the auditor reads the cases.
    without(monkeypatch, "quietway.own.snapshot_form:may_receive", lambda *_: True)
    assert await give() > 0
