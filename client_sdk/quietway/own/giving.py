"""Giving a snapshot: what is in it, who may give it, and an ops key's word for it.

Who gives is an ops holder, or a device of the same program with every role of the new one: nobody
hands on what they could not have known. The giver's word alone moves nothing; see `snapshot_rows`.

Spec: docs/spec/keys.md, "A snapshot for a new device".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.errors import NotFound, SnapshotRefused
from quietway.exercises import keep_live
from quietway.history import is_held_back, list_as_said, show_message
from quietway.own.proposals import find_certificate, find_ops_list
from quietway.own.snapshot_form import digest_snapshot, gather_snapshot
from quietway.own.snapshot_rows import (
    SnapshotOffer,
    drop_old,
    go_on,
    read_offer,
    write_approval,
    write_given,
    write_offer,
)
from quietway.own.telling import tell_own
from quietway_crypto.encoding import TAG_SNAPSHOT
from quietway_schemas.content.agency import AgencySnapshotApproval, AgencySnapshotOffer
from quietway_schemas.directory import Approval

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway_crypto.signing import SigningKey
    from quietway_schemas.directory import Certificate
    from quietway_schemas.ids import DeviceId

_ID_BYTES: Final = 16


async def offer_snapshot(agent: Agent, device: DeviceId, key: SigningKey | None) -> SnapshotOffer:
    """Gather a snapshot and offer it; see `AsyncDevices.give_snapshot`."""
    new = find_certificate(agent, device)
    if new is None or device == agent.keyring.device:
        raise NotFound(str(device), "quietway device list")
    check_giver(agent, new)
    me, now = agent.keyring.agency, agent.clock.now()
    # What a partner stopped is given to nobody, and no device begins with old drills.
    shown = [
        held
        for held in keep_live(await list_as_said(agent))
        if not is_held_back(agent, show_message(agent, held))
    ]
    gathered = gather_snapshot(shown, me=me, roles=new.roles, now=now)
    snapshot_id = agent.entropy.draw(_ID_BYTES)
    offer = AgencySnapshotOffer(
        snapshot_id=snapshot_id,
        to=device,
        digest=digest_snapshot(snapshot_id, device, gathered.raw),
        parts=len(gathered.parts),
        statuses=gathered.statuses,
        referrals=gathered.referrals,
    )
    rows = [
        write_offer(offer, offered_by=agent.keyring.device, at=now),
        write_given(snapshot_id, gathered.raw, at=now),
    ]
    await tell_own(agent, offer, also=[*await drop_old(agent), *rows])
    if key is not None:
        return await approve_offer(agent, snapshot_id, key)
    return await _demand_offer(agent, snapshot_id)


async def approve_offer(agent: Agent, snapshot_id: bytes, key: SigningKey) -> SnapshotOffer:
    """Put an ops key's word to a snapshot; see `AsyncDevices.approve_snapshot`."""
    offer = await _demand_offer(agent, snapshot_id)
    signature = key.sign(TAG_SNAPSHOT, offer.digest)
    approval = AgencySnapshotApproval(
        snapshot_id=snapshot_id,
        digest=offer.digest,
        approval=Approval(key=key.public, signature=signature),
    )
    await tell_own(agent, approval, also=[write_approval(approval, at=agent.clock.now())])
    shown = await _demand_offer(agent, snapshot_id)
    await go_on(agent, snapshot_id)
    return shown


def check_giver(agent: Agent, new: Certificate) -> None:
    """Demand that this device may know all that the new one shall know.

    Raises:
        SnapshotRefused: It is of another program, or lacks a role.
    """
    keyring, ops = agent.keyring, agent.keyring.ops
    if ops is not None and find_ops_list(agent).find(ops.public) is not None:
        return
    mine = find_certificate(agent, keyring.device)
    if mine is None or mine.program != new.program or not set(new.roles) <= set(mine.roles):
        raise SnapshotRefused("giver")


async def _demand_offer(agent: Agent, snapshot_id: bytes) -> SnapshotOffer:
    offer = await read_offer(agent, snapshot_id)
    if offer is None:
        raise NotFound("A snapshot by that name")
    return offer
