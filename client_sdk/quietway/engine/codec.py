"""The state as rows of the store, and back. Each entry is one row: a step writes what it changed.

Rows are canonical JSON (sealed records are bytes as they are). A field is never given another
meaning; a reader takes a field that is missing at its default, so a later version reads what this
one wrote.

Spec: docs/decisions/one-row-store.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from quietway.engine.inputs import Rung, Shown
from quietway.engine.state import (
    Awaited,
    Chain,
    Delivery,
    Entry,
    Kept,
    Line,
    Owed,
    Place,
    Progress,
    Reading,
    State,
    Thread,
)
from quietway.ports import Delete, Put
from quietway.retention import choose_shelf
from quietway_crypto.encoding import decode_kept_base64, encode_base64
from quietway_schemas.canonical import decode_kept, encode_canonical
from quietway_schemas.envelope import Core, EnvelopeClass
from quietway_schemas.ids import AgencyId, ConversationId, DeviceId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from quietway.ports import Row, Shelf

READING: Final = "reading"
OUTBOX: Final = "outbox"
PARCEL: Final = "parcel"
THREAD: Final = "thread"
CHAIN: Final = "chain"
PLACE: Final = "place"
AUDIENCE: Final = "audience"
KEPT: Final = "kept"
OWED: Final = "owed"
LINE: Final = "line"
AWAITED: Final = "awaited"
SILENT: Final = "silent"
KINDS: Final = (
    *(READING, OUTBOX, PARCEL, THREAD, CHAIN, PLACE, AUDIENCE, KEPT),
    *(OWED, LINE, AWAITED, SILENT),
)

_LARGEST_ROW: Final = 4 * 1024 * 1024
_ONLY: Final = b"-"
_SEQ_BYTES: Final = 4
_ID_BYTES: Final = 16

Write: TypeAlias = Put | Delete
_Value = TypeVar("_Value")


class Fields:
    """A decoded row, asked for its fields by type; what is missing is at its default."""

    __slots__ = ("_held",)

    def __init__(self, raw: bytes) -> None:
        self._held = decode_kept(raw, max_bytes=_LARGEST_ROW)

    def text(self, name: str) -> str:
        """Give a text, or an empty one."""
        found = self._held.get(name, "")
        return found if isinstance(found, str) else ""

    def number(self, name: str) -> int:
        """Give a whole number, or 0."""
        found = self._held.get(name, 0)
        return found if isinstance(found, int) else 0

    def truth(self, name: str) -> bool:
        """Give a truth value, or False."""
        return self._held.get(name) is True

    def raw(self, name: str) -> bytes:
        """Give bytes, or none."""
        return decode_kept_base64(self.text(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """Give a list of texts, or an empty one."""
        found = self._held.get(name, [])
        return tuple(str(item) for item in found) if isinstance(found, list) else ()

    def numbers(self, name: str) -> tuple[int, ...]:
        """Give a list of whole numbers, or an empty one."""
        return tuple(int(item) for item in self.texts(name))


def write_row(**fields: object) -> bytes:
    """Write a row's fields; bytes become base64."""
    told = {
        name: encode_base64(value) if isinstance(value, bytes) else value
        for name, value in fields.items()
    }
    return encode_canonical(told)


