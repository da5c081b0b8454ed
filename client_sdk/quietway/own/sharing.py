"""Rows that all devices of an agency hold alike: partners, invitations, aliases, the agency secret.

Whoever changes one tells the others in the same commit; whoever linked a device tells it all of
them. Of two writings of a row the later counts, on every device. A partner's root key is the one
exception: a second one for a known agency is refused here as everywhere.

Spec: docs/spec/keys.md, "Messages within an agency".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from quietway.cases import CASE_ALIAS
from quietway.engine.codec import Fields
from quietway.errors import NotFound, QuietwayError
from quietway.events import DeadLettered
from quietway.own.standing import AWAITS_SECRET, STANDING, check_secret
from quietway.own.taken import Taken
from quietway.own.telling import list_colleagues, tell_own
from quietway.partners import INVITED, PARTNER, PARTNER_BYTES, PartnerRecord
from quietway.ports import Delete, Put, Row
from quietway.sealing import BAD_CONTENT
from quietway_crypto.errors import CryptoError
from quietway_schemas.content.agency import MOST_ROW_BYTES, MOST_ROWS, AgencyShared, SharedRow
from quietway_schemas.errors import SchemaError
from quietway_schemas.ids import AgencyId, CaseRef

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from quietway.agent import Agent
    from quietway.own.taken import Told
    from quietway_schemas.ids import DeviceId

SHARED_AT: Final = "shared_at"
_Kind = Literal["agency_secret", "case_alias", "invited", "partner"]
_TABLES: Final[dict[_Kind, str]] = {
    "case_alias": CASE_ALIAS,
    "invited": INVITED,
    "partner": PARTNER,
}
_AGENCY: Final = "agency_secret"
_AGENCY_BYTES: Final = 32
_ID_BYTES: Final = 16


async def write_shared(agent: Agent, *puts: Put) -> None:
    """Write rows here, and tell the agency's other devices, in one commit.

    Raises:
        StorageFull: Nothing was written, and nobody is told.
    """
    now = agent.clock.now()
    rows = [SharedRow(kind=_kind_of(put), key=put.key, value=put.value, at=now) for put in puts]
    await tell_own(agent, *_pack(rows), also=[*puts, *(_stamp(row) for row in rows)])


async def gather_shared(agent: Agent) -> list[AgencyShared]:
    """Gather everything that a new device has to know."""
    stamps = {
        row.key: int.from_bytes(row.value, "big") for row in await agent.store.scan(SHARED_AT)
    }
    secret = agent.keyring.agency_secret.reveal()
    rows = [SharedRow(kind=_AGENCY, key=b"", value=secret, at=stamps.get(_name(_AGENCY, b""), 1))]
    for kind, table in _TABLES.items():
        rows += [
            SharedRow(
                kind=kind, key=row.key, value=row.value, at=stamps.get(_name(kind, row.key), 1)
            )
            for row in await agent.store.scan(table)
        ]
    return _pack(rows)


async def share_with(agent: Agent, device: DeviceId) -> None:
    """Tell one device everything; see `AsyncDevices.share`."""
    known = {held.device for held in list_colleagues(agent)}
    if device not in known:
        raise NotFound(str(device))
    check_secret(agent.standing)
    await tell_own(agent, *await gather_shared(agent), devices=(device,))


async def take_shared(agent: Agent, told: Told, content: AgencyShared) -> Taken:
    """Take in the rows that are later than what is here."""
    writes: list[Put | Delete] = []
    after: list[Callable[[], Awaitable[None]]] = []
    refused = False
    for row in content.rows:
        held = await agent.store.read(SHARED_AT, _name(row.kind, row.key))
        if row.at <= int.from_bytes(held or b"", "big"):
            continue
        try:
            remember = _read(agent, row, told)
        except (QuietwayError, SchemaError, CryptoError, ValueError):
            refused = True
            continue
        writes += [*_puts(row), _stamp(row)]
        after.append(remember)
    events = (DeadLettered(BAD_CONTENT, agent.clock.now()),) if refused else ()
    return Taken(tuple(writes), tuple(after), events)


def _read(agent: Agent, row: SharedRow, told: Told) -> Callable[[], Awaitable[None]]:
    """Demand that a row is whole; returns what this process then has to remember."""
    if row.at > told.at:
        raise ValueError("was written later than it was told")
    match row.kind:
        case "partner":
            record = PartnerRecord.from_row(Row(0, row.key, row.value))
            if record.invitation.agency_id != AgencyId(row.key):
                raise ValueError("is another agency's")
            agent.directory.pin(record.invitation.agency_id, record.invitation.root_key)
            return partial(_remember_partner, agent, record)
        case "case_alias":
            case, agency = CaseRef(row.key[:_ID_BYTES]), AgencyId(row.key[_ID_BYTES:])
            return partial(_remember_alias, agent, case, agency, CaseRef(row.value))
        case "invited":
            if len(row.key) != PARTNER_BYTES:
                raise ValueError("does not have the right number of bytes")
            Fields(row.value)
            return _remember_nothing
        case "agency_secret":
            if len(row.value) != _AGENCY_BYTES or row.key:
                raise ValueError("does not have the right number of bytes")
            # Before the commit: a secret that is written twice is the same one.
            agent.keyring.take_agency_secret(row.value)
            return partial(_remember_secret, agent)


async def _remember_partner(agent: Agent, record: PartnerRecord) -> None:
    agent.lanes.add(record)
    agent.touch_directory()


async def _remember_alias(agent: Agent, case: CaseRef, agency: AgencyId, alias: CaseRef) -> None:
    agent.cases.add(case, agency, alias)


async def _remember_secret(agent: Agent) -> None:
    agent.standing.awaits_secret = False
    await agent.publish_what_is_new()


async def _remember_nothing() -> None:
    """Invitations are read from the store when lanes are published."""


def _puts(row: SharedRow) -> list[Put | Delete]:
    if row.kind == _AGENCY:
        return [Delete(STANDING, AWAITS_SECRET)]
    return [Put(_TABLES[row.kind], row.key, row.value)]


def _stamp(row: SharedRow) -> Put:
    return Put(SHARED_AT, _name(row.kind, row.key), row.at.to_bytes(8, "big"))


def _name(kind: str, key: bytes) -> bytes:
    return kind.encode("ascii") + b"/" + key


def _kind_of(put: Put) -> _Kind:
    return next(kind for kind, table in _TABLES.items() if table == put.kind)


def _pack(rows: Iterable[SharedRow]) -> list[AgencyShared]:
    """Put rows into as few messages as carry them."""
    packed: list[AgencyShared] = []
    room: list[SharedRow] = []
    for row in rows:
        if len(room) == MOST_ROWS or _size([*room, row]) > MOST_ROW_BYTES:
            packed.append(AgencyShared(rows=tuple(room)))
            room = []
        room.append(row)
    return [*packed, AgencyShared(rows=tuple(room))] if room else packed


def _size(rows: Iterable[SharedRow]) -> int:
    return sum(len(row.key) + len(row.value) for row in rows)
