"""Rows that all devices of an agency hold alike: partners, aliases, lanes, the agency's secret.

Whoever changes one tells the others in the same commit; whoever linked a device tells it all of
them. Of two writings of a row the later counts, on every device. A partner's root key is the one
exception: a second one for a known agency is refused here as everywhere.

Spec: docs/spec/keys.md, "Messages within an agency".
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from quietway.cases import CASE_ALIAS, read_alias
from quietway.consents import CONSENT, read_consents, split, write_consents
from quietway.engine.codec import Fields
from quietway.errors import NotFound, QuietwayError
from quietway.events import DeadLettered
from quietway.own.agreeing import gather_agreements
from quietway.own.guard_entries import GUARD_ENTRY, take_entries
from quietway.own.lane_rows import (
    GRANTING,
    LANE_CUT,
    LANE_GRANTED,
    LANE_ROTATED,
    keep_old_lanes,
)
from quietway.own.naming_key import (
    NAMING_KEY,
    NAMING_KEY_BYTES,
    find_naming_key,
    write_naming_key,
)
from quietway.own.standing import AWAITS_SECRET, ROTATING, STANDING, check_secret
from quietway.own.taken import Taken
from quietway.own.telling import list_colleagues, tell_own
from quietway.partners import INVITED, PARTNER, PartnerRecord
from quietway.ports import Delete, Put, Row
from quietway.roles import my_roles
from quietway.sealing import BAD_CONTENT
from quietway_crypto.errors import CryptoError
from quietway_schemas.content.agency import MOST_ROW_BYTES, MOST_ROWS, AgencyShared, SharedRow
from quietway_schemas.content.roles import ON_CALL
from quietway_schemas.errors import SchemaError
from quietway_schemas.ids import AgencyId, CaseRef

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from quietway.agent import Agent
    from quietway.consents import Consents
    from quietway.events import Event
    from quietway.own.taken import Told
    from quietway_schemas.ids import DeviceId
    from quietway_schemas.instants import Instant

SHARED_AT: Final = "shared_at"
DATA_USE: Final = "data_use"
"""Which data-use policy the agency has; see `consent.data_use`."""
_Kind = Literal[
    "agency_secret",
    "case_alias",
    "consent",
    "data_use",
    "guard_entry",
    "invited",
    "lane_cut",
    "lane_granted",
    "lane_rotated",
    "naming_key",
    "partner",
]
_TABLES: Final[dict[_Kind, str]] = {
    "case_alias": CASE_ALIAS,
    "data_use": DATA_USE,
    "guard_entry": GUARD_ENTRY,
    "invited": INVITED,
    "lane_cut": LANE_CUT,
    "lane_granted": LANE_GRANTED,
    "lane_rotated": LANE_ROTATED,
    "partner": PARTNER,
}
_CONSENT: Final = "consent"
"""Not among the tables: of two writings of it none is later, they are put together."""
_TOLD_WITH_ALL: Final = 1
"""The time of what a new device is told of consent: it was not decided then."""
_AGENCY: Final = "agency_secret"
_AGENCY_BYTES: Final = 32
_NAMING: Final = "naming_key"
_ID_BYTES: Final = 16
_MOST_PART_BYTES: Final = MOST_ROW_BYTES - 64


async def write_shared(agent: Agent, *puts: Put, also: Iterable[Put | Delete] = ()) -> None:
    """Write rows here, and tell the agency's other devices, in one commit.

    Args:
        agent: Of this device.
        puts: The rows that all devices hold alike.
        also: Rows of this device alone that belong into the same commit.

    Raises:
        StorageFull: Nothing was written, and nobody is told.
    """
    rows = _share(puts, at=agent.clock.now())
    await tell_own(agent, *_pack(rows), also=[*puts, *also, *(_stamp(row) for row in rows)])


async def write_secret(
    agent: Agent, secret: bytes, *puts: Put, at: Instant, also: Iterable[Put | Delete]
) -> None:
    """Lay a new secret ready, and put it into the outbox for the others, with these rows.

    It is sent with what is sent next: by then its lanes may be open.
    """
    told = SharedRow(kind=_AGENCY, key=b"", value=secret, at=at)
    # The secret stands first, so that no device knows what it answers and not it.
    rows = [told, *_share(puts, at=at)]
    writes = [*puts, *also, *(_stamp(row) for row in rows), Put(STANDING, ROTATING, secret)]
    await tell_own(agent, *_pack(rows), also=writes, at_once=False)


async def read_secret_time(agent: Agent) -> Instant:
    """Say when the agency's secret was drawn; 1 for the one of its founding."""
    held = await agent.store.read(SHARED_AT, _name(_AGENCY, b""))
    return 1 if held is None else int.from_bytes(held, "big")


