"""The file of a backup: opaque, of one of few lengths, and opened by two things together.

    file       = salt (16) || wrap(key, padded, context = quietway/v1/backup)
    key        = HKDF(Argon2id(passphrase, salt) || backup key, tag quietway/v1/backup)
    padded     = u64 length || content || zero bytes, so that the file is 2^k bytes long, k >= 18

The backup key is 32 random bytes that stand in no file: a person has them as 24 words. The
passphrase alone opens nothing, and the words alone open nothing. Nothing of the file tells what it
is, whose, or how much is in it but for the power of two.

Rules: what it costs to try a passphrase belongs to the format, since no head could tell it. Every
failure is one and the same. Pure: bytes in, bytes out.

Spec: docs/spec/keys.md, "Backup".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.errors import BackupRefused
from quietway_crypto.encoding import TAG_BACKUP
from quietway_crypto.errors import CryptoError, EncodingError
from quietway_crypto.kdf import derive
from quietway_crypto.padding import check_filler
from quietway_crypto.passphrase import PassphraseParameters, derive_key
from quietway_crypto.secret import Secret
from quietway_crypto.wrap import NONCE_BYTES, WRAP_OVERHEAD, unwrap, wrap

if TYPE_CHECKING:
    from quietway.ports import Entropy

SALT_BYTES: Final = 16
SMALLEST: Final = 2**18
LARGEST: Final = 2**30
_LENGTH_BYTES: Final = 8
_OVERHEAD: Final = SALT_BYTES + WRAP_OVERHEAD
_CONTEXT: Final = TAG_BACKUP.encode("ascii")


def seal_backup(
    content: bytes,
    *,
    passphrase: str,
    backup_key: Secret,
    entropy: Entropy,
    parameters: PassphraseParameters = PassphraseParameters.DEFAULT,
) -> bytes:
    """Seal what a backup holds.

    Args:
        content: Any bytes.
        passphrase: The device's.
        backup_key: 32 random bytes, drawn for this file.
        entropy: For salt and nonce.
        parameters: Another cost than the format's, for tests.

    Raises:
        BackupRefused: `too_large`.
    """
    salt = entropy.draw(SALT_BYTES)
    key = _derive(passphrase, salt, backup_key, parameters)
    padded = pad(content)
    return salt + wrap(key, padded, context=_CONTEXT, nonce=entropy.draw(NONCE_BYTES))


def open_backup(
    raw: bytes,
    *,
    passphrase: str,
    backup_key: Secret,
    parameters: PassphraseParameters = PassphraseParameters.DEFAULT,
) -> bytes:
    """Open a backup.

    Raises:
        BackupRefused: `not_opened`: another passphrase, other words, altered, or no backup.
    """
    try:
        if not SMALLEST <= len(raw) <= LARGEST or len(raw) & len(raw) - 1:
            raise EncodingError("A backup's length is a power of two.")
        key = _derive(passphrase, raw[:SALT_BYTES], backup_key, parameters)
        return _unpad(unwrap(key, raw[SALT_BYTES:], context=_CONTEXT))
    except CryptoError:
        raise BackupRefused("not_opened") from None


def pad(content: bytes) -> bytes:
    """Bring a content to the next length at which the whole file is a power of two.

    Raises:
        BackupRefused: `too_large`.
    """
    file = SMALLEST
    while file - _OVERHEAD - _LENGTH_BYTES < len(content):
        file *= 2
    if file > LARGEST:
        raise BackupRefused("too_large")
    return (len(content).to_bytes(_LENGTH_BYTES, "big") + content).ljust(file - _OVERHEAD, b"\0")


def _unpad(padded: bytes) -> bytes:
    end = _LENGTH_BYTES + int.from_bytes(padded[:_LENGTH_BYTES], "big")
    if end > len(padded):
        raise EncodingError("The length points beyond the end.")
    check_filler(padded[end:])
    return padded[_LENGTH_BYTES:end]


def _derive(
    passphrase: str, salt: bytes, backup_key: Secret, parameters: PassphraseParameters
) -> Secret:
    stretched = derive_key(passphrase, salt=salt, parameters=parameters)
    return Secret(derive(stretched.reveal() + backup_key.reveal(), tag=TAG_BACKUP))
