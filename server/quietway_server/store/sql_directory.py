"""The half of a transaction in a database that holds the directory and the lanes.

Rules: the newest manifest and nothing older; of a device's batches those that are kept are for the
service to say. When a device leaves its manifest, everything of it goes in the same transaction:
keys, mailbox, envelopes, and the memory of what came.

Spec: docs/spec/directory.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, literal, select, update

from quietway_schemas.instants import MINUTE, Instant
from quietway_server.core.quota import CRISIS
from quietway_server.rows import DeviceRow, EpochBatchRow, FeedRow, LaneRow, ManifestRow, WeekRow
from quietway_server.store.statements import DEVICE_COLUMNS, LANE_KEY, USED
from quietway_server.store.tables import (
    ENVELOPE_TABLES,
    devices,
    enrolment_codes,
    epoch_batches,
    feed,
    lanes,
    mailboxes,
    manifests,
    pending_wakes,
    removed_agencies,
    removed_devices,
    seen,
    wake_endpoints,
    weeks_of_lanes,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Row

    from quietway_server.store.statements import Connection, Driver


class SqlDirectory:
    """Directory and lanes on one connection."""

    def __init__(self, connection: Connection, driver: Driver) -> None:
        self._connection = connection
        self._driver = driver

    def find_manifest(self, agency: bytes) -> ManifestRow | None:
        """Give an agency's newest manifest."""
        row = self._connection.execute(
            select(manifests).where(manifests.c.agency == agency)
        ).one_or_none()
        if row is None:
            return None
        return ManifestRow(
            row.agency,
            row.agency_code,
            row.version,
            row.digest,
            row.root_key,
            row.payload,
            row.signature,
        )

    def is_code_taken(self, agency_code: str, *, by_other_than: bytes) -> bool:
        """Tell whether another agency bears this code, or bore it when it was removed."""
        return any(
            self._connection.execute(
                select(table.c.agency).where(
                    table.c.agency_code == agency_code, table.c.agency != by_other_than
                )
            ).first()
            is not None
            for table in (manifests, removed_agencies)
        )

    def find_by_code(self, agency_code: str) -> bytes | None:
        """Give the agency that bears a code now, or None."""
        found: bytes | None = self._connection.execute(
            select(manifests.c.agency).where(manifests.c.agency_code == agency_code)
        ).scalar_one_or_none()
        return found

    def find_devices(self, wanted: Collection[bytes]) -> dict[bytes, DeviceRow]:
        """Give the certified devices among these, by id."""
        keys = [(device,) for device in wanted]
        rows = self._driver.find(DEVICE_COLUMNS, DEVICE_COLUMNS[:1], keys)
        return {row[0]: DeviceRow(*row) for row in rows}

    def replace_manifest(self, row: ManifestRow, certified: Sequence[DeviceRow]) -> list[bytes]:
        """Put a manifest and its devices in place; give the mailboxes that must be left."""
        self._connection.execute(delete(manifests).where(manifests.c.agency == row.agency))
        self._connection.execute(
            insert(manifests).values(
                agency=row.agency,
                agency_code=row.agency_code,
                version=row.version,
                digest=row.digest,
                root_key=row.root_key,
                payload=row.payload,
                signature=row.signature,
                change=self._next_change(),
            )
        )
        held = self._find_devices_of(row.agency)
        self._replace_devices(row.agency, held, certified)
        self._replace_mailboxes(row.agency, held, certified)
        return sorted(device.mailbox for device in set(held) - set(certified))

    def find_epoch_batches(self, device: bytes) -> list[EpochBatchRow]:
        """Give a device's epoch batches, oldest first."""
        rows = self._connection.execute(
            select(epoch_batches)
            .where(epoch_batches.c.device == device)
            .order_by(epoch_batches.c.issued)
        )
        return [
            EpochBatchRow(
                row.device,
                row.agency,
                row.issued,
                row.over_minute * MINUTE,
                row.payload,
                row.signature,
            )
            for row in rows
        ]

    def add_epoch_batch(self, row: EpochBatchRow, *, dropping: Collection[Instant]) -> None:
        """Put an epoch batch beside the others of its device, without those issued then."""
        self._connection.execute(
            delete(epoch_batches).where(
                epoch_batches.c.device == row.device, epoch_batches.c.issued.in_(list(dropping))
            )
        )
        self._connection.execute(
            insert(epoch_batches).values(
                device=row.device,
                issued=row.issued,
                agency=row.agency,
                over_minute=row.over_at // MINUTE,
                payload=row.payload,
                signature=row.signature,
                change=self._next_change(),
            )
        )

    def feed_after(self, after: int, limit: int, *, soft_bytes: int) -> list[FeedRow]:
        """Give the entries that changed after a number, in order of change."""
        # Their lengths first: what does not fit on a page is not read.
        through = self._find_end(after, limit, soft_bytes)
        found = [
            FeedRow(row.change, kind, row.agency, row.payload, row.signature)
            for kind, table in (("manifest", manifests), ("epochs", epoch_batches))
            for row in self._connection.execute(
                select(table.c.change, table.c.agency, table.c.payload, table.c.signature).where(
                    table.c.change > after, table.c.change <= through
                )
            )
        ]
        found += [
            FeedRow(row.change, "removed", row.agency, b"", b"")
            for row in self._connection.execute(
                select(removed_agencies.c.change, removed_agencies.c.agency).where(
                    removed_agencies.c.change > after, removed_agencies.c.change <= through
                )
            )
        ]
        return sorted(found, key=lambda entry: entry.change)

    def _find_end(self, after: int, limit: int, soft_bytes: int) -> int:
        """Give the number that a page ends with."""
        lengths: list[tuple[int, int]] = []
        for table in (manifests, epoch_batches, removed_agencies):
            length = func.length(table.c.payload) if "payload" in table.c else literal(0)
            rows = self._connection.execute(
                select(table.c.change, length)
                .where(table.c.change > after)
                .order_by(table.c.change)
                .limit(limit)
            )
            lengths += [(change, size) for change, size in rows]
        end, room = after, soft_bytes
        for change, size in sorted(lengths)[:limit]:
            end, room = change, room - size
            if room <= 0:
                break
        return end

    def remove_agency(self, agency: bytes) -> list[bytes]:
        """End an agency's place, for good."""
        held = self._find_devices_of(agency)
        manifest = self.find_manifest(agency)
        if manifest is None:
            return []
        self._connection.execute(
            insert(removed_agencies).values(
                agency=agency, agency_code=manifest.agency_code, change=self._next_change()
            )
        )
        if held:
            self._connection.execute(
                insert(removed_devices),
                [{"device": each.device, "identity_key": each.identity_key} for each in held],
            )
        self._replace_devices(agency, held, [])
        self._replace_mailboxes(agency, held, [])
        for table in (manifests, weeks_of_lanes, lanes):
            self._connection.execute(delete(table).where(table.c.agency == agency))
        return sorted(device.mailbox for device in held)

    def count_devices(self, agency: bytes) -> int:
        """Count an agency's certified devices."""
        return len(self._find_devices_of(agency))

    def latest_removal(self) -> int:
        """Give the number of the last removal in the order of changes, 0 where there was none."""
        latest = self._connection.execute(select(func.max(removed_agencies.c.change)))
        return int(latest.scalar_one() or 0)

    def is_agency_removed(self, agency: bytes) -> bool:
        """Tell whether an agency was removed."""
        wanted = select(removed_agencies.c.change).where(removed_agencies.c.agency == agency)
        return self._connection.execute(wanted).first() is not None

    def find_removed_devices(self, wanted: Collection[bytes]) -> dict[bytes, bytes]:
        """Give the identity keys of those among these devices whose agency was removed."""
        rows = self._connection.execute(
            select(removed_devices).where(removed_devices.c.device.in_(list(wanted)))
        )
        return {row.device: row.identity_key for row in rows}

    def add_enrolment(self, digest: bytes, expires: Instant) -> None:
        """Keep the hash of an enrolment code."""
        self._connection.execute(
            insert(enrolment_codes).values(digest=digest, expires_minute=expires // MINUTE)
        )

    def is_enrolment_open(self, digest: bytes, *, now: Instant) -> bool:
        """Tell whether an enrolment code is there and has not expired."""
        code = select(enrolment_codes.c.digest).where(
            enrolment_codes.c.digest == digest,
            enrolment_codes.c.expires_minute > now // MINUTE,
        )
        return self._connection.execute(code).first() is not None

    def spend_enrolment(self, digest: bytes, *, now: Instant) -> bool:
        """Delete an enrolment code; tell whether it was there and had not expired."""
        spent = self._connection.execute(
            delete(enrolment_codes).where(
                enrolment_codes.c.digest == digest,
                enrolment_codes.c.expires_minute > now // MINUTE,
            )
        )
        return spent.rowcount == 1

    def find_lanes(self, wanted: Collection[tuple[bytes, str, bytes]]) -> list[LaneRow]:
        """Give the lanes that exist among these, by (agency, week, hash of a capability)."""
        columns = (*LANE_KEY, lanes.c.used, lanes.c.kind)
        return [LaneRow(*row) for row in self._driver.find(columns, LANE_KEY, wanted)]

    def find_crisis_lanes(
        self, digests: Collection[bytes], weeks: Collection[str]
    ) -> dict[bytes, bytes]:
        """Give whose lane each of these hashes opens, where it is of kind crisis in these weeks."""
        rows = self._connection.execute(
            select(lanes.c.digest, lanes.c.agency).where(
                lanes.c.digest.in_(digests), lanes.c.week.in_(weeks), lanes.c.kind == CRISIS
            )
        )
        return {row.digest: row.agency for row in rows}

    def count_uses(self, uses: Mapping[LaneRow, int]) -> None:
        """Add to the counters of lanes, in envelopes."""
        self._driver.change(
            USED, [(more, lane.agency, lane.week, lane.digest) for lane, more in uses.items()]
        )

    def find_week(self, agency: bytes, week: str) -> WeekRow | None:
        """Tell which version of an agency's week is held."""
        row = self._connection.execute(
            select(weeks_of_lanes).where(
                weeks_of_lanes.c.agency == agency, weeks_of_lanes.c.week == week
            )
        ).one_or_none()
        return None if row is None else WeekRow(row.version, row.digest)

    def replace_week(
        self, agency: bytes, week: str, held: WeekRow, published: Sequence[tuple[bytes, str]]
    ) -> None:
        """Put an agency's lanes for a week in the place of those before; the counters stay."""
        of_week = (lanes.c.agency == agency, lanes.c.week == week)
        used = {
            row.digest: row.used
            for row in self._connection.execute(
                select(lanes.c.digest, lanes.c.used).where(*of_week, lanes.c.used > 0)
            )
        }
        this_week = (weeks_of_lanes.c.agency == agency, weeks_of_lanes.c.week == week)
        self._connection.execute(delete(lanes).where(*of_week))
        self._connection.execute(delete(weeks_of_lanes).where(*this_week))
        self._connection.execute(
            insert(weeks_of_lanes).values(
                agency=agency, week=week, version=held.version, digest=held.digest
            )
        )
        self._connection.execute(
            insert(lanes),
            [
                {
                    "agency": agency,
                    "week": week,
                    "digest": digest,
                    "kind": kind,
                    "used": used.get(digest, 0),
                }
                for digest, kind in published
            ],
        )

    def _next_change(self) -> int:
        changed = self._connection.execute(select(feed.c.latest_change)).scalar_one() + 1
        self._connection.execute(update(feed).values(latest_change=changed))
        return int(changed)

    def _find_devices_of(self, agency: bytes) -> list[DeviceRow]:
        rows = self._connection.execute(select(devices).where(devices.c.agency == agency))
        return [_device_row(row) for row in rows]

    def _replace_devices(
        self, agency: bytes, held: Sequence[DeviceRow], certified: Sequence[DeviceRow]
    ) -> None:
        self._connection.execute(delete(devices).where(devices.c.agency == agency))
        rows = [
            {
                "device": device.device,
                "agency": device.agency,
                "mailbox": device.mailbox,
                "identity_key": device.identity_key,
                "listen_key": device.listen_key,
            }
            for device in certified
        ]
        if rows:
            self._connection.execute(insert(devices), rows)
        keys = {(device.device, device.identity_key) for device in certified}
        without_key = [d.device for d in held if (d.device, d.identity_key) not in keys]
        self._connection.execute(
            delete(epoch_batches).where(epoch_batches.c.device.in_(without_key))
        )
        # Whoever held the former key may have chosen where this mailbox's reader is woken.
        boxes = [d.mailbox for d in held if d.device in without_key]
        for table in (wake_endpoints, pending_wakes):
            self._connection.execute(delete(table).where(table.c.mailbox.in_(boxes)))

    def _replace_mailboxes(
        self, agency: bytes, held: Sequence[DeviceRow], certified: Sequence[DeviceRow]
    ) -> None:
        read = {(device.device, device.mailbox) for device in held}
        wanted = {(device.device, device.mailbox) for device in certified}
        gone = [mailbox for _, mailbox in read - wanted]
        for table in (*ENVELOPE_TABLES.values(), seen, wake_endpoints, pending_wakes, mailboxes):
            self._connection.execute(delete(table).where(table.c.mailbox.in_(gone)))
        opened = [
            {
                "mailbox": mailbox,
                "agency": agency,
                "latest_seq": 0,
                "acknowledged_seq": 0,
                "waiting": 0,
                "witness": None,
                "witness_changed": False,
            }
            for _, mailbox in sorted(wanted - read)
        ]
        if opened:
            self._connection.execute(insert(mailboxes), opened)


def _device_row(row: Row[Any]) -> DeviceRow:  # a row's columns have no static types
    return DeviceRow(row.device, row.agency, row.mailbox, row.identity_key, row.listen_key)
