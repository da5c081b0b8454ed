"""The part of a database's transaction that holds ladders and their alerts.

Rules: SQLAlchemy Core only, the same for every database. What a ladder has become is written over
what it was, row by row; a place and what is held for it go together. Rows of one ladder are put in
in an order drawn at random.

Spec: docs/spec/holds.md, "What is kept, and for how long".
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, insert, select, update

from quietway_schemas.envelope import EnvelopeClass, Header, SubmissionRecord
from quietway_schemas.ids import EnvelopeId, MailboxId
from quietway_server.core.holds import Ladder, Place, Tier, Use
from quietway_server.rows import DueHold
from quietway_server.store.mixing import shuffle
from quietway_server.store.tables import (
    devices,
    held_alerts,
    ladder_claims,
    ladder_places,
    ladder_tiers,
    ladders,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from quietway_server.rows import DeviceRow, HeldAlert
    from quietway_server.store.statements import Connection, Driver

_ALL: Final = (held_alerts, ladder_claims, ladder_places, ladder_tiers, ladders)


class SqlHolds:
    """Ladders on one connection."""

    _connection: Connection
    _driver: Driver

    def find_hold(self, hold: bytes) -> Ladder | None:
        """Give a ladder's state, each tier's places in the order of their mailboxes."""
        row = self._connection.execute(
            select(ladders).where(ladders.c.ladder == hold)
        ).one_or_none()
        if row is None:
            return None
        return Ladder(
            row.body_hash,
            row.accepted_ms,
            row.age_ms,
            self._find_tiers(hold),
            self._find_claims(hold),
        )

    def _find_tiers(self, hold: bytes) -> tuple[Tier, ...]:
        places: dict[int, list[Place]] = {}
        for row in self._connection.execute(
            select(ladder_places)
            .where(ladder_places.c.ladder == hold)
            .order_by(ladder_places.c.mailbox)
        ):
            places.setdefault(row.tier, []).append(Place(row.mailbox, row.cancel_hash))
        rows = self._connection.execute(
            select(ladder_tiers).where(ladder_tiers.c.ladder == hold).order_by(ladder_tiers.c.tier)
        )
        return tuple(
            Tier(row.after_ms, tuple(places.get(row.tier, ())), bool(row.released)) for row in rows
        )

    def _find_claims(self, hold: bytes) -> tuple[Use, ...]:
        rows = self._connection.execute(
            select(ladder_claims)
            .where(ladder_claims.c.ladder == hold)
            .order_by(ladder_claims.c.number)
        )
        return tuple(Use(row.cancel_hash, row.body_hash) for row in rows)

    def keep_hold(self, hold: bytes, ladder: Ladder, *, due_ms: int) -> None:
        """Keep a new ladder, or what one has become."""
        moved = {"age_ms": ladder.age_ms, "due_ms": ladder.accepted + due_ms}
        changed = self._connection.execute(
            update(ladders).where(ladders.c.ladder == hold).values(**moved)
        )
        if changed.rowcount:
            self._move_tiers(hold, ladder)
        else:
            self._connection.execute(
                insert(ladders).values(
                    ladder=hold, body_hash=ladder.key, accepted_ms=ladder.accepted, **moved
                )
            )
            self._add_tiers(hold, ladder)
        self._add_claims(hold, ladder)

    def _add_tiers(self, hold: bytes, ladder: Ladder) -> None:
        tiers = [
            (hold, number, tier.due_ms, tier.is_released)
            for number, tier in enumerate(ladder.tiers)
        ]
        places: list[tuple[object, ...]] = [
            (hold, number, place.mailbox, place.cancel_hash)
            for number, tier in enumerate(ladder.tiers)
            for place in tier.places
        ]
        shuffle(places)
        self._driver.insert(ladder_tiers, tiers)
        self._driver.insert(ladder_places, places)

    def _move_tiers(self, hold: bytes, ladder: Ladder) -> None:
        gone = [number for number, tier in enumerate(ladder.tiers) if tier.is_released]
        self._connection.execute(
            update(ladder_tiers)
            .where(ladder_tiers.c.ladder == hold, ladder_tiers.c.tier.in_(gone))
            .values(released=True)
        )

    def _add_claims(self, hold: bytes, ladder: Ladder) -> None:
        if not ladder.claims:
            return
        known = len(self._find_claims(hold))
        new = [
            (hold, number, use.cancel_hash, use.key)
            for number, use in enumerate(ladder.claims[known:], known)
        ]
        self._driver.insert(ladder_claims, new)

    def due_holds(self, *, limit: int) -> list[DueHold]:
        """Give the ladders at which somebody must look first, by wall time, at most `limit`."""
        rows = self._connection.execute(select(ladders).order_by(ladders.c.due_ms).limit(limit))
        return [
            DueHold(
                row.ladder,
                Ladder(row.body_hash, row.accepted_ms, row.age_ms, ()),
                row.due_ms - row.accepted_ms,
            )
            for row in rows
        ]

    def hold_alerts(self, hold: bytes, alerts: Sequence[HeldAlert]) -> None:
        """Keep alerts until their tiers' time."""
        rows = [_alert_row(hold, alert) for alert in alerts]
        shuffle(rows)
        self._driver.insert(held_alerts, rows)

    def take_alerts(self, hold: bytes, tier: int) -> list[SubmissionRecord]:
        """Give the alerts that are held for a tier, in no order, and delete them."""
        of_tier = (held_alerts.c.ladder == hold, held_alerts.c.tier == tier)
        rows = self._connection.execute(select(held_alerts).where(*of_tier)).all()
        self._connection.execute(delete(held_alerts).where(*of_tier))
        return [
            SubmissionRecord(
                Header(
                    EnvelopeClass.FLASH,
                    row.suite,
                    row.epoch,
                    MailboxId(row.mailbox),
                    EnvelopeId(row.envelope_id),
                ),
                row.withdraw_hash,
                row.sealed,
            )
            for row in rows
        ]

    def count_held(self, wanted: Collection[bytes]) -> dict[bytes, int]:
        """Count the alerts that are held for mailboxes; those without one are left out."""
        of = held_alerts.c.mailbox
        return Counter(row[0] for row in self._driver.find((of,), (of,), [(m,) for m in wanted]))

    def find_holds_of(self, mailboxes: Collection[bytes]) -> list[bytes]:
        """Give the ladders that address one of these mailboxes."""
        rows = self._connection.execute(
            select(ladder_places.c.ladder)
            .where(ladder_places.c.mailbox.in_(list(mailboxes)))
            .distinct()
        )
        return [row.ladder for row in rows]

    def drop_places(self, hold: bytes, mailboxes: Collection[bytes]) -> None:
        """Delete a ladder's places of these mailboxes, and what is held for them."""
        for table in (held_alerts, ladder_places):
            self._connection.execute(
                delete(table).where(table.c.ladder == hold, table.c.mailbox.in_(list(mailboxes)))
            )

    def forget_hold(self, hold: bytes) -> None:
        """Delete all that is left of a ladder."""
        for table in _ALL:
            self._connection.execute(delete(table).where(table.c.ladder == hold))

    def find_closing(self, agency: bytes, certified: Sequence[DeviceRow]) -> frozenset[bytes]:
        """Give the mailboxes of an agency that are closed when it certifies these devices alone."""
        rows = self._connection.execute(
            select(devices.c.device, devices.c.mailbox).where(devices.c.agency == agency)
        )
        kept = {(device.device, device.mailbox) for device in certified}
        return frozenset(row.mailbox for row in rows if (row.device, row.mailbox) not in kept)


def _alert_row(hold: bytes, alert: HeldAlert) -> tuple[object, ...]:
    record, header = alert.record, alert.record.header
    return (
        hold,
        alert.tier,
        header.mailbox.value,
        header.envelope_id.value,
        header.suite,
        header.epoch,
        record.withdraw_hash,
        record.sealed,
    )
