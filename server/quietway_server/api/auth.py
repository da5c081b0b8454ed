"""Who reads: verify the signature of a request against the keys of the directory.

Rules: the address that was signed is rebuilt from the Host that was checked and the raw path, never
from a forwarded header. A nonce is taken once. Every failure is one answer, except a clock that is
far off. Checks are paced: what comes faster waits its turn.

Spec: docs/spec/relay-protocol.md, "Signed requests" and "Under load".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from quietway_protocol.errors import RequestRefusedError
from quietway_protocol.request_signature import LISTEN, ROOT, VerifiedRequest, verify_request
from quietway_schemas.errors import IdError
from quietway_schemas.ids import AgencyId, DeviceId
from quietway_server.api.places import waiting_at
from quietway_server.core.decoys import DECOY_KEY
from quietway_server.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import HTTPConnection

    from quietway_server.ports import Transaction
    from quietway_server.rows import DeviceRow
    from quietway_server.services.relay import Relay


_KEY_ID: Final = re.compile(r';keyid="([^"]{1,80})"')


@dataclass(frozen=True, slots=True)
class Caller:
    """A device whose signature was verified.

    Attributes:
        device: Its row.
        listens_only: Whether it signed with its listen key, which learns `latest` and nothing else.
    """

    device: DeviceRow
    listens_only: bool


async def authenticate(
    relay: Relay, connection: HTTPConnection, *, body: bytes | None, may_listen: bool = False
) -> Caller:
    """Find out which device sent a request.

    Args:
        relay: The services.
        connection: A request, or the upgrade of a websocket.
        body: The exact bytes of the body, or None.
        may_listen: Whether a listen key is good enough.

    Raises:
        RefusedError: `not_authenticated`.
        ClockSkewError: The signature is right, but its time is too far off.
        RequestRefusedError: The signature is missing or wrong.
    """
    verified, device = await _verify(relay, connection, body=body)
    listens_only = verified.key_id.startswith(LISTEN)
    if device is None or (listens_only and not may_listen):
        raise RefusedError("not_authenticated")
    await _remember(relay, verified)
    return Caller(device, listens_only)


async def authenticate_reader(relay: Relay, request: HTTPConnection) -> None:
    """Demand that a device, or the root key of an agency, asks for the directory.

    Who recovers an agency has no certified device yet, and needs to know what there was. A device
    of an agency that was removed learns of it here, and is nobody anywhere else.

    Raises:
        RefusedError, ClockSkewError, RequestRefusedError: As `authenticate`.
    """
    verified, _ = await _verify(relay, request, body=None, may_be_removed=True)
    if verified.key_id.startswith(LISTEN):
        raise RefusedError("not_authenticated")
    await _remember(relay, verified)


async def _remember(relay: Relay, verified: VerifiedRequest) -> None:
    now_seconds = relay.clock.now() // 1000
    relay.nonces.remember(
        verified.nonce,
        signer=verified.key_id,
        created=verified.created,
        now_seconds=now_seconds,
    )
    if relay.shared_nonces is not None:
        await relay.shared_nonces.take(verified.nonce, created=verified.created * 1000)


async def _verify(
    relay: Relay, connection: HTTPConnection, *, body: bytes | None, may_be_removed: bool = False
) -> tuple[VerifiedRequest, DeviceRow | None]:
    await _wait_for_turn(relay, connection)
    return await relay.reader.read(
        lambda transaction: _verify_in(
            transaction, relay, connection, body=body, may_be_removed=may_be_removed
        )
    )


async def _wait_for_turn(relay: Relay, connection: HTTPConnection) -> None:
    """Wait until there is time for one more signature; a stranger's is not waited for.

    Raises:
        RefusedError: `overloaded`; or `not_authenticated`: nobody has this key id.
    """
    shown = _KEY_ID.search(connection.headers.get("signature-input", ""))
    if shown is None or relay.turns.take_now():
        return
    with waiting_at(connection.scope):
        if not await relay.reader.run(_are_known, shown[1], goes_first=True):
            raise RefusedError("not_authenticated")
        await relay.turns.wait(shown[1])


def _are_known(transaction: Transaction, key_ids: Sequence[str]) -> Sequence[bool | RefusedError]:
    return [_is_known(transaction, key_id) for key_id in key_ids]


def _is_known(transaction: Transaction, key_id: str) -> bool:
    if key_id.startswith(ROOT):
        return _find_root_key(transaction, key_id.removeprefix(ROOT)) is not None
    device = key_id.removeprefix(LISTEN)
    known = _find_device(transaction, device) or _find_removed(transaction, device)
    return known is not None


def _verify_in(
    transaction: Transaction,
    relay: Relay,
    connection: HTTPConnection,
    *,
    body: bytes | None,
    may_be_removed: bool,
) -> tuple[VerifiedRequest, DeviceRow | None]:
    signer = _Signer(transaction, may_be_removed=may_be_removed)
    try:
        verified = verify_request(
            method=connection.scope.get("method", "GET"),
            url=_signed_url(relay, connection),
            headers=connection.headers.items(),
            body=body,
            public_key_of=signer.public_key_of,
            now=relay.clock.now(),
        )
    except RequestRefusedError:
        if signer.error is not None:
            # A database that is away must not look like a wrong signature.
            raise signer.error from None
        raise
    if not signer.is_known:
        raise RefusedError("not_authenticated")
    return verified, signer.device


class _Signer:
    """Who signed a request, as far as the directory knows them."""

    def __init__(self, transaction: Transaction, *, may_be_removed: bool) -> None:
        self._transaction = transaction
        self._may_be_removed = may_be_removed
        self.device: DeviceRow | None = None
        self.is_known = False
        self.error: Exception | None = None

    def public_key_of(self, key_id: str) -> bytes:
        """Give the public key of a key id, or one that verifies nothing; keep an error for later.

        Whom nobody knows is so refused after as much work as whoever has the wrong key.
        """
        try:
            key = self._find_key(key_id)
        except Exception as error:  # noqa: BLE001, whatever it was, `_verify_in` raises it
            self.error = error
            return DECOY_KEY
        self.is_known = key is not None
        return key or DECOY_KEY

    def _find_key(self, key_id: str) -> bytes | None:
        if key_id.startswith(ROOT):
            return _find_root_key(self._transaction, key_id.removeprefix(ROOT))
        self.device = _find_device(self._transaction, key_id.removeprefix(LISTEN))
        if self.device is None:
            return _find_removed(self._transaction, key_id) if self._may_be_removed else None
        return self.device.listen_key if key_id.startswith(LISTEN) else self.device.identity_key


def _find_root_key(transaction: Transaction, text: str) -> bytes | None:
    try:
        agency = AgencyId.from_text(text).value
    except IdError:
        return None
    held = transaction.find_manifest(agency)
    return None if held is None else held.root_key


def _find_removed(transaction: Transaction, text: str) -> bytes | None:
    try:
        device = DeviceId.from_text(text).value
    except IdError:
        return None
    return transaction.find_removed_devices([device]).get(device)


def _find_device(transaction: Transaction, text: str) -> DeviceRow | None:
    try:
        device = DeviceId.from_text(text).value
    except IdError:
        return None
    return transaction.find_devices([device]).get(device)


def _signed_url(relay: Relay, connection: HTTPConnection) -> str:
    public = urlsplit(relay.settings.public_url)
    host = connection.headers.get("host", "")
    scheme = public.scheme if host.lower() == public.netloc.lower() else "http"
    path = connection.scope["raw_path"].decode("latin-1")
    query = connection.scope["query_string"].decode("latin-1")
    return f"{scheme}://{host}{path}" + (f"?{query}" if query else "")
