"""Slips in the store: what takes a sealed copy back, one row each, in the commit that sealed it.

    kind  = slip/D while it is of use, withdrawing once the relay is to be asked
    key   = agency (16) || local id (16) || device (16) || epoch (u16)
    value = mailbox (16) || envelope id (16) || preimage (32) || u64 expires || u8 flags

D is the number of the day (UTC, days since 1970) in whose course it can be dropped, so what is due
is found without looking at the others. A slip is never part of the engine's state: nothing that is
said or heard has to pass thousands of them.

Spec: docs/spec/relay-protocol.md, "Taking back".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from quietway.errors import StoreDamaged
from quietway.ports import Delete, Put
from quietway_schemas.envelope import HEADER_BYTES, Header
from quietway_schemas.errors import SchemaError
from quietway_schemas.ids import AgencyId, DeviceId
from quietway_schemas.instants import DAY
from quietway_schemas.withdrawal import SLIP_BYTES, Slip

if TYPE_CHECKING:
    from quietway.engine.effects import RecordSlip
    from quietway.ports import Row, Store
    from quietway_schemas.instants import Instant

KEPT: Final = "slip/"
ASKED: Final = "withdrawing"
_WAITS: Final = 0x01
_ID: Final = 16
_EPOCH_BYTES: Final = 2
_EXPIRES: Final = slice(SLIP_BYTES, SLIP_BYTES + 8)


@dataclass(frozen=True, slots=True)
class HeldSlip:
    """A slip with what it belongs to.

    Attributes:
        kind: Where its row lies.
        key: Its row's key.
        slip: What is shown to the relay.
        expires: When the message does, and the slip is of no use.
        waits: Whether the copy waits to be sent another time, and is not withdrawn for good.
    """

    kind: str
    key: bytes
    slip: Slip = field(repr=False)
    expires: Instant
    waits: bool = False

    @property
    def agency(self) -> AgencyId:
        """Whose device the copy is for."""
        return AgencyId(self.key[:_ID])

    @property
    def local_id(self) -> bytes:
        """The entry of the outbox, whether it is still there or not."""
        return self.key[_ID : 2 * _ID]

    @property
    def device(self) -> DeviceId:
        """Whose copy it is."""
        return DeviceId(self.key[2 * _ID : 3 * _ID])

    def ask(self, *, waits: bool) -> list[Put | Delete]:
        """Give the writes after which the relay is asked for it."""
        return [Delete(self.kind, self.key), replace(self, kind=ASKED, waits=waits).to_row()]

    def to_row(self) -> Put:
        """Write it for the store."""
        flags = _WAITS if self.waits else 0
        end = self.expires.to_bytes(8, "big") + flags.to_bytes(1, "big")
        return Put(self.kind, self.key, self.slip.pack() + end)

    @classmethod
    def from_row(cls, kind: str, row: Row) -> HeldSlip:
        """Read it back.

        Raises:
            StoreDamaged: The row is not what this room writes.
        """
        try:
            slip = Slip.unpack(row.value[:SLIP_BYTES])
        except SchemaError:
            raise StoreDamaged("store") from None
        expires = int.from_bytes(row.value[_EXPIRES], "big")
        return cls(kind, row.key, slip, expires, waits=bool(row.value[-1] & _WAITS))


def write_slip(record: RecordSlip) -> Put:
    """Turn what the engine wants kept into a row."""
    parcel = record.parcel
    header = Header.unpack(parcel.record[:HEADER_BYTES])
    key = record.agency.value + parcel.local_id + parcel.device.value
    held = HeldSlip(
        f"{KEPT}{record.expires // DAY + 1}",
        key + record.epoch.to_bytes(_EPOCH_BYTES, "big"),
        Slip(header.mailbox, header.envelope_id, record.secret),
        record.expires,
    )
    return held.to_row()


async def list_slips(store: Store) -> list[HeldSlip]:
    """List every slip, those that the relay is to be asked for among them."""
    kinds = [kind for kind in await store.kinds() if kind == ASKED or kind.startswith(KEPT)]
    return [HeldSlip.from_row(kind, row) for kind in kinds for row in await store.scan(kind)]


async def list_asked(store: Store) -> list[HeldSlip]:
    """List the slips that the relay is to be asked for."""
    return [HeldSlip.from_row(ASKED, row) for row in await store.scan(ASKED)]


async def find_due(store: Store, at: Instant) -> list[Delete]:
    """Say which slips that nobody asked for are of no use any more at an instant."""
    kinds = [kind for kind in await store.kinds() if _is_due(kind, at)]
    return [Delete(kind, row.key) for kind in kinds for row in await store.scan(kind)]


def _is_due(kind: str, at: Instant) -> bool:
    return kind.startswith(KEPT) and int(kind.removeprefix(KEPT)) <= at // DAY
