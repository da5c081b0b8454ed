"""Who reads: verify the signature of a request against the keys of the directory.

Rules: the address that was signed is rebuilt from the Host that was checked and the raw path, never
from a forwarded header. A nonce is taken once. Every failure is one answer, except a clock that is
far off.

Spec: docs/spec/relay-protocol.md, "Signed requests".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from quietway_protocol.request_signature import VerifiedRequest, verify_request
from quietway_schemas.errors import IdError
from quietway_schemas.ids import DeviceId
from quietway_server.errors import RefusedError

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from quietway_server.ports import DeviceRow, Transaction
    from quietway_server.services.relay import Relay

LISTEN: Final = "listen:"


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
    now = relay.clock.now()
    verified, device = await relay.reader.read(
        lambda transaction: _verify(transaction, relay, connection, body=body, now=now)
    )
    listens_only = verified.key_id.startswith(LISTEN)
    if listens_only and not may_listen:
        raise RefusedError("not_authenticated")
    relay.nonces.remember(verified.nonce, created=verified.created, now_seconds=now // 1000)
    return Caller(device, listens_only)


def _verify(
    transaction: Transaction,
    relay: Relay,
    connection: HTTPConnection,
    *,
    body: bytes | None,
    now: int,
) -> tuple[VerifiedRequest, DeviceRow]:
    found: list[DeviceRow] = []

    def public_key_of(key_id: str) -> bytes | None:
        device = _find_device(transaction, key_id.removeprefix(LISTEN))
        if device is None:
            return None
        found.append(device)
        return device.listen_key if key_id.startswith(LISTEN) else device.identity_key

    verified = verify_request(
        method=connection.scope.get("method", "GET"),
        url=_signed_url(relay, connection),
        headers=connection.headers.items(),
        body=body,
        public_key_of=public_key_of,
        now=now,
    )
    return verified, found[0]


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
