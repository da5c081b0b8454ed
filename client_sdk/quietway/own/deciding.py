"""What an ops holder decides about the agency's devices, with the passphrase typed again.

Rules: an unlocked screen is not enough to certify anything, whoever sits in front of it. A device
that is not the agency's own is certified only where that is said. Taking a device away needs no
second person and no passphrase: the harm of waiting is greater.

Spec: docs/spec/keys.md, "Linking a device" and "Devices that leave".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from quietway.errors import (
    ContentRefused,
    NotAgencyOwned,
    NotFound,
    OpsKeyMissing,
    RelayUnreachable,
)
from quietway.keyring.publish import approve, certify
from quietway.linking import DeviceOffer, DeviceRequest, derive_words, write_certificate
from quietway.own.agreeing import gather_agreements
from quietway.own.members import add_device
from quietway.own.proposals import (
    Proposal,
    find_certificate,
    find_ops_list,
    forget,
    make_proposal,
    merge,
    read_proposal,
    to_row,
)
from quietway.own.sharing import gather_shared
from quietway.own.telling import tell_own
from quietway_protocol.checkpoints import pack_checkpoint
from quietway_protocol.manifests import counts
from quietway_schemas.codebook.lists import check
from quietway_schemas.errors import ContentError
from quietway_schemas.linking import LinkOffer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway_crypto.signing import SigningKey
    from quietway_schemas.ids import DeviceId

_ID_BYTES: Final = 16


class Offered(NamedTuple):
    """An answer to a new device, and the words that both sides show now."""

    offer: DeviceOffer
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Added:
    """A device is certified: the manifest that says so is on the relay."""

    device: DeviceId


@dataclass(frozen=True, slots=True)
class WaitsForSecond:
    """A certificate has not enough approvals yet; the agency's other devices were told of it.

    Attributes:
        device: Whose.
        missing: How many more it takes.
    """

    device: DeviceId
    missing: int


@dataclass(frozen=True, slots=True)
class _Ground:
    request: DeviceRequest | None = field(default=None)
    offer: DeviceOffer | None = field(default=None)


def make_offer(
    agent: Agent,
    request: DeviceRequest | str,
    *,
    roles: Iterable[str],
    program: str | None,
    passphrase: str,
    private_machine: bool,
) -> Offered:
    """Answer a new device; see `AsyncDevices.offer`."""
    request = read_request(request)
    confirm_owner(agent, passphrase)
    check_machine(request, private_machine=private_machine)
    keyring, shown = agent.keyring, agent.log.latest
    if shown is None:
        # The new device would have to believe the first log that it is shown.
        raise RelayUnreachable
    told = _make_link_offer(
        agency_code=keyring.agency_code,
        agency_id=keyring.agency,
        log=pack_checkpoint(agent.log.log_key, shown.note),
        nonce=agent.entropy.draw(_ID_BYTES),
        program=program or keyring.program,
        relay=keyring.relay,
        roles=_check_roles(roles),
        root_key=agent.root_key,
    )
    offer = DeviceOffer.from_bytes(told.to_canonical())
    return Offered(offer, derive_words(request, offer))


async def confirm_device(
    agent: Agent, request: DeviceRequest | str, offer: DeviceOffer | str, *, passphrase: str
) -> Added | WaitsForSecond:
    """Approve a new device whose words were the same; see `AsyncDevices.confirm`."""
    request, offer = read_request(request), read_offer(offer)
    key = confirm_owner(agent, passphrase)
    certificate = write_certificate(request, offer, now=agent.clock.now())
    proposal = _propose(agent, certificate, key, _Ground(request, offer))
    return await _go_on(agent, proposal)


async def approve_proposal(
    agent: Agent, proposal: Proposal, *, passphrase: str
) -> Added | WaitsForSecond:
    """Add one's own approval; see `AsyncDevices.approve`."""
    key = confirm_owner(agent, passphrase)
    held = await read_proposal(agent, proposal.device)
    if held is None or held.certificate != proposal.certificate:
        raise NotFound(str(proposal.device), "quietway device list")
    return await _go_on(agent, merge(agent, held, [approve(held.certificate, key)]))


