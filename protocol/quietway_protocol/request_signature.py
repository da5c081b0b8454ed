"""Sign and verify a request: RFC 9421, with exactly one shape of signature and no other.

Rules: one signature, labelled `quietway`; the covered components, the parameters and their order
are fixed, so what a signature says never depends on what the other side chose to cover. Signing and
verifying go through libsodium. This module never reads a clock, never draws a nonce, and never
remembers one: replay is the caller's to refuse.

Spec: docs/spec/relay-protocol.md, "Signed requests".
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    HTTPSignatureKeyResolver,
    VerifyResult,
)

from quietway_crypto.errors import CryptoError
from quietway_crypto.signing import SigningKey, verify_http_base
from quietway_protocol.errors import ClockSkewError, RequestRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

LABEL: Final = "quietway"
TAG: Final = "quietway/v1"
LISTEN: Final = "listen:"
"""Before a device id: the signature is by its listen key, which learns `latest` alone."""
ROOT: Final = "root:"
"""Before an agency id: the signature is by its root key, which reads the directory alone."""
SKEW_MS: Final = 2 * 60 * 60 * 1000
COMPONENTS: Final = ("@method", "@authority", "@path", "@query")
_PARAMETERS: Final = ("created", "keyid", "alg", "nonce", "tag")
# 16 bytes in base64url without padding: the last character has four unused bits, which are zero.
_NONCE: Final = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]")
_LATEST_SECOND: Final = 2**40
_ONCE: Final = frozenset({"signature", "signature-input", "content-digest"})


@dataclass(frozen=True, slots=True)
class VerifiedRequest:
    """Who signed a request. It exists only after the signature was verified.

    Attributes:
        key_id: As shown: a device id in text form, maybe after `listen:`, or an agency id after
            `root:`.
        nonce: 22 characters, for the memory of nonces.
        created: When it was signed, in seconds.
    """

    key_id: str
    nonce: str
    created: int


@dataclass(slots=True)
class _Message:
    """The request as the library wants to see it."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


class _Sodium(HTTPSignatureAlgorithm):
    """Ed25519 by libsodium, which refuses small-order keys and altered scalars."""

    algorithm_id = "ed25519"

    def __init__(
        self, public_key: bytes | None = None, private_key: SigningKey | None = None
    ) -> None:
        self._public_key = public_key or b""
        self._private_key = private_key

    def sign(self, message: bytes) -> bytes:
        if self._private_key is None:
            raise RequestRefusedError
        return self._private_key.sign_http_base(message)

    def verify(self, signature: bytes, message: bytes) -> None:
        verify_http_base(self._public_key, message, signature)


class _OneKey(HTTPSignatureKeyResolver):
    def __init__(self, key: SigningKey) -> None:
        self._key = key

    def resolve_private_key(self, key_id: str) -> SigningKey:  # noqa: ARG002, one key, whatever its id
        return self._key


class _KnownKeys(HTTPSignatureKeyResolver):
    def __init__(self, public_key_of: Callable[[str], bytes | None]) -> None:
        self._public_key_of = public_key_of

    def resolve_public_key(self, key_id: str) -> bytes | None:
        return self._public_key_of(key_id)


class _Verifier(HTTPMessageVerifier):
    """The library's verifier, without its clock: time is judged below, against the caller's."""

    def validate_created_and_expires(self, sig_input: object, max_age: object = None) -> None:
        """Leave time to `_check_time`."""


