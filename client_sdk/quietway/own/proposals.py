"""Certificates on their way: proposed by one ops holder, approved by as many as the agency asks.

A proposal is judged by what is in it: the certificate must say what two people compared, so a
second holder sees the same four words and can ask the new device's user for theirs; where a device
only gets other roles, its keys must be the ones it has. Approvals are signatures: one that does not
hold, or is by no key that vouches for this agency, is left out and counts for nobody. A certificate
that no such key approved is nobody's proposal.

Spec: docs/spec/keys.md, "Linking a device" and "Certificates".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from quietway.engine.codec import Fields, write_row
from quietway.errors import LinkRefused, QuietwayError
from quietway.events import DeadLettered, DeviceProposed
from quietway.linking import (
    DeviceOffer,
    DeviceRequest,
    check_certificate,
    derive_words,
    read_certificate,
)
from quietway.own.taken import Taken
from quietway.ports import Delete, Put
from quietway.sealing import BAD_CONTENT
from quietway_crypto.encoding import TAG_CERTIFICATE
from quietway_crypto.errors import CryptoError
from quietway_crypto.signing import verify
from quietway_schemas.content.agency import AgencyProposal
from quietway_schemas.directory import DEPARTED_KEPT_MS
from quietway_schemas.ids import DeviceId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.own.taken import Told
    from quietway_schemas.directory import Approval, Certificate, OpsList
    from quietway_schemas.instants import Instant

PROPOSAL: Final = "proposal"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A certificate that waits for approvals.

    Attributes:
        device: Whose.
        program: The program it would belong to.
        roles: The roles it would have.
        agency_owned: Whether the machine is said to be the agency's own.
        is_new: False where the device is certified already, and gets other roles.
        proposed_by: The device that first told of it.
        at: When it was written down here.
        certificate: The exact bytes that are approved.
        approvals: Those that hold.
        request: What the new device showed; None where it is not new.
        offer: What it was answered; likewise.
    """

    device: DeviceId
    program: str
    roles: tuple[str, ...]
    agency_owned: bool
    is_new: bool
    proposed_by: DeviceId
    at: Instant
    certificate: bytes = field(repr=False)
    approvals: tuple[Approval, ...] = field(repr=False)
    request: DeviceRequest | None = field(default=None, repr=False)
    offer: DeviceOffer | None = field(default=None, repr=False)

    @property
    def issued(self) -> Instant:
        """When the certificate was written; after 35 days it is too old to be published."""
        return read_certificate(self.certificate).issued

    def words(self) -> tuple[str, ...]:
        """Derive the words that the new device shows too; none where it is not new. Slow."""
        if self.request is None or self.offer is None:
            return ()
        return derive_words(self.request, self.offer)

    def to_content(self) -> AgencyProposal:
        """Write it for the agency's other devices."""
        return AgencyProposal(
            certificate=self.certificate,
            approvals=self.approvals,
            request=None if self.request is None else self.request.told.to_canonical(),
            offer=None if self.offer is None else self.offer.told.to_canonical(),
        )


def make_proposal(
    agent: Agent,
    certificate: bytes,
    approvals: Iterable[Approval],
    *,
    request: DeviceRequest | None,
    offer: DeviceOffer | None,
    proposed_by: DeviceId,
    at: Instant,
) -> Proposal:
    """Judge a certificate that somebody proposes.

    Raises:
        LinkRefused: It is not what two people compared, or not this agency's, or no key of this
            agency approved it.
    """
    read = read_certificate(certificate)
    check_ground(agent, certificate, read, request, offer)
    sound = keep_sound(agent, certificate, approvals)
    if not sound:
        raise LinkRefused("approvals")
    return Proposal(
        device=read.device_id,
        program=read.program,
        roles=read.roles,
        agency_owned=read.agency_owned,
        is_new=request is not None,
        proposed_by=proposed_by,
        at=at,
        certificate=certificate,
        approvals=sound,
        request=request,
        offer=offer,
    )


def check_ground(
    agent: Agent,
    certificate: bytes,
    read: Certificate,
    request: DeviceRequest | None,
    offer: DeviceOffer | None,
) -> None:
    """Demand that a certificate says what was compared, or changes roles alone.

    Raises:
        LinkRefused: It does not.
    """
    keyring = agent.keyring
    if read.agency_id != keyring.agency or read.relay != keyring.relay:
        raise LinkRefused("agency")
    if request is not None and offer is not None:
        if offer.told.root_key != agent.root_key:
            raise LinkRefused("root_key")
        if agent.log.log_key not in {b"", offer.log[0]}:
            # Whoever made the offer would let the new device begin with a log of their own.
            raise LinkRefused("log_key")
        check_certificate(certificate, request, offer)
        check_name_is_free(agent, read)
        return
    held = find_certificate(agent, read.device_id)
    if held is None or held.issued >= read.issued or _change_roles(held, read) != read:
        raise LinkRefused("certificate")


def check_name_is_free(agent: Agent, read: Certificate) -> None:
    """Demand that no other device goes by a new one's name: it would be put in its place.

    Raises:
        LinkRefused: One does. The same device asked again is no other one.
    """
    held = find_certificate(agent, read.device_id)
    if held is not None and held.identity_key != read.identity_key:
        raise LinkRefused("device")


