"""The file that holds the seed of the log's key, and nothing else.

Rules: it is made whole and durable under its own name before anything is signed, for this user
alone, and never written again. What stands in it is shown nowhere.

Spec: docs/spec/transparency-log.md, "What the relay does".
"""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING, Final

from quietway_crypto.encoding import decode_base64, encode_base64
from quietway_crypto.errors import CryptoError
from quietway_crypto.signing import SEED_BYTES, SigningKey
from quietway_server.errors import StartError

if TYPE_CHECKING:
    from pathlib import Path

_MODE: Final = 0o600
_MOST_BYTES: Final = 64


def open_log_key(path: Path, *, may_make: bool) -> SigningKey:
    """Read the key, or make one where there is no file yet.

    Args:
        path: The file.
        may_make: Whether the log is empty, so that no reader knows another key.

    Raises:
        StartError: The file is missing though the log has leaves, or can't be used.
    """
    try:
        text = _read(path)
    except FileNotFoundError:
        if not may_make:
            raise StartError(
                f"The log key {path} is missing, and the log in the database is signed with it: put"
                " the file back from your backup, or name it with --log-key."
            ) from None
        return _make(path)
    except OSError:
        raise StartError(
            f"The log key {path} can't be read: give this user the right to read it."
        ) from None
    return _parse(path, text)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MOST_BYTES)


def _parse(path: Path, text: bytes) -> SigningKey:
    try:
        line, end, rest = text.decode("ascii").partition("\n")
        seed = decode_base64(line if end and not rest else "")
        return SigningKey(seed)
    except (UnicodeDecodeError, CryptoError):
        raise StartError(
            f"The file {path} holds no log key: put the right one back, or name it with --log-key."
        ) from None


def _make(path: Path) -> SigningKey:
    # Under another name first: a crash may leave half a file, and that would be no key.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    line = f"{encode_base64(secrets.token_bytes(SEED_BYTES))}\n".encode("ascii")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _MODE), "wb") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        # A link takes no name that is there: of two relays that begin at once, one key stays.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        _sync_folder(path)
        return _parse(path, _read(path))
    except OSError:
        raise StartError(
            f"The log key {path} can't be written: give this user the right to write there, or"
            " choose another place with --log-key."
        ) from None


def _sync_folder(path: Path) -> None:
    if os.name == "nt":
        return  # a folder can't be opened there, and needs no sync
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
