"""A relay's small world of callers and objects: everybody who might ask, and all that there is.

A caller has whatever somebody of that kind can have, and shows all of it: keys, a lane, the secrets
of a file, the preimage of an envelope, an enrolment code. An object is named by the way in which it
is not the caller's: another's, unknown, malformed, deleted, expired.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import sqlcipher3.dbapi2
from tests.server.agency import CLIENT, PARTNER, Agency, now_ms

from quietway_crypto.blob_rights import hash_opening, hash_writer
from quietway_crypto.encoding import TAG_WITHDRAW, encode_base64, hash_tagged
from quietway_crypto.signing import SigningKey
from quietway_schemas.ids import DeviceId, MailboxId
from quietway_schemas.instants import HOUR, WEEK, iso_week
from quietway_schemas.withdrawal import Slip
from quietway_server.rows import BlobRow
from quietway_server.services.removal import remove_agency

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.in_process import InProcessRelay
    from tests.server.ladders import Sealed, Sealer

    from quietway_schemas.ids import AgencyId

OBJECTS: Final = ("own", "other", "absent", "malformed", "deleted", "expired")
ROW: Final = 65_536


@dataclass(frozen=True)
class File:
    """A sealed file, and the secrets of it."""

    blob: bytes
    opening: bytes
    writer: bytes


@dataclass(frozen=True)
class Caller:
    """Somebody who asks, with all that they have.

    Attributes:
        name: Of what kind they are.
        agency: Whose they say they are.
        mailbox: What they say they read.
        key_id: What they sign requests as; empty where they sign none.
        key: What they sign with.
        lane: The capability that they show.
        file: The file whose secrets they have.
        slip: The envelope whose preimage they have.
        code: The enrolment code that they show.
    """

    name: str
    agency: AgencyId
    mailbox: MailboxId
    key_id: str
    key: SigningKey
    lane: bytes
    file: File
    slip: Slip
    code: str = ""


@dataclass
class World:
    """A relay with three agencies, one of which was removed.

    Args:
        relay: A relay that listens here.
        path: Its database.
    """

    relay: InProcessRelay
    path: Path
    callers: dict[str, Caller] = field(default_factory=dict)
    ladder: tuple[Sealer, Sealed] | None = None

    def __post_init__(self) -> None:
        self.harbor = self.relay.new_agency()
        self.willow = self.relay.new_agency()
        self.gone = self.relay.new_agency()
        self.stranger = Agency(self.relay.url, 77)
        self.draw = self.stranger.draw
        self.spent = "a" * 26
        self._certify_colleagues()
        self.later = iso_week(now_ms() + 2 * WEEK)
        self.lanes = self.harbor.week_of_lanes([PARTNER], week=self.later)
        assert self.harbor.put(f"/v1/lanes/{self.later}", self.lanes).status_code == 204
        self.slips = {
            "own": self._send(self.harbor),
            "other": self._send(self.willow),
            "deleted": self._send(self.harbor),
        }
        self._take_back(self.slips["deleted"])
        sending = self.harbor.capability_for(PARTNER)
        self.files = {name: self._upload(sending) for name in ("main", "second", "deleted")}
        self._delete(self.files["deleted"])
        self.files["expired"] = self._expire()
        remove_agency(
            self.relay.store,
            self.gone.agency_id,
            key=self.relay.relay.log.key,
            nonce=self.draw(32),
            now=now_ms(),
        )
        self._gather()

    def find(self, kind: str) -> Caller:
        """Give whoever owns what is another's for everybody else."""
        return self.callers[kind]

    def dump(self) -> list[tuple[object, ...]]:
        """Give every row of every table."""
        return dump(self.path)

    def _certify_colleagues(self) -> None:
        """Give the first agency a second device, and a third that is revoked."""
        self.keys = {name: SigningKey(self.draw(32)) for name in ("colleague", "revoked")}
        devices = {name: DeviceId(self.draw(16)) for name in self.keys}
        self.devices = devices
        self.mailboxes = {name: MailboxId(self.draw(16)) for name in self.keys}
        certificates = {
            name: self.harbor.certificate(
                device_id=devices[name],
                identity_key=key.public,
                listen_key=SigningKey(self.draw(32)).public,
                mailbox=self.mailboxes[name],
            )
            for name, key in self.keys.items()
        }
        own = self.harbor.certificate()
        both = (own, certificates["colleague"], certificates["revoked"])
        assert self.harbor.publish_manifest(devices=both).status_code == 204
        self.revoked_slip = self._send(self.harbor, to=self.mailboxes["revoked"])
        self.held = self.harbor.manifest(devices=both[:2])
        assert self.harbor.publish_manifest(devices=both[:2]).status_code == 204
        self.manifest = self.harbor.sign_manifest(self.held)
        self.epochs = self.harbor.epochs()
        path = f"/v1/agencies/{self.harbor.agency_id}/epochs"
        assert self.harbor.put(path, self.epochs).status_code == 204

    def _send(self, agency: Agency, to: MailboxId | None = None) -> Slip:
        preimage = self.draw(32)
        record = replace(agency.record(to=to), withdraw_hash=hash_tagged(TAG_WITHDRAW, preimage))
        assert agency.submit(agency.capability_for(PARTNER), record).status_code == 201
        return Slip(record.header.mailbox, record.header.envelope_id, preimage)

    def _take_back(self, slip: Slip) -> None:
        answer = CLIENT.post(
            self.relay.url + "/v1/envelopes/withdraw",
            content=slip.pack(),
            headers={"Content-Type": "application/vnd.quietway.withdrawals"},
        )
        assert answer.json() == {"withdrawn": [True]}

    def _upload(self, capability: bytes) -> File:
        made = File(self.draw(16), self.draw(32), self.draw(32))
        answer = CLIENT.put(
            f"{self.relay.url}/v1/blobs/{encode_base64(made.blob)}",
            content=bytes(ROW),
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Range": f"bytes 0-{ROW - 1}/{ROW}",
                "Quietway-Lane": encode_base64(capability),
                "Quietway-Blob": encode_base64(hash_opening(made.opening)),
                "Quietway-Blob-Writer": encode_base64(made.writer),
            },
        )
        assert answer.status_code == 201
        return made

    def _delete(self, held: File) -> None:
        address = f"{self.relay.url}/v1/blobs/{encode_base64(held.blob)}"
        writer = {"Quietway-Blob-Writer": encode_base64(held.writer)}
        assert CLIENT.delete(address, headers=writer).status_code == 204

    def _expire(self) -> File:
        """Let a file be over its time, and not swept yet."""
        made = File(self.draw(16), self.draw(32), self.draw(32))
        row = BlobRow(
            made.blob,
            hash_opening(made.opening),
            hash_writer(made.writer),
            ROW,
            ROW,
            now_ms() - HOUR,
        )
        with self.relay.store.writing() as transaction:
            transaction.keep_blob(row)
            transaction.add_blob_chunks(made.blob, 0, [bytes(ROW)])
        return made

    def _gather(self) -> None:
        """Introduce everybody."""
        harbor, willow, gone = self.harbor, self.willow, self.gone

        def add(name: str, agency: Agency = harbor, **has: object) -> None:
            fields: dict[str, object] = {
                "agency": agency.agency_id,
                "mailbox": agency.mailbox,
                "key_id": "",
                "key": SigningKey(self.draw(32)),
                "lane": self.draw(32),
                "file": File(self.draw(16), self.draw(32), self.draw(32)),
                "slip": Slip(agency.mailbox, self.slips["own"].envelope_id, self.draw(32)),
            }
            self.callers[name] = Caller(name, **(fields | has))  # type: ignore[arg-type]  # fields by name

        def device(agency: Agency) -> dict[str, object]:
            return {"key_id": str(agency.device_id), "key": agency.identity}

        add("nobody")
        add("owner", **device(harbor))
        for name in self.keys:
            mailbox, key = self.mailboxes[name], self.keys[name]
            add(name, mailbox=mailbox, key_id=str(self.devices[name]), key=key)
        add("neighbour", willow, **device(willow))
        add("removed", gone, **device(gone))
        add("listener", key_id=f"listen:{harbor.device_id}", key=harbor.listen)
        add("ops holder", key_id=str(harbor.device_id), key=harbor.ops)
        add("root", key_id=f"root:{harbor.agency_id}", key=harbor.root)
        add(
            "sender",
            lane=harbor.capability_for(PARTNER),
            file=self.files["main"],
            slip=self.slips["own"],
        )
        add(
            "sender to another",
            willow,
            lane=willow.capability_for(PARTNER),
            slip=self.slips["other"],
        )
        add("sender of another week", lane=harbor.capability_for(PARTNER, self.later))
        add("sender of no kind", lane=harbor.capability_for(PARTNER, iso_week(now_ms() - 3 * WEEK)))
        add("reader of another file", file=self.files["second"])
        add("founder without a code", code=self.spent)


def dump(path: Path) -> list[tuple[object, ...]]:
    """Give every row of every table of a database, in order."""
    connection = sqlcipher3.dbapi2.connect(f"file:{path}?mode=ro", uri=True)
    try:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
            )
        ]
        return [
            (name, *row)
            for name in names
            for row in sorted(connection.execute(f'SELECT * FROM "{name}"'), key=repr)  # noqa: S608, names of the schema
        ]
    finally:
        connection.close()