def keep_sound(
    agent: Agent, certificate: bytes, approvals: Iterable[Approval]
) -> tuple[Approval, ...]:
    """Keep the approvals by this agency's keys whose signature holds, each once, sorted by key.

    Raises:
        LinkRefused: The agency's manifest is not here.
    """
    ops = find_ops_list(agent)
    able = {ops.root_key, *(held.key for held in ops.ops)}
    sound = {held.key: held for held in approvals if held.key in able and _holds(certificate, held)}
    return tuple(sound[key] for key in sorted(sound))


def find_certificate(agent: Agent, device: DeviceId) -> Certificate | None:
    """Find a device's certificate in the agency's manifest."""
    own = agent.directory.manifest(agent.keyring.agency)
    return None if own is None else own.manifest.find(device)


def find_ops_list(agent: Agent) -> OpsList:
    """Give the agency's ops list.

    Raises:
        LinkRefused: The agency's manifest is not here: synchronise first.
    """
    own = agent.directory.manifest(agent.keyring.agency)
    if own is None:
        raise LinkRefused("manifest")
    return own.manifest.ops


async def list_proposals(agent: Agent) -> list[Proposal]:
    """List what waits for approvals here, oldest first; what was settled meanwhile is not there."""
    listed: list[Proposal] = []
    for row in await agent.store.scan(PROPOSAL):
        proposal = _read_row(agent, row.value)
        if proposal is not None:
            listed.append(proposal)
    return listed


async def take_proposal(agent: Agent, told: Told, content: AgencyProposal) -> Taken:
    """Take in a proposal, or further approvals of one."""
    try:
        proposal = make_proposal(
            agent,
            content.certificate,
            content.approvals,
            request=None if content.request is None else DeviceRequest.from_bytes(content.request),
            offer=None if content.offer is None else DeviceOffer.from_bytes(content.offer),
            proposed_by=told.device,
            at=agent.clock.now(),
        )
    except QuietwayError:
        return Taken(events=(DeadLettered(BAD_CONTENT, agent.clock.now()),))
    held = await read_proposal(agent, proposal.device)
    if held is not None and held.certificate == proposal.certificate:
        proposal = merge(agent, held, proposal.approvals)
        return Taken((to_row(proposal),))
    if _is_settled(agent, proposal):
        return Taken()
    event = DeviceProposed(
        proposal.device, proposal.program, proposal.roles, proposal.is_new, told.device
    )
    return Taken((to_row(proposal),), events=(event,))


def merge(agent: Agent, held: Proposal, approvals: Iterable[Approval]) -> Proposal:
    """Add approvals to a proposal."""
    sound = keep_sound(agent, held.certificate, (*held.approvals, *approvals))
    return replace(held, approvals=sound)


async def read_proposal(agent: Agent, device: DeviceId) -> Proposal | None:
    """Read the proposal for a device, None where there is none that still waits."""
    raw = await agent.store.read(PROPOSAL, device.value)
    return None if raw is None else _read_row(agent, raw)


def to_row(proposal: Proposal) -> Put:
    """Write a proposal for the store."""
    return Put(
        PROPOSAL,
        proposal.device.value,
        write_row(
            content=proposal.to_content().to_canonical(),
            by=str(proposal.proposed_by),
            at=proposal.at,
        ),
    )


def forget(proposal: Proposal) -> Delete:
    """Give the row that is to go."""
    return Delete(PROPOSAL, proposal.device.value)


def _read_row(agent: Agent, raw: bytes) -> Proposal | None:
    held = Fields(raw)
    content = AgencyProposal.from_canonical(held.raw("content"), max_bytes=len(raw))
    try:
        proposal = make_proposal(
            agent,
            content.certificate,
            content.approvals,
            request=None if content.request is None else DeviceRequest.from_bytes(content.request),
            offer=None if content.offer is None else DeviceOffer.from_bytes(content.offer),
            proposed_by=DeviceId.from_text(held.text("by")),
            at=held.number("at"),
        )
    except LinkRefused:
        # What it stood on is no more: the device left, or has newer roles, or its approver decides
        # no more.
        return None
    return None if _is_settled(agent, proposal) else proposal


def _is_settled(agent: Agent, proposal: Proposal) -> bool:
    own = agent.directory.manifest(agent.keyring.agency)
    if own is None:
        return False
    if own.manifest.find_departed(proposal.device) is not None:
        return True
    if proposal.issued <= own.manifest.issued - DEPARTED_KEPT_MS:
        # Nobody takes a certificate for new that is so old.
        return True
    held = own.manifest.find(proposal.device)
    return held is not None and (proposal.is_new or held.to_canonical() == proposal.certificate)


def _change_roles(held: Certificate, read: Certificate) -> Certificate:
    change = {"program": read.program, "roles": read.roles, "issued": read.issued}
    return held.model_copy(update=change)


def _holds(certificate: bytes, approval: Approval) -> bool:
    try:
        verify(approval.key, TAG_CERTIFICATE, certificate, approval.signature)
    except CryptoError:
        return False
    return True
