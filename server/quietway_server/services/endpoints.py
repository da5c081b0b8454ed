"""Where devices are woken: taken from a device, kept sealed, and opened when one is to be woken.

Rules: what comes is judged before it is kept, so that an endpoint that will never be used does not
look like one that is. What is kept is sealed to its mailbox, of one size. Nobody is told what is
kept: neither by an answer nor by an error.

Spec: docs/spec/wake-ups.md, "Leaving endpoints" and "At rest".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway_crypto.at_rest import NONCE_BYTES, open_at_rest, seal_at_rest
from quietway_crypto.encoding import TAG_WAKE_ENDPOINTS
from quietway_crypto.errors import OpenError
from quietway_schemas.errors import SchemaError
from quietway_schemas.wake import MOST_WAKE_BYTES, WakeEndpoints
from quietway_server.core.waking import NO_MAILBOX
from quietway_server.errors import NotTakenError, RefusedError
from quietway_server.services.mailbox import is_certified

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from quietway_crypto.secret import Secret
    from quietway_schemas.wake import WakeEndpoint
    from quietway_server.ports import Notifier, Store, Transaction
    from quietway_server.rows import DeviceRow, DueWake
    from quietway_server.services.writer import Writer

TARGET: Final = "target"
"""The field that a refusal names."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Takes endpoints in, and opens them.

    Attributes:
        writer: Where they are written.
        notifiers: How each kind is sent; a kind that is not there can't be.
        key: The wake key.
        entropy: Gives random bytes.
    """

    writer: Writer
    notifiers: Mapping[str, Notifier]
    key: Secret
    entropy: Callable[[int], bytes]

    async def replace(self, device: DeviceRow, wanted: WakeEndpoints) -> None:
        """Put a device's endpoints in the place of those before; none delete.

        Raises:
            RefusedError: `invalid_field`: this relay would not send there. `not_found`: the device
                is no longer certified as it was.
            StoreError: They were not stored.
        """
        for endpoint in wanted.endpoints:
            self._check(endpoint)
        sealed = self._seal(device.mailbox, wanted) if wanted.endpoints else None

        def work(transaction: Transaction) -> None:
            if not is_certified(transaction.find_devices([device.device]), device):
                raise RefusedError("not_found")
            transaction.replace_endpoints(device.mailbox, sealed)

        # Taking them away makes room.
        await self.writer.write(work, frees=sealed is None)

    def open(self, wake: DueWake) -> tuple[WakeEndpoint, ...]:
        """Open the endpoints of a mailbox that is to be woken; none where they don't open."""
        try:
            record = open_at_rest(self.key, wake.sealed, tag=TAG_WAKE_ENDPOINTS, owner=wake.mailbox)
            return WakeEndpoints.from_canonical(record, max_bytes=MOST_WAKE_BYTES).endpoints
        except (OpenError, SchemaError):
            return ()

    def _check(self, endpoint: WakeEndpoint) -> None:
        notifier = self.notifiers.get(endpoint.kind)
        try:
            if notifier is not None:
                notifier.check(endpoint.target)
                return
        except NotTakenError:
            pass
        raise RefusedError("invalid_field", field=TARGET)

    def _seal(self, mailbox: bytes, wanted: WakeEndpoints) -> bytes:
        return seal_at_rest(
            self.key,
            wanted.to_canonical(),
            tag=TAG_WAKE_ENDPOINTS,
            owner=mailbox,
            nonce=self.entropy(NONCE_BYTES),
        )


def leave_mark(store: Store, key: Secret, nonce: bytes) -> tuple[bytes, bytes]:
    """Leave a row that tells under which key endpoints are kept, where there is none yet.

    Args:
        store: Several relays may begin on it at once.
        key: The wake key of this one.
        nonce: Random, for the row.

    Returns:
        A mailbox and its row: this one, or another relay's that was first.

    Raises:
        StoreError: Nothing was left.
    """
    sealed = seal_at_rest(
        key,
        WakeEndpoints(endpoints=()).to_canonical(),
        tag=TAG_WAKE_ENDPOINTS,
        owner=NO_MAILBOX,
        nonce=nonce,
    )
    with store.writing() as transaction:
        kept = transaction.find_any_endpoints()
        if kept is None:
            transaction.replace_endpoints(NO_MAILBOX, sealed)
        return kept or (NO_MAILBOX, sealed)


def opens_endpoints(key: Secret, mailbox: bytes, sealed: bytes) -> bool:
    """Tell whether a key is the one under which a mailbox's endpoints are kept."""
    try:
        open_at_rest(key, sealed, tag=TAG_WAKE_ENDPOINTS, owner=mailbox)
    except OpenError:
        return False
    return True
