"""What a new device and an ops holder show each other, on two screens in one conversation.

Neither is signed: what makes them the same on both sides is that two people compare the words that
are made of both. A model that exists is well-formed; nothing in it is believed by itself.

Spec: docs/spec/keys.md, "Linking a device".
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from quietway_schemas.codebook.lists import CodeIn
from quietway_schemas.directory import AgencyCode, ProgramCode, RelayUrl, check_roles, check_suites
from quietway_schemas.fields import Base64, Bytes16, Bytes32, WireModel
from quietway_schemas.ids import AgencyId, DeviceId, MailboxId


class LinkRequest(WireModel):
    """What a new device says of itself: its public keys, and whose machine it is on."""

    agency_owned: bool
    device_id: DeviceId
    identity_key: Bytes32
    listen_key: Bytes32
    mailbox: MailboxId
    nonce: Bytes16
    suites: Annotated[tuple[int, ...], AfterValidator(check_suites)]
    version: Literal[1] = 1


class LinkOffer(WireModel):
    """What an ops holder answers: which agency it is, and what the device would be there.

    `log` is the log key and a checkpoint of it, as an invitation packs them.
    """

    agency_code: AgencyCode
    agency_id: AgencyId
    log: Annotated[bytes, Base64(136, 136)]
    nonce: Bytes16
    program: ProgramCode
    relay: RelayUrl
    roles: Annotated[
        tuple[Annotated[str, CodeIn("role")], ...],
        Field(min_length=1, max_length=19),
        AfterValidator(check_roles),
    ]
    root_key: Bytes32
    version: Literal[2] = 2
