"""Our relay under the stopwatch: `quietway-relay serve` as anybody runs it, with agencies enrolled.

Its limits on how much one mailbox and one lane may carry are raised, since a bench carries a week's
mail in seconds. Nothing else is set: durability and every check are as they come.

Spec: docs/reference/settings.md; docs/spec/relay-protocol.md.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

from bench.load.websocket import upgrade
from bench.processes import NotMeasuredError, Process
from tests.relay_process import READY, product_environment
from tests.server.agency import Agency

from quietway_crypto.encoding import encode_base64
from quietway_crypto.signing import SigningKey
from quietway_schemas.ids import DeviceId, MailboxId
from quietway_server.bootstrap import open_store
from quietway_server.services.enrolment import add_code
from quietway_server.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Target: TypeAlias = dict[str, Any]
PROGRAM: Final = (sys.executable, "-m", "quietway_server")
RAISED: Final = {
    "port": "0",
    "mailbox-envelopes": "100000000",
    "lane-envelopes": "100000000",
    "lane-crisis-envelopes": "100000000",
}
MAILBOX: Final = "/v1/mailbox"
AGENCIES: Final = 4
DEVICES: Final = 50
PARTNERS: Final = 64


class Relay:
    """A relay with an empty database, and agencies with 50 devices each.

    Args:
        folder: Where its database goes.
        agencies: How many agencies are enrolled.
        environment: Further environment variables.
        settings: Further settings, by option.
        program: How it is started; as anybody starts it, unless it shall be watched.
    """

    def __init__(
        self,
        folder: Path,
        *,
        agencies: int = AGENCIES,
        environment: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self.database = folder / "relay.db"
        self.settings = {"database": str(self.database), **RAISED, **(settings or {})}
        options = [f"--{name}={value}" for name, value in self.settings.items()]
        began = time.perf_counter()
        self.process = Process(
            [*program, "serve", *options],
            log=folder / "relay.log",
            environment=product_environment(**(environment or {})),
        )
        self.url = self.process.wait_until(self._find_address)
        self.start_seconds = time.perf_counter() - began
        self.port = int(self.url.rpartition(":")[2])
        self.agencies = [
            _Enrolled(self.url, seed, self.make_code()) for seed in range(1, agencies + 1)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.end()

    def target(self, agencies: Sequence[_Enrolled] = (), *, kind: str = "normal") -> Target:
        """Give what a load must know: where, whom to, and by which lanes.

        Args:
            agencies: Whom the load sends to; all of them where it is empty.
            kind: Of the lanes: `normal` or `crisis`.
        """
        chosen = agencies or self.agencies
        shown = [
            chosen[client % len(chosen)].signer.capability_for(partner_of(client), kind=kind)
            for client in range(PARTNERS)
        ]
        return {
            "port": self.port,
            "pid": self.process.pid,
            "agencies": [agency.mailboxes for agency in chosen],
            "lanes": [encode_base64(capability) for capability in shown],
        }

    def upgrades(self) -> list[str]:
        """Sign the requests that open a mailbox socket, one for each device."""
        return [upgrade for agency in self.agencies for upgrade in agency.upgrades(self.port)]

    def disk_bytes(self) -> int:
        """Add up what its database takes on the disk, without the reserve for a full one."""
        files = self.database.parent.glob("relay.db*")
        return sum(f.stat().st_blocks * 512 for f in files if not f.name.endswith("-reserve"))

    def _find_address(self) -> str:
        for line in self.process.said.splitlines(keepends=True):
            if line.startswith(READY) and line.endswith("\n"):
                return line.removeprefix(READY).strip()
        return ""

    def make_code(self) -> str:
        """Make a one-time code, as the operator does."""
        store = open_store(read_settings({"database": self.settings["database"]}, {}))
        try:
            return add_code(store, now=time.time_ns() // 1_000_000, entropy=os.urandom(16))
        finally:
            store.close()


class _Enrolled:
    """An agency with many devices, and a lane for each client of the load."""

    def __init__(self, url: str, seed: int, code: str) -> None:
        self.signer = Agency(url, seed)
        first = self.signer.certificate()
        self.devices = [(first, self.signer.identity)]
        for _ in range(DEVICES - 1):
            identity, listen = (SigningKey(self.signer.draw(32)) for _ in range(2))
            certificate = self.signer.certificate(
                device_id=DeviceId(self.signer.draw(16)),
                mailbox=MailboxId(self.signer.draw(16)),
                identity_key=identity.public,
                listen_key=listen.public,
            )
            self.devices.append((certificate, identity))
        self.devices.sort(key=lambda device: device[0].device_id.value)
        certificates = tuple(certificate for certificate, _ in self.devices)
        self.mailboxes = [certificate.mailbox.value.hex() for certificate in certificates]
        for answer in (
            self.signer.publish_manifest(code=code, devices=certificates),
            self.signer.publish_lanes([partner_of(client) for client in range(PARTNERS)]),
        ):
            if not answer.is_success:
                raise NotMeasuredError(f"the relay refused an agency: {answer.text}")

    def upgrades(self, port: int) -> list[str]:
        """Sign the request that opens the mailbox socket, for each device."""
        return [
            upgrade(MAILBOX, port, self._sign(str(certificate.device_id), key)).decode("ascii")
            for certificate, key in self.devices
        ]

    def _sign(self, device: str, key: SigningKey) -> dict[str, str]:
        return self.signer.signature("GET", MAILBOX, key=key, key_id=device)


def partner_of(client: int) -> bytes:
    """Name the partner that a client of the load is."""
    return client.to_bytes(16, "big")