def rows_under(prefix: bytes, rows: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """Give the rows whose keys begin alike, each with the rest of its key."""
    return [(key.removeprefix(prefix), rows[key]) for key in rows if key.startswith(prefix)]


def changes(old: State, new: State) -> list[Write]:
    """Say what must be written to the store so that it holds `new` where it held `old`."""
    writes: list[Write] = []
    if old.reading != new.reading:
        writes.append(Put(READING, _ONLY, _write_reading(new.reading)))
    writes += _entries(old.outbox, new.outbox)
    writes += _compare(THREAD, old.threads, new.threads, _write_thread)
    writes += _chains(old.chains, new.chains)
    writes += _compare(AUDIENCE, old.audiences, new.audiences, _write_audience)
    writes += _compare(KEPT, old.kept, new.kept, _write_kept)
    writes += _compare(OWED, old.owed, new.owed, _write_owed)
    writes += _compare(LINE, old.lines, new.lines, _write_line)
    writes += _compare(AWAITED, old.awaited, new.awaited, _write_awaited)
    writes += _compare(SILENT, old.silent, new.silent, lambda _: b"")
    return writes


def restore(agency: AgencyId, device: DeviceId, rows: Mapping[str, Sequence[Row]]) -> State:
    """Build the state that these rows hold, by kind.

    Raises:
        SchemaError, CryptoError, ValueError: A row is not what this room writes.
    """
    reading = next((_read_reading(row.value) for row in rows[READING]), Reading())
    return State(
        agency=agency,
        device=device,
        reading=reading,
        outbox=_read_outbox(rows[OUTBOX], rows[PARCEL]),
        threads={row.key: _read_thread(row.value) for row in rows[THREAD]},
        chains=_read_chains(rows[CHAIN], rows[PLACE]),
        audiences={row.key: _read_audience(row.value) for row in rows[AUDIENCE]},
        kept={row.key: _read_kept(row.value) for row in rows[KEPT]},
        owed={row.key: _read_owed(row.value) for row in rows[OWED]},
        lines={row.key: _read_line(row.value) for row in rows[LINE]},
        awaited={row.key: _read_awaited(row.value) for row in rows[AWAITED]},
        silent={row.key: True for row in rows[SILENT]},
    )


def find_orphans(state: State, parcels: Iterable[Row]) -> list[Delete]:
    """Say which sealed records stand in the store although their entry is gone."""
    return [Delete(PARCEL, row.key) for row in parcels if row.key[:_ID_BYTES] not in state.outbox]


def place_entry(entry: Entry) -> Shelf:
    """Choose the shelf of an entry of the outbox: that of the message that it sends."""
    core = Core.unpack(entry.core) if entry.core else None
    return choose_shelf(
        entry.content or (b"" if core is None else core.content),
        entry.class_,
        created=entry.composed if core is None else core.created,
        conversation=entry.conversation,
        # What concerns a case is said to one agency at a time.
        agency=min(entry.to),
    )


def read_entry(row: Row) -> Entry:
    """Read an entry of the outbox without its sealed records."""
    return _read_entry(row.key, row.value, {})


def _compare(
    kind: str,
    old: Mapping[bytes, _Value],
    new: Mapping[bytes, _Value],
    write: Callable[[_Value], bytes],
    place: Callable[[_Value], Shelf] | None = None,
) -> list[Write]:
    if old is new:
        return []
    writes: list[Write] = [Delete(kind, key) for key in old if key not in new]
    for key, value in new.items():
        if old.get(key) is not value:
            writes.append(Put(kind, key, write(value), None if place is None else place(value)))
    return writes


def _entries(old: Mapping[bytes, Entry], new: Mapping[bytes, Entry]) -> list[Write]:
    writes = _compare(OUTBOX, old, new, _write_entry, place_entry)
    if not writes:
        return writes
    return writes + _compare(PARCEL, _records(old), _records(new), lambda record: record)


def _records(outbox: Mapping[bytes, Entry]) -> dict[bytes, bytes]:
    return {
        entry.local_id + held.device.value: held.record
        for entry in outbox.values()
        for held in entry.deliveries
        if held.record
    }


def _chains(old: Mapping[bytes, Chain], new: Mapping[bytes, Chain]) -> list[Write]:
    if old is new:
        return []
    writes = _compare(CHAIN, old, new, _write_chain)
    for key, chain in new.items():
        before = old.get(key)
        if before is not chain:
            known = {} if before is None else before.places
            writes += _compare(PLACE, _by_key(key, known), _by_key(key, chain.places), _write_place)
    return writes


def _by_key(chain: bytes, places: Mapping[int, Place]) -> dict[bytes, Place]:
    return {chain + seq.to_bytes(_SEQ_BYTES, "big"): place for seq, place in places.items()}


def _write_reading(reading: Reading) -> bytes:
    return write_row(
        cursor=reading.cursor,
        now=reading.witness_now,
        was=reading.witness_was,
        confirmed=reading.confirmed,
        copied=reading.copied,
        forgiven=reading.forgiven,
        era=reading.era,
    )


def _read_reading(raw: bytes) -> Reading:
    held = Fields(raw)
    return Reading(
        cursor=held.number("cursor"),
        witness_now=held.raw("now"),
        witness_was=held.raw("was"),
        confirmed=held.truth("confirmed"),
        copied=held.truth("copied"),
        forgiven=held.truth("forgiven"),
        era=held.number("era"),
    )


def _write_entry(entry: Entry) -> bytes:
    return write_row(
        order=entry.order,
        kind=entry.kind,
        flash=entry.class_ is EnvelopeClass.FLASH,
        conversation=str(entry.conversation),
        to=[str(agency) for agency in entry.to],
        devices=[str(device) for device in entry.devices],
        content=entry.content,
        composed=entry.composed,
        core=entry.core,
        expires=entry.expires,
        reason=entry.reason,
        expired=entry.expired,
        withdrawn=entry.withdrawn,
        **_write_calling(entry),
        deliveries=[_write_delivery(held) for held in entry.deliveries],
    )


def _write_delivery(held: Delivery) -> str:
    # One line for each: agency, device, progress, epoch, not before, refusals, reason, and the
    # cancel hash where it stands on a ladder.
    numbers = f"{held.epoch} {held.not_before} {held.refusals}"
    line = f"{held.agency} {held.device} {held.progress.value} {numbers} {held.reason}"
    return f"{line} {encode_base64(held.cancel_hash)}" if held.cancel_hash else line


def _write_calling(entry: Entry) -> dict[str, object]:
    # Only alerts and claims have any of it, and they are few.
    if not entry.hold_id and not entry.shown:
        return {}
    return {
        "hold": entry.hold_id,
        "placed": entry.placed,
        "rungs": [" ".join((str(rung.due), *map(str, rung.devices))) for rung in entry.rungs],
        "shown": [
            f"{encode_base64(held.hold_id)} {encode_base64(held.secret)}" for held in entry.shown
        ],
    }


def _read_outbox(entries: Iterable[Row], parcels: Iterable[Row]) -> dict[bytes, Entry]:
    records = {row.key: row.value for row in parcels}
    return {row.key: _read_entry(row.key, row.value, records) for row in entries}


def _read_entry(local_id: bytes, raw: bytes, records: Mapping[bytes, bytes]) -> Entry:
    held = Fields(raw)
    return Entry(
        local_id=local_id,
        order=held.number("order"),
        kind=held.text("kind"),
        class_=EnvelopeClass.FLASH if held.truth("flash") else EnvelopeClass.CASE,
        conversation=ConversationId.from_text(held.text("conversation")),
        to=tuple(AgencyId.from_text(text) for text in held.texts("to")),
        content=held.raw("content"),
        composed=held.number("composed"),
        devices=tuple(DeviceId.from_text(text) for text in held.texts("devices")),
        core=held.raw("core"),
        expires=held.number("expires"),
        reason=held.text("reason"),
        expired=held.truth("expired"),
        withdrawn=held.truth("withdrawn"),
        hold_id=held.raw("hold"),
        rungs=tuple(_read_rung(line) for line in held.texts("rungs")),
        placed=held.truth("placed"),
        shown=tuple(_read_shown(line) for line in held.texts("shown")),
        deliveries=tuple(
            _read_delivery(local_id, line, records) for line in held.texts("deliveries")
        ),
    )


def _read_delivery(local_id: bytes, line: str, records: Mapping[bytes, bytes]) -> Delivery:
    agency, device, progress, epoch, not_before, refusals, reason, *more = line.split(" ")
    whom = DeviceId.from_text(device)
    return Delivery(
        agency=AgencyId.from_text(agency),
        device=whom,
        progress=Progress(progress),
        record=records.get(local_id + whom.value, b""),
        epoch=int(epoch),
        not_before=int(not_before),
        reason=reason,
        refusals=int(refusals),
        cancel_hash=decode_kept_base64(more[0]) if more else b"",
    )


def _read_rung(line: str) -> Rung:
    due, *devices = line.split(" ")
    return Rung(int(due), tuple(DeviceId.from_text(text) for text in devices))


def _read_shown(line: str) -> Shown:
    hold_id, secret = (decode_kept_base64(text) for text in line.split(" "))
    return Shown(hold_id, secret)


def _write_thread(thread: Thread) -> bytes:
    return write_row(
        incarnation=thread.incarnation,
        next=thread.next_seq,
        last=thread.last_core,
        introduced=thread.introduced,
    )


def _read_thread(raw: bytes) -> Thread:
    held = Fields(raw)
    return Thread(
        incarnation=held.raw("incarnation"),
        next_seq=held.number("next"),
        last_core=held.raw("last"),
        introduced=held.truth("introduced"),
    )


def _write_chain(chain: Chain) -> bytes:
    return write_row(
        device=str(chain.device),
        conversation=str(chain.conversation),
        audience=chain.audience_digest,
        incarnation=chain.incarnation,
        seen=[str(edge) for span in chain.seen for edge in span],
        last=chain.last_core,
    )


def _read_chains(chains: Iterable[Row], places: Iterable[Row]) -> dict[bytes, Chain]:
    by_chain: dict[bytes, dict[int, Place]] = {}
    for row in places:
        seq = int.from_bytes(row.key[-_SEQ_BYTES:], "big")
        by_chain.setdefault(row.key[:-_SEQ_BYTES], {})[seq] = _read_place(row.value)
    return {row.key: _read_chain(row, by_chain.get(row.key, {})) for row in chains}


def _read_chain(row: Row, places: Mapping[int, Place]) -> Chain:
    held, names = Fields(row.value), row.key
    edges = held.numbers("seen")
    # A chain's name is made of what it is of (`Chain.key`), and there are tens of thousands.
    return Chain(
        device=DeviceId(names[:16]),
        incarnation=names[16:24],
        conversation=ConversationId(names[24:40]),
        audience_digest=names[40:],
        seen=tuple(zip(edges[::2], edges[1::2], strict=True)),
        places=places,
        last_core=held.raw("last"),
    )


def _write_place(place: Place) -> bytes:
    return write_row(
        message=place.message_id, core=place.core_hash, prev=place.prev, expires=place.expires
    )


def _read_place(raw: bytes) -> Place:
    held = Fields(raw)
    return Place(held.raw("message"), held.raw("core"), held.raw("prev"), held.number("expires"))


def _write_audience(devices: tuple[DeviceId, ...]) -> bytes:
    return b"".join(device.value for device in devices)


def _read_audience(raw: bytes) -> tuple[DeviceId, ...]:
    return tuple(
        DeviceId(raw[start : start + _ID_BYTES]) for start in range(0, len(raw), _ID_BYTES)
    )


def _write_kept(held: Kept) -> bytes:
    return write_row(envelope=held.envelope, reason=held.reason, attempts=held.attempts)


def _read_kept(raw: bytes) -> Kept:
    held = Fields(raw)
    return Kept(held.raw("envelope"), held.text("reason"), held.number("attempts"))


def _write_owed(held: Owed) -> bytes:
    return write_row(
        agency=str(held.agency),
        conversation=str(held.conversation),
        audience=held.audience_digest,
        core_hash=held.core_hash,
        expires=held.expires,
        owes=held.owes,
        opened=held.opened,
    )


def _read_owed(raw: bytes) -> Owed:
    held = Fields(raw)
    return Owed(
        agency=AgencyId.from_text(held.text("agency")),
        conversation=ConversationId.from_text(held.text("conversation")),
        audience_digest=held.raw("audience"),
        core_hash=held.raw("core_hash"),
        expires=held.number("expires"),
        owes=held.text("owes"),
        opened=held.truth("opened"),
    )


def _write_line(line: Line) -> bytes:
    return write_row(conversation=str(line.conversation), due=line.due, late=line.late)


def _read_line(raw: bytes) -> Line:
    held = Fields(raw)
    conversation = ConversationId.from_text(held.text("conversation"))
    return Line(conversation, held.number("due"), held.truth("late"))


def _write_awaited(held: Awaited) -> bytes:
    return write_row(
        local_id=held.local_id,
        kind=held.kind,
        conversation=str(held.conversation),
        to=[str(agency) for agency in held.to],
        audience=held.audience_digest,
        core_hash=held.core_hash,
        incarnation=held.incarnation,
        seq=held.seq,
        at=held.at,
        expires=held.expires,
        forget=held.forget,
        relayed=held.relayed,
        unread=held.unread,
        stored_by=[str(device) for device in held.stored_by],
        opened_by=[str(device) for device in held.opened_by],
    )


def _read_awaited(raw: bytes) -> Awaited:
    held = Fields(raw)
    return Awaited(
        local_id=held.raw("local_id"),
        kind=held.text("kind"),
        conversation=ConversationId.from_text(held.text("conversation")),
        to=tuple(AgencyId.from_text(text) for text in held.texts("to")),
        audience_digest=held.raw("audience"),
        core_hash=held.raw("core_hash"),
        incarnation=held.raw("incarnation"),
        seq=held.number("seq"),
        at=held.number("at"),
        expires=held.number("expires"),
        forget=held.number("forget"),
        relayed=held.truth("relayed"),
        unread=held.truth("unread"),
        stored_by=tuple(DeviceId.from_text(text) for text in held.texts("stored_by")),
        opened_by=tuple(DeviceId.from_text(text) for text in held.texts("opened_by")),
    )
