"""Asks a relay as one device: signs each request, and reads its answer.

Every request that reads is signed anew (RFC 9421) with the device's identity key, over the address
and the body, with a nonce that is never used twice. The wire under it is the reading one; what is
sent to other agencies goes elsewhere, unsigned.

Spec: docs/spec/relay-protocol.md, "Signed requests".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.transport.answers import check_answer, name_problem
from quietway_crypto.encoding import encode_base64
from quietway_protocol.request_signature import sign_request

if TYPE_CHECKING:
    from quietway.ports import Clock, Entropy
    from quietway.transport.wire import Wire
    from quietway_crypto.signing import SigningKey

JSON: Final = "application/json"
NONCE_BYTES: Final = 16
SMALL_BYTES: Final = 65_536
_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Asker:
    """One device, on one wire.

    Attributes:
        url: The relay's checked address.
        wire: Where requests go.
        key_id: The device's id in text form, or `root:` and an agency's; None before there is one.
        identity: Its key.
        clock: Says when a request was signed.
        entropy: For nonces.
    """

    url: str
    wire: Wire
    key_id: str | None
    identity: SigningKey
    clock: Clock
    entropy: Entropy

    def sign(self, method: str, target: str, body: bytes | None = None) -> dict[str, str]:
        """Make the headers that sign a request.

        Raises:
            RelayRefused: There is no device yet, so nobody would be believed.
        """
        if self.key_id is None:
            raise name_problem("not_authenticated")
        return sign_request(
            method=method,
            url=self.url + target,
            body=body,
            key=self.identity,
            key_id=self.key_id,
            created=self.clock.now() // _MS,
            nonce=encode_base64(self.entropy.draw(NONCE_BYTES)),
        )

    async def get(self, target: str, *, media_type: str, limit_bytes: int) -> bytes:
        """Read something as this device."""
        headers = self.sign("GET", target)
        answer = await self.wire.ask("GET", target, headers=headers, limit_bytes=limit_bytes)
        return check_answer(answer, status=200, media_type=media_type, now=self.clock.now())

    async def post(self, target: str, body: bytes, *, status: int) -> bytes:
        """Tell something as this device: JSON there, JSON or nothing back."""
        headers = {**self.sign("POST", target, body), "content-type": JSON}
        answer = await self.wire.ask(
            "POST", target, body=body, headers=headers, limit_bytes=SMALL_BYTES
        )
        media_type = JSON if status == 200 else None  # noqa: PLR2004 - the status itself
        return check_answer(answer, status=status, media_type=media_type, now=self.clock.now())

    async def put(self, target: str, body: bytes, *, enrolment_code: str | None = None) -> None:
        """Publish a signed object, which speaks for itself; the request is not signed."""
        headers = {"content-type": JSON}
        if enrolment_code is not None:
            headers["quietway-enrolment"] = _check_code(enrolment_code)
        answer = await self.wire.ask(
            "PUT", target, body=body, headers=headers, limit_bytes=SMALL_BYTES
        )
        check_answer(answer, status=204, media_type=None, now=self.clock.now())

    async def put_signed(self, target: str, body: bytes) -> None:
        """Leave something as this device."""
        headers = {**self.sign("PUT", target, body), "content-type": JSON}
        answer = await self.wire.ask(
            "PUT", target, body=body, headers=headers, limit_bytes=SMALL_BYTES
        )
        check_answer(answer, status=204, media_type=None, now=self.clock.now())


def _check_code(code: str) -> str:
    # It was typed by a person: what can't stand in a header can't be a code either.
    typed = code.strip()
    if not (typed.isascii() and typed.isalnum()):
        raise name_problem("not_authenticated")
    return typed
