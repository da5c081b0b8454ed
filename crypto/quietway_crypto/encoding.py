"""Bytes that mean one thing: tagged encodings, tagged hashes, and strict base64url and base32.

Every signature, hash and key of the protocol is made over `pae(tag, body)` with a tag of its own,
so nothing made for one purpose can be shown for another. All tags stand here, once; no tag is a
prefix of another.

Rules: a decoder accepts exactly what its encoder writes and refuses everything else, so each value
has one text. This room never parses JSON and never knows an id's prefix.

Spec: docs/spec/envelope.md, "Conventions" and "Tags".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final

from quietway_crypto.errors import EncodingError

TAG_ENVELOPE: Final = "quietway/v1/envelope"
TAG_SEAL: Final = "quietway/v1/seal"
TAG_MESSAGE_ID: Final = "quietway/v1/message-id"
TAG_CORE: Final = "quietway/v1/core"
TAG_AUDIENCE: Final = "quietway/v1/audience"
TAG_SUITE_SEED: Final = "quietway/v1/suite-seed"
TAG_WITHDRAW: Final = "quietway/v1/withdraw"
TAG_CANCEL: Final = "quietway/v1/cancel"
TAG_CANCEL_OPENING: Final = "quietway/v1/opening-of-cancel"
TAG_LANE: Final = "quietway/v1/lane"
TAG_CAPABILITY: Final = "quietway/v1/capability"
TAG_CAPABILITY_OPENING: Final = "quietway/v1/opening-of-capability"
TAG_MANIFEST: Final = "quietway/v1/manifest"
TAG_MANIFEST_HASH: Final = "quietway/v1/hash-of-manifest"
TAG_VERSION_HASH: Final = "quietway/v1/hash-of-version"
TAG_EPOCH_BATCH: Final = "quietway/v1/epoch-batch"
TAG_WEEK_OF_LANES: Final = "quietway/v1/week-of-lanes"
TAG_WRAP_KEY: Final = "quietway/v1/wrap-key"
TAG_WRAP_COMMITMENT: Final = "quietway/v1/wrap-commitment"
TAG_PRINTED_KEY: Final = "quietway/v1/printed-key"
TAG_OPS_LIST: Final = "quietway/v1/ops-list"
TAG_CERTIFICATE: Final = "quietway/v1/certificate"
TAG_SNAPSHOT: Final = "quietway/v1/snapshot"
TAG_LINK: Final = "quietway/v1/link"
TAG_KEYRING_KEY: Final = "quietway/v1/keyring-key"
TAG_PEPPER_NAME: Final = "quietway/v1/pepper-name"
TAG_CUSTODIAN: Final = "quietway/v1/custodian"
TAG_BACKUP: Final = "quietway/v1/backup"
TAG_LOG_NAME: Final = "quietway/v1/log-name"
TAG_BLOB_CHUNK: Final = "quietway/v1/blob-chunk"
TAG_BLOB_COMMITMENT: Final = "quietway/v1/blob-commitment"
TAG_BLOB_OPENING: Final = "quietway/v1/blob-opening"
TAG_BLOB_WRITING: Final = "quietway/v1/blob-writing"
TAG_DICTIONARY: Final = "quietway/v1/dictionary"
TAG_DICTIONARY_HASH: Final = "quietway/v1/hash-of-dictionary"
TAG_AGREEMENT: Final = "quietway/v1/agreement"
TAG_AGREEMENT_HASH: Final = "quietway/v1/hash-of-agreement"
TAG_AGREEMENT_END: Final = "quietway/v1/end-of-agreement"
TAG_AGREEMENT_NAME: Final = "quietway/v1/name-of-agreement"
TAG_FORK: Final = "quietway/v1/fork"
TAG_WAKE_ENDPOINTS: Final = "quietway/v1/wake-endpoints"
TAG_WAKE_ATTEMPT: Final = "quietway/v1/wake-attempt"
TAG_CASE_ALIAS: Final = "quietway/v1/case-alias"
TAG_EVENT: Final = "quietway/v1/event"
TAG_HUDDLE: Final = "quietway/v1/huddle"
TAG_GUARD_OVERRIDE: Final = "quietway/v1/guard-override"
TAG_GUARD_LIST: Final = "quietway/v1/guard-list"
TAG_GUARD_PHRASE: Final = "quietway/v1/guard-phrase"

TAGS: Final[frozenset[str]] = frozenset(
    {
        TAG_ENVELOPE,
        TAG_SEAL,
        TAG_MESSAGE_ID,
        TAG_CORE,
        TAG_AUDIENCE,
        TAG_SUITE_SEED,
        TAG_WITHDRAW,
        TAG_CANCEL,
        TAG_CANCEL_OPENING,
        TAG_LANE,
        TAG_CAPABILITY,
        TAG_CAPABILITY_OPENING,
        TAG_MANIFEST,
        TAG_MANIFEST_HASH,
        TAG_VERSION_HASH,
        TAG_EPOCH_BATCH,
        TAG_WEEK_OF_LANES,
        TAG_WRAP_KEY,
        TAG_WRAP_COMMITMENT,
        TAG_PRINTED_KEY,
        TAG_OPS_LIST,
        TAG_CERTIFICATE,
        TAG_SNAPSHOT,
        TAG_LINK,
        TAG_KEYRING_KEY,
        TAG_PEPPER_NAME,
        TAG_CUSTODIAN,
        TAG_BACKUP,
        TAG_LOG_NAME,
        TAG_BLOB_CHUNK,
        TAG_BLOB_COMMITMENT,
        TAG_BLOB_OPENING,
        TAG_BLOB_WRITING,
        TAG_DICTIONARY,
        TAG_DICTIONARY_HASH,
        TAG_AGREEMENT,
        TAG_AGREEMENT_HASH,
        TAG_AGREEMENT_END,
        TAG_AGREEMENT_NAME,
        TAG_FORK,
        TAG_WAKE_ENDPOINTS,
        TAG_WAKE_ATTEMPT,
        TAG_CASE_ALIAS,
        TAG_EVENT,
        TAG_HUDDLE,
        TAG_GUARD_OVERRIDE,
        TAG_GUARD_LIST,
        TAG_GUARD_PHRASE,
    }
)


def pae(tag: str, body: bytes) -> bytes:
    """Encode a body together with what it is for (the pre-authentication encoding of DSSE v1).

    Args:
        tag: The purpose, ASCII, at least one character; one of `TAGS` everywhere in the product.
        body: Any bytes.

    Returns:
        `DSSEv1 len(tag) tag len(body) body`, joined by single spaces, lengths in decimal.

    Raises:
        EncodingError: The tag is empty or not ASCII.

    Source: DSSE v1 protocol, "Signature definition". Spec: docs/spec/envelope.md, "Conventions".
    """
    if not tag or not tag.isascii():
        raise EncodingError("A tag is at least one ASCII character.")
    return b"DSSEv1 %d %s %d %s" % (len(tag), tag.encode("ascii"), len(body), body)


def hash_tagged(tag: str, body: bytes) -> bytes:
    """Hash a body for one purpose.

    Returns:
        SHA-256 of `pae(tag, body)`, 32 bytes.

    Raises:
        EncodingError: The tag is empty or not ASCII.
    """
    return hashlib.sha256(pae(tag, body)).digest()


def constant_time_equal(a: bytes, b: bytes) -> bool:
    """Compare two byte strings in a time that depends on their lengths alone."""
    return hmac.compare_digest(a, b)


def encode_base64(raw: bytes) -> str:
    """Write bytes as base64url (RFC 4648, section 5) without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode_base64(text: str) -> bytes:
    """Read what `encode_base64` wrote, and nothing else.

    Raises:
        EncodingError: Padding, white space, a foreign character, an impossible length, or unused
            bits that are not zero.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise EncodingError("The text is not base64url without padding.") from None
    if encode_base64(raw) != text:
        raise EncodingError("The text is not base64url in its one canonical form.")
    return raw


def decode_kept_base64(text: str) -> bytes:
    """Read what `encode_base64` wrote, and this device kept sealed since: no form is looked at.

    Raises:
        EncodingError: It is no base64url at all.
    """
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise EncodingError("The text is not base64url without padding.") from None


def encode_base32(raw: bytes) -> str:
    """Write bytes as base32 (RFC 4648, section 6) in lower case without padding."""
    return base64.b32encode(raw).rstrip(b"=").decode("ascii").lower()


def decode_base32(text: str) -> bytes:
    """Read what `encode_base32` wrote, and nothing else.

    Raises:
        EncodingError: Upper case, padding, a foreign character, an impossible length, or unused
            bits that are not zero.
    """
    try:
        raw = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        raise EncodingError("The text is not base32 without padding.") from None
    if encode_base32(raw) != text:
        raise EncodingError("The text is not base32 in its one canonical form.")
    return raw
