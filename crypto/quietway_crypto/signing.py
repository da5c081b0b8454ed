"""Who said it: Ed25519 signatures, each made for one purpose.

Rules: a signature is over `pae(tag, body)`, never over bytes that someone else chose. The two
exceptions are the signature base of an HTTP request (RFC 9421), which starts with a quotation mark,
and the text of a log's checkpoint (C2SP signed-note), which starts with `quietway.log/`: no PAE
starts like either. Verification runs in libsodium, raises on refusal and never returns a bool;
public keys of small order, outside the main subgroup or not in their canonical encoding are refused
first, each time.

Spec: docs/spec/envelope.md, "Conventions"; docs/spec/transparency-log.md, "Checkpoints".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, final

from nacl import bindings
from nacl.exceptions import CryptoError as SodiumError

from quietway_crypto.encoding import pae
from quietway_crypto.errors import EncodingError, KeyRefusedError, SignatureRefusedError
from quietway_crypto.secret import Secret, reveal

SEED_BYTES: Final = 32
_MOST_REMEMBERED: Final = 8_192
PUBLIC_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
_HTTP_BASE_START: Final = b'"'
_LOG_TEXT_START: Final = b"quietway.log/"


@final
@dataclass(frozen=True, slots=True, init=False)
class SigningKey:
    """An Ed25519 key that signs, and prints only its public half and a fingerprint.

    Args:
        seed: 32 random bytes.

    Raises:
        KeyRefusedError: The seed is not 32 bytes long.
    """

    public: bytes
    _secret: Secret

    def __init__(self, seed: bytes | Secret) -> None:
        raw = reveal(seed)
        if len(raw) != SEED_BYTES:
            raise KeyRefusedError("The seed of a signing key is 32 bytes long.")
        public, secret = bindings.crypto_sign_seed_keypair(raw)
        # The binding leaves its own copy in memory that it frees: a key of nobody goes over it.
        bindings.crypto_sign_seed_keypair(bytes(SEED_BYTES))
        object.__setattr__(self, "public", public)
        object.__setattr__(self, "_secret", Secret(secret))

    def sign(self, tag: str, body: bytes) -> bytes:
        """Sign a body for one purpose.

        Returns:
            Ed25519 over PAE(tag, body), 64 bytes.

        Raises:
            EncodingError: The tag is empty or not ASCII.
        """
        return self._sign(pae(tag, body))

    def sign_http_base(self, base: bytes) -> bytes:
        """Sign the signature base of an HTTP request (RFC 9421), and nothing else.

        Returns:
            Ed25519 over the base, 64 bytes.

        Raises:
            EncodingError: The base does not start with a quotation mark, so it might be something
                else.
        """
        _check_http_base(base)
        return self._sign(base)

    def sign_log_text(self, text: bytes) -> bytes:
        """Sign the text of a log's checkpoint, with a key that signs nothing else.

        Returns:
            Ed25519 over the text, 64 bytes.

        Raises:
            EncodingError: The text does not start as a checkpoint does, so it might be something
                else.
        """
        _check_log_text(text)
        return self._sign(text)

    def overwrite(self) -> None:
        """Clear the secret half, as `Secret.overwrite` does; nothing is signed from then on."""
        self._secret.overwrite()

    def _sign(self, message: bytes) -> bytes:
        return bindings.crypto_sign(message, self._secret.reveal())[:SIGNATURE_BYTES]


def check_public_key(public: bytes) -> None:
    """Refuse an Ed25519 public key under which a signature would prove nothing.

    Raises:
        KeyRefusedError: Wrong length, not canonical, not on the curve, of small order, or outside
            the main subgroup.
    """
    _judge(public)


@lru_cache(maxsize=_MOST_REMEMBERED)
def _judge(public: bytes) -> None:
    # What was found good is remembered, a refusal is not.
    if len(public) != PUBLIC_KEY_BYTES:
        raise KeyRefusedError("A signing public key is 32 bytes long.")
    if not bindings.crypto_core_ed25519_is_valid_point(public):
        raise KeyRefusedError(
            "The signing public key was refused: ask its owner's agency for a new one."
        )


def verify(public: bytes, tag: str, body: bytes, signature: bytes) -> None:
    """Check a signature made by `SigningKey.sign`. Returning at all means that it holds.

    Raises:
        KeyRefusedError: The public key is not one to verify with.
        SignatureRefusedError: The signature is not by this key over this tag and body.
        EncodingError: The tag is empty or not ASCII.
    """
    _verify(public, pae(tag, body), signature)


def verify_http_base(public: bytes, base: bytes, signature: bytes) -> None:
    """Check a signature made by `SigningKey.sign_http_base`. Returning at all means that it holds.

    Raises:
        KeyRefusedError: The public key is not one to verify with.
        SignatureRefusedError: The signature is not by this key over this base.
        EncodingError: The base does not start with a quotation mark.
    """
    _check_http_base(base)
    _verify(public, base, signature)


def verify_log_text(public: bytes, text: bytes, signature: bytes) -> None:
    """Check a signature made by `SigningKey.sign_log_text`. Returning at all means that it holds.

    Raises:
        KeyRefusedError: The public key is not one to verify with.
        SignatureRefusedError: The signature is not by this key over this text.
        EncodingError: The text does not start as a checkpoint does.
    """
    _check_log_text(text)
    _verify(public, text, signature)


def _check_log_text(text: bytes) -> None:
    if not text.startswith(_LOG_TEXT_START):
        raise EncodingError("The text of a checkpoint starts with the name of its log.")


def _check_http_base(base: bytes) -> None:
    if not base.startswith(_HTTP_BASE_START):
        raise EncodingError("A signature base of HTTP starts with a quotation mark.")


def _verify(public: bytes, message: bytes, signature: bytes) -> None:
    check_public_key(public)
    if len(signature) != SIGNATURE_BYTES:
        raise SignatureRefusedError
    _ask_libsodium(public, message, signature)


def _ask_libsodium(public: bytes, message: bytes, signature: bytes) -> None:
    # libsodium refuses S >= L, and points that are not canonical; OpenSSL is laxer about the
    # latter.
    try:
        bindings.crypto_sign_open(signature + message, public)
    except SodiumError:
        raise SignatureRefusedError from None
