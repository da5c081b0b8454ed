"""A further device of an agency, certified by hand: for tests that are not about the linking."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from quietway.agent import Agent
from quietway.keyring.keyring import Keyring
from quietway.keyring.publish import approve, build_certificate, certify
from quietway.membership import with_device, without_device
from quietway.partners import INVITED, PARTNER, PartnerRecord
from quietway.ports import Put
from quietway.store.memory import MemoryStore
from quietway_crypto.secret import Secret

if TYPE_CHECKING:
    from typing import Literal

    from quietway.founding import ConnectRelay
    from quietway.ports import Clock, Entropy
    from quietway_schemas.ids import DeviceId


async def add_device(
    host: Agent,
    *,
    connect: ConnectRelay,
    clock: Clock,
    entropy: Entropy,
    store: MemoryStore | None = None,
    holds_ops: bool = False,
    roles: tuple[str, ...] = (),
) -> Agent:
    """Certify another device of the host's agency, share its partners with it, and open it.

    Args:
        host: Of a device that holds an ops key.
        connect: Gives the new device its relay.
        clock: Its clock.
        entropy: Its randomness.
        store: Its memory; a new one where it is None.
        holds_ops: Whether it may sign manifests too, with a copy of the host's ops key.
        roles: Its roles; those of the host where none are named.
    """
    founding = host.keyring.founding
    assert founding is not None
    founding = replace(founding, roles=roles or founding.roles)
    made = Keyring.in_memory(entropy=entropy, founding=founding)
    held = host.keyring._held
    made._take(
        replace(
            made._held,
            agency=held.agency,
            root_key=held.root_key,
            root_seed=None,
            ops_seed=Secret(_reveal(held.ops_seed)) if holds_ops else None,
            agency_secret=Secret(held.agency_secret.reveal()),
        )
    )
    ops, own = host.keyring.ops, host.publisher.own_manifest
    assert ops is not None
    assert own is not None
    now = clock.now()
    certificate = build_certificate(made, agency_owned=False, now=now)
    device = certify(certificate, [approve(certificate, ops)])
    await host.publisher.publish_manifest(with_device(own, device, ops=ops, now=now))
    store = store or MemoryStore()
    partners = await host.store.scan(PARTNER)
    shared = {INVITED: await host.store.scan(INVITED), PARTNER: partners}
    await store.commit(
        [Put(kind, row.key, row.value) for kind, rows in shared.items() for row in rows]
    )
    agent = await Agent.load(
        keyring=made,
        store=store,
        relay=connect(made.identity, made.device),
        clock=clock,
        entropy=entropy,
    )
    agent.directory.pin(held.agency, host.root_key)
    for row in partners:
        invitation = PartnerRecord.from_row(row).invitation
        agent.directory.pin(invitation.agency_id, invitation.root_key)
    await agent.settle()
    return agent


async def take_away(
    host: Agent, device: DeviceId, how: Literal["retired", "revoked"] = "revoked"
) -> None:
    """Take a device of the host's agency away, by a host that holds an ops key."""
    ops, own = host.keyring.ops, host.publisher.own_manifest
    assert ops is not None
    assert own is not None
    signed = without_device(own, device, how, ops=ops, now=host.clock.now())
    await host.publisher.publish_manifest(signed)


def _reveal(seed: Secret | None) -> bytes:
    assert seed is not None
    return seed.reveal()
