"""The review of permissions: each device's roles are looked at by a person every 90 days.

A line is a device with its certificate. It is due 90 days after somebody attested that it is as it
should be, or after the certificate was issued where nobody did yet. Nobody attests their own line
where another could. A line that is not as it should be is revoked, or gets other roles.

Spec: docs/spec/keys.md, "Messages within an agency"; docs/reference/sdk.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.engine.codec import Fields, write_row
from quietway.errors import ContentRefused, NotFound
from quietway.own.proposals import find_certificate
from quietway.own.taken import Taken
from quietway.own.telling import list_colleagues, tell_own
from quietway.ports import Put
from quietway_schemas.content.agency import AgencyReview
from quietway_schemas.ids import DeviceId
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.own.taken import Told
    from quietway_schemas.directory import Certificate
    from quietway_schemas.instants import Instant

REVIEW: Final = "review"
REVIEW_EVERY_MS: Final = 90 * DAY


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """One device's permissions.

    Attributes:
        device: Whose.
        program: Its program.
        roles: What it may do.
        agency_owned: Whether the machine is the agency's own.
        issued: When its certificate was issued.
        attested: When a person last found it in order; None where nobody did yet.
        attested_by: From which device; None likewise.
        due: When it is to be looked at again.
        overdue: Whether that has passed.
    """

    device: DeviceId
    program: str
    roles: tuple[str, ...]
    agency_owned: bool
    issued: Instant
    attested: Instant | None
    attested_by: DeviceId | None
    due: Instant
    overdue: bool


@dataclass(frozen=True, slots=True)
class Review:
    """The permissions of all of an agency's devices.

    Attributes:
        due: When the first of the lines is to be looked at again.
        lines: One for each device.
    """

    due: Instant
    lines: tuple[ReviewLine, ...]

    @property
    def overdue(self) -> tuple[ReviewLine, ...]:
        """The lines that should have been looked at already."""
        return tuple(line for line in self.lines if line.overdue)


async def list_review(agent: Agent) -> Review:
    """List every device's permissions, and when they are to be looked at."""
    own = agent.directory.manifest(agent.keyring.agency)
    certificates = () if own is None else own.manifest.certificates
    lines = tuple([await _show(agent, held) for held in certificates])
    return Review(min((line.due for line in lines), default=agent.clock.now()), lines)


async def attest(agent: Agent, device: DeviceId) -> ReviewLine:
    """Write down, for all devices, that a person found a line in order.

    Raises:
        NotFound: The agency has no such device.
        ContentRefused: It is this device, and another could attest it.
    """
    held = find_certificate(agent, device)
    if held is None:
        raise NotFound(str(device), "quietway device list")
    if device == agent.keyring.device and list_colleagues(agent):
        raise ContentRefused("device", "is this one: have it attested from another.")
    content = AgencyReview(device=device, issued=held.issued)
    row = _to_row(content, by=agent.keyring.device, at=agent.clock.now())
    await tell_own(agent, content, also=[row])
    return await _show(agent, held)


async def take_review(agent: Agent, told: Told, content: AgencyReview) -> Taken:
    """Take in what a person attested at another device; nobody attests themselves."""
    held = Fields(await agent.store.read(REVIEW, content.device.value) or b"{}")
    if told.device == content.device or told.at <= held.number("at"):
        return Taken()
    return Taken((_to_row(content, by=told.device, at=told.at),))


async def _show(agent: Agent, held: Certificate) -> ReviewLine:
    row = Fields(await agent.store.read(REVIEW, held.device_id.value) or b"{}")
    # Other roles are another line: nobody has looked at them yet.
    looked_at = row.number("issued") == held.issued
    since = max(held.issued, row.number("at")) if looked_at else held.issued
    due = since + REVIEW_EVERY_MS
    return ReviewLine(
        device=held.device_id,
        program=held.program,
        roles=held.roles,
        agency_owned=held.agency_owned,
        issued=held.issued,
        attested=row.number("at") if looked_at else None,
        attested_by=DeviceId.from_text(row.text("by")) if looked_at else None,
        due=due,
        overdue=due <= agent.clock.now(),
    )


def _to_row(content: AgencyReview, *, by: DeviceId, at: Instant) -> Put:
    row = write_row(issued=content.issued, by=str(by), at=at)
    return Put(REVIEW, content.device.value, row)
