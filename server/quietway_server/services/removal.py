"""The operator ends an agency's place on this relay, and whoever is connected is sent away.

Rules: it is done once, in one transaction, and for good: the agency's id, its code and the ids of
its devices stay taken, and everybody sees in the directory that it was removed. The command runs
beside a relay that serves, so the serving one looks every second whether somebody was removed, and
lets all its listeners look once more.

Spec: docs/spec/directory.md, "Removal".
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from quietway_schemas.errors import IdError
from quietway_schemas.ids import AgencyId
from quietway_schemas.log import REMOVAL_LEAF
from quietway_server.errors import StoreError
from quietway_server.heartbeats import Heartbeats
from quietway_server.log import LastingFailure
from quietway_server.services.ladders import close_mailboxes
from quietway_server.services.log import append_leaf, open_leaf

if TYPE_CHECKING:
    from quietway_crypto.signing import SigningKey
    from quietway_schemas.instants import Instant
    from quietway_server.ports import Delivery, Store
    from quietway_server.services.reader import Reader

EVERY_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Named:
    """An agency that has a place here."""

    agency: AgencyId
    code: str
    devices: int


def find_agency(store: Store, named: str) -> Named | None:
    """Find an agency by its id in text form or by its code, or None.

    Raises:
        StoreError: The storage has failed.
    """
    with store.reading() as transaction:
        raw = _read_id(named) or transaction.find_by_code(named)
        held = None if raw is None else transaction.find_manifest(raw)
        if held is None:
            return None
        return Named(AgencyId(held.agency), held.agency_code, transaction.count_devices(raw or b""))


def remove_agency(
    store: Store, agency: AgencyId, *, key: SigningKey, nonce: bytes, now: Instant
) -> bool:
    """End an agency's place, durably and in the log; tell whether it had one.

    Args:
        store: Where it is done.
        agency: Whose place.
        key: Signs the log's head.
        nonce: 32 random bytes, for the leaf.
        now: Milliseconds since 1970, UTC.

    Raises:
        StoreError: The storage has failed. Nothing was changed.
    """
    with store.writing() as transaction:
        held = transaction.find_manifest(agency.value)
        if held is None:
            return False
        closing = transaction.find_closing(agency.value, ())
        transaction.remove_agency(agency.value)
        close_mailboxes(transaction, closing, now=now)
        append_leaf(transaction, key, open_leaf(REMOVAL_LEAF, held.agency, bytes(32), nonce))
        return True


@dataclass(frozen=True, slots=True)
class RemovalWatch:
    """Notices, in a relay that serves, that an agency was removed beside it."""

    reader: Reader
    delivery: Delivery
    heartbeats: Heartbeats = field(default_factory=Heartbeats)
    _failure: LastingFailure = field(default_factory=partial(LastingFailure, "look_failed"))

    async def run(self, *, every_seconds: float = EVERY_SECONDS) -> None:
        """Look for ever. A look that fails is made again."""
        self.heartbeats.expect("removals")
        known: int | None = None
        while True:
            try:
                latest = await self.reader.read(lambda transaction: transaction.latest_removal())
            except Exception as error:  # noqa: BLE001, whatever it was, the next look must come
                if not isinstance(error, StoreError):  # the writer tells of the storage
                    self._failure.met(error)
            else:
                self._failure.over()
                self.heartbeats.beat("removals")
                if known is not None and latest != known:
                    # Whoever still listens looks once more, is nobody any more, and is sent away.
                    self.delivery.wake_all()
                known = latest
            await asyncio.sleep(every_seconds)


def _read_id(named: str) -> bytes | None:
    try:
        return AgencyId.from_text(named).value
    except IdError:
        return None