def date_secret(at: Instant) -> Put:
    """Give the row that says when the agency's secret was drawn."""
    return Put(SHARED_AT, _name(_AGENCY, b""), at.to_bytes(8, "big"))


async def gather_shared(agent: Agent) -> list[AgencyShared]:
    """Gather everything that a new device has to know."""
    stamps = {
        row.key: int.from_bytes(row.value, "big") for row in await agent.store.scan(SHARED_AT)
    }
    secret = agent.keyring.agency_secret.reveal()
    rows = [SharedRow(kind=_AGENCY, key=b"", value=secret, at=stamps.get(_name(_AGENCY, b""), 1))]
    key = await find_naming_key(agent)
    rows.append(SharedRow(kind=_NAMING, key=b"", value=key.reveal(), at=_TOLD_WITH_ALL))
    for kind, table in _TABLES.items():
        rows += [
            SharedRow(
                kind=kind, key=row.key, value=row.value, at=stamps.get(_name(kind, row.key), 1)
            )
            for row in await agent.store.scan(table)
        ]
    for row in await agent.store.scan(CONSENT):
        rows += _share_consents(row, at=_TOLD_WITH_ALL)
    return _pack(rows)


def share_consents(
    case: CaseRef, agency: AgencyId, known: Consents, *, at: Instant
) -> list[AgencyShared]:
    """Tell the agency's other devices what is known of consent about a case with a partner."""
    return _pack(_share_consents(write_consents(case, agency, known), at=at))


def _share_consents(row: Put | Row, *, at: Instant) -> list[SharedRow]:
    case, agency = CaseRef(row.key[:_ID_BYTES]), AgencyId(row.key[_ID_BYTES:])
    return [
        SharedRow(kind=_CONSENT, key=row.key, value=write_consents(case, agency, part).value, at=at)
        for part in split(row.value, most=_MOST_PART_BYTES)
    ]


async def share_with(agent: Agent, device: DeviceId) -> None:
    """Tell one device everything; see `AsyncDevices.share`."""
    known = {held.device for held in list_colleagues(agent)}
    if device not in known:
        raise NotFound(str(device), "quietway device list")
    check_secret(agent.standing)
    # Who is paused comes before who the partners are: what is cut off in between lets nobody in.
    decided = agent.standings.gather()
    shared = [*await gather_shared(agent), *gather_agreements(agent)]
    # Who is on call is said by those alone who may set it.
    on_call = [] if ON_CALL.isdisjoint(my_roles(agent)) else agent.oncall.gather()
    await tell_own(agent, *decided, *shared, *on_call, devices=(device,))


async def take_shared(agent: Agent, told: Told, content: AgencyShared) -> Taken:
    """Take in the rows that are later than what is here."""
    listed = await _take_lists(agent, [row for row in content.rows if row.kind == GUARD_ENTRY])
    taken = await _take_rows(agent, told, [row for row in content.rows if row.kind != GUARD_ENTRY])
    return Taken(
        listed.writes + taken.writes, listed.after + taken.after, listed.events + taken.events
    )


async def _take_lists(agent: Agent, rows: Iterable[SharedRow]) -> Taken:
    taken, refused = await take_entries(agent, rows)
    events = (DeadLettered(BAD_CONTENT, agent.clock.now()),) if refused else ()
    return replace(taken, events=events)


async def _take_rows(agent: Agent, told: Told, rows: Iterable[SharedRow]) -> Taken:
    writes: list[Put | Delete] = []
    after: list[Callable[[], Awaitable[None]]] = []
    refused = False
    events: list[Event] = []
    for row in rows:
        if row.kind == _CONSENT:
            try:
                taken = await _take_consents(agent, row)
            except (SchemaError, CryptoError, ValueError):
                refused = True
                continue
            after += taken.after
            events += taken.events
            continue
        if not await _is_later(agent, row):
            if row.kind == _AGENCY and await _lost_a_tie(agent, row):
                writes += await _grant_anew(agent, since=row.at + 1)
            continue
        try:
            remember = _read(agent, row, told)
        except (QuietwayError, SchemaError, CryptoError, ValueError):
            refused = True
            continue
        if row.kind == _AGENCY and not agent.standing.awaits_secret:
            writes += await keep_old_lanes(agent)
        writes += [*_puts(row), _stamp(row)]
        after.append(remember)
    if refused:
        events.append(DeadLettered(BAD_CONTENT, agent.clock.now()))
    return Taken(tuple(writes), tuple(after), tuple(events))