def sign_request(
    *,
    method: str,
    url: str,
    body: bytes | None,
    key: SigningKey,
    key_id: str,
    created: int,
    nonce: str,
) -> dict[str, str]:
    """Make the headers that sign a request.

    Args:
        method: In capitals. The upgrade of a websocket is a `GET`.
        url: The absolute address that is asked; `ws` and `wss` are taken as `http` and `https`.
        body: The exact bytes of the body; None, or empty, where there is none.
        key: The device's identity key, or its listen key, or an agency's root key.
        key_id: The device id in text form, after `listen:` for a listen key; the agency id after
            `root:` for a root key.
        created: The signer's clock, in seconds.
        nonce: 22 characters of base64: 16 random bytes, never used twice.

    Returns:
        `Signature`, `Signature-Input`, and with a body `Content-Digest`.

    Raises:
        RequestRefusedError: The address or the nonce is malformed.
    """
    if not _NONCE.fullmatch(nonce):
        raise RequestRefusedError
    message = _Message(method, _as_http(url))
    try:
        HTTPMessageSigner(signature_algorithm=_Sodium, key_resolver=_OneKey(key)).sign(
            message,
            key_id=key_id,
            created=dt.datetime.fromtimestamp(created, dt.UTC),
            nonce=nonce,
            label=LABEL,
            tag=TAG,
            covered_component_ids=COMPONENTS,
            body=body or None,
        )
    except HTTPMessageSignaturesException:
        raise RequestRefusedError from None
    return message.headers


def verify_request(
    *,
    method: str,
    url: str,
    headers: Mapping[str, str] | Iterable[tuple[str, str]],
    body: bytes | None,
    public_key_of: Callable[[str], bytes | None],
    now: int,
) -> VerifiedRequest:
    """Verify the signature of a request.

    Args:
        method: As received.
        url: The absolute address as the client saw it.
        headers: All header fields, repeated ones included.
        body: The exact bytes of the body; None, or empty, where there is none.
        public_key_of: Gives the 32 bytes of a key id's public key, or None.
        now: Milliseconds.

    Returns:
        Who signed. Whether the nonce was seen before is the caller's to ask.

    Raises:
        RequestRefusedError: Missing, malformed, by an unknown key, or wrong: one answer for all.
        ClockSkewError: Right, but signed more than 2 hours from `now`.
    """
    message = _Message(method, _as_http(url), _single(headers))
    verifier = _Verifier(signature_algorithm=_Sodium, key_resolver=_KnownKeys(public_key_of))
    try:
        # Neither label nor tag is named here: with either, a second signature would be overlooked.
        results = verifier.verify(message, max_age=None, body=body or b"")
    except (HTTPMessageSignaturesException, CryptoError, ValueError):
        raise RequestRefusedError from None
    return _check_shape(results, has_body=bool(body), now=now)


def _as_http(url: str) -> str:
    """Name the address as HTTP does, so that default ports are left out alike on both sides."""
    return "http" + url.removeprefix("ws") if url.startswith("ws") else url


def _single(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    """Keep the three fields of interest; each may stand once, so that no two readers can differ."""
    pairs = headers.items() if hasattr(headers, "items") else headers
    kept: dict[str, str] = {}
    for name, value in cast("Iterable[tuple[str, str]]", pairs):
        lowered = name.lower()
        if lowered in _ONCE:
            if lowered in kept:
                raise RequestRefusedError
            kept[lowered] = value
    return kept


def _check_shape(results: list[VerifyResult], *, has_body: bool, now: int) -> VerifiedRequest:
    """Refuse a right signature that says more, less or otherwise than the one shape we speak."""
    if len(results) != 1 or results[0].label != LABEL:
        raise RequestRefusedError
    result = results[0]
    wanted = [*COMPONENTS, *(["content-digest"] if has_body else [])]
    covered = [f'"{name}"' for name in wanted] + ['"@signature-params"']
    if list(result.covered_components) != covered or tuple(result.parameters) != _PARAMETERS:
        raise RequestRefusedError
    if result.parameters["tag"] != TAG or result.parameters["alg"] != _Sodium.algorithm_id:
        raise RequestRefusedError
    created, nonce = result.parameters["created"], str(result.parameters["nonce"])
    if not isinstance(created, int) or not 0 <= created < _LATEST_SECOND:
        raise RequestRefusedError
    if not _NONCE.fullmatch(nonce):
        raise RequestRefusedError
    _check_time(created, now=now)
    return VerifiedRequest(str(result.parameters["keyid"]), nonce, created)


def _check_time(created: int, *, now: int) -> None:
    skew = created * 1000 - now
    if abs(skew) > SKEW_MS:
        raise ClockSkewError(skew_ms=skew)