async def change_roles(
    agent: Agent,
    device: DeviceId,
    *,
    roles: Iterable[str],
    program: str | None,
    passphrase: str,
) -> Added | WaitsForSecond:
    """Give a device other roles; see `AsyncDevices.set_roles`."""
    key = confirm_owner(agent, passphrase)
    held = find_certificate(agent, device)
    if held is None:
        raise NotFound(str(device), "quietway device list")
    change = {
        "program": program or held.program,
        "roles": _check_roles(roles),
        "issued": max(agent.clock.now(), held.issued + 1),
    }
    certificate = held.model_copy(update=change).to_canonical()
    return await _go_on(agent, _propose(agent, certificate, key, _Ground()))


def confirm_owner(agent: Agent, passphrase: str) -> SigningKey:
    """Demand the passphrase once more, and an ops key to decide with.

    Raises:
        OpsKeyMissing: This device holds none.
        WrongPassphrase: Nothing was signed.
    """
    key = find_ops_key(agent)
    agent.keyring.check_passphrase_again(passphrase)
    return key


def find_ops_key(agent: Agent) -> SigningKey:
    """Give this device's ops key.

    Raises:
        OpsKeyMissing: It holds none, or one that the root's list does not have, or not any more.
    """
    key = agent.keyring.ops
    listed = None if key is None else find_ops_list(agent).find(key.public)
    if key is None or listed is None or listed.expires <= agent.clock.now():
        raise OpsKeyMissing
    return key


def check_machine(request: DeviceRequest, *, private_machine: bool) -> None:
    """Refuse a machine that is not the agency's own, unless that was said.

    Raises:
        NotAgencyOwned: Nothing was signed.
    """
    if not request.agency_owned and not private_machine:
        raise NotAgencyOwned(str(request.device))


def read_request(request: DeviceRequest | str) -> DeviceRequest:
    """Take a request as it is, or read its line."""
    return DeviceRequest.from_text(request) if isinstance(request, str) else request


def read_offer(offer: DeviceOffer | str) -> DeviceOffer:
    """Take an offer as it is, or read its line."""
    return DeviceOffer.from_text(offer) if isinstance(offer, str) else offer


def _propose(agent: Agent, certificate: bytes, key: SigningKey, ground: _Ground) -> Proposal:
    return make_proposal(
        agent,
        certificate,
        [approve(certificate, key)],
        request=ground.request,
        offer=ground.offer,
        proposed_by=agent.keyring.device,
        at=agent.clock.now(),
    )


async def _go_on(agent: Agent, proposal: Proposal) -> Added | WaitsForSecond:
    """Publish what has enough approvals; else ask the other holders."""
    ops = find_ops_list(agent)
    device = certify(proposal.certificate, proposal.approvals)
    if not counts(device, ops):
        await tell_own(agent, proposal.to_content(), also=[to_row(proposal)])
        able = {held.key for held in ops.ops} & {held.key for held in proposal.approvals}
        return WaitsForSecond(proposal.device, max(1, ops.approvals - len(able)))
    if proposal.is_new:
        # Before the manifest: what the device has to know waits for it, whatever is cut off here.
        # Who is paused stands first, so that it is known before anything goes to a partner.
        shared = [
            *agent.standings.gather(),
            *await gather_shared(agent),
            *gather_agreements(agent),
        ]
        await tell_own(agent, *shared, devices=(proposal.device,), also=[to_row(proposal)])
        await add_device(agent, device)
    else:
        await add_device(agent, device)
    await agent.settle(also=[forget(proposal)])
    return Added(proposal.device)


def _check_roles(roles: Iterable[str]) -> tuple[str, ...]:
    try:
        return tuple(sorted({check("role", role, "roles") for role in roles}))
    except ContentError as refused:
        raise ContentRefused(refused.field, f"{refused.reason}.") from None


def _make_link_offer(**fields: object) -> LinkOffer:
    try:
        return LinkOffer.model_validate(fields)
    except ContentError as refused:
        raise ContentRefused(refused.field, f"{refused.reason}.") from None