async def _take_consents(agent: Agent, row: SharedRow) -> Taken:
    case, agency = CaseRef(row.key[:_ID_BYTES]), AgencyId(row.key[_ID_BYTES:])
    known = read_consents(row.value)
    return await agent.learn_consents(case, agency, known, lately=row.at > _TOLD_WITH_ALL)


async def _is_later(agent: Agent, row: SharedRow) -> bool:
    stamp = int.from_bytes(
        await agent.store.read(SHARED_AT, _name(row.kind, row.key)) or b"", "big"
    )
    if row.kind == _NAMING:
        # The first one counts for good.
        return await agent.store.read(STANDING, NAMING_KEY) is None
    if row.kind == _AGENCY and row.at == stamp and not agent.standing.awaits_secret:
        # Two devices drew one in the same moment: all of them take the greater.
        return row.value > agent.keyring.agency_secret.reveal()
    return row.at > stamp


async def _lost_a_tie(agent: Agent, row: SharedRow) -> bool:
    if agent.standing.awaits_secret or row.value == agent.keyring.agency_secret.reveal():
        return False
    return row.at == await read_secret_time(agent)


async def _grant_anew(agent: Agent, *, since: Instant) -> list[Put | Delete]:
    """Give the writes after which partners' devices are granted lanes of this secret once more.

    Of two secrets of one moment a partner's device can't tell which one counts: so the one that
    does is dated a moment later.
    """
    rows = [
        Delete(kind, row.key)
        for kind in (GRANTING, LANE_GRANTED)
        for row in await agent.store.scan(kind)
    ]
    return [date_secret(since), *rows]


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
            return partial(_remember_alias, agent, *read_alias(row.key, row.value))
        case "data_use" | "invited" | "lane_cut" | "lane_granted" | "lane_rotated":
            if len(row.key) != _ID_BYTES:
                raise ValueError("does not have the right number of bytes")
            Fields(row.value)
            return _remember_nothing
        case "naming_key":
            _check_alone(row, NAMING_KEY_BYTES)
            return _remember_nothing
        case "consent" | "guard_entry":
            raise ValueError("is put together, and not replaced")
        case "agency_secret":
            _check_alone(row, _AGENCY_BYTES)
            return partial(_remember_secret, agent)


def _check_alone(row: SharedRow, length: int) -> None:
    """Demand that a row of which there is one has so many bytes."""
    if len(row.value) != length or row.key:
        raise ValueError("does not have the right number of bytes")


async def _remember_partner(agent: Agent, record: PartnerRecord) -> None:
    agent.lanes.add(record)


async def _remember_alias(
    agent: Agent, case: CaseRef, agency: AgencyId, alias: CaseRef, heard: CaseRef | None
) -> None:
    await agent.follow_link(alias, case, agency)
    agent.cases.add(case, agency, alias, heard)


async def _remember_secret(agent: Agent) -> None:
    await agent.take_secret()


async def _remember_nothing() -> None:
    """What is told of lanes, and of the data-use policy, is read from the store when needed."""


def _puts(row: SharedRow) -> list[Put | Delete]:
    if row.kind == _AGENCY:
        return [Delete(STANDING, AWAITS_SECRET), Put(STANDING, ROTATING, row.value)]
    if row.kind == _NAMING:
        return [write_naming_key(row.value)]
    return [Put(_TABLES[row.kind], row.key, row.value)]


def _stamp(row: SharedRow) -> Put:
    return Put(SHARED_AT, _name(row.kind, row.key), row.at.to_bytes(8, "big"))


def _name(kind: str, key: bytes) -> bytes:
    return kind.encode("ascii") + b"/" + key


def _share(puts: Iterable[Put], *, at: Instant) -> list[SharedRow]:
    return [SharedRow(kind=_kind_of(put), key=put.key, value=put.value, at=at) for put in puts]


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
