"""Files that hold 32 secret bytes each, and nothing else.

Rules: a key is made whole and durable under its own name before anything is done with it, for this
user alone, and never written again. What stands in the file is shown nowhere.

Spec: docs/spec/transparency-log.md, "What the relay does"; docs/spec/wake-ups.md, "At rest".
"""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway_crypto.encoding import decode_base64, encode_base64
from quietway_crypto.errors import CryptoError
from quietway_server.errors import StartError

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES: Final = 32
_MODE: Final = 0o600
_MOST_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class KeyFile:
    """One such file.

    Attributes:
        path: Where it is.
        name: What the key is called.
        option: The setting that names the file.
        missing: What it means that the file is missing where it may not be made.
    """

    path: Path
    name: str
    option: str
    missing: str

    def open(self, *, may_make: bool) -> bytes:
        """Read the key, or make one where there is no file yet.

        Args:
            may_make: Whether nothing stands on another key.

        Raises:
            StartError: The file is missing and may not be made, or can't be used.
        """
        try:
            text = self._read()
        except FileNotFoundError:
            if not may_make:
                raise StartError(
                    f"The {self.name} {self.path} is missing, {self.missing}"
                ) from None
            return self._make()
        except OSError:
            raise StartError(
                f"The {self.name} {self.path} can't be read: give this user the right to read it."
            ) from None
        return self._parse(text)

    def _read(self) -> bytes:
        with self.path.open("rb") as file:
            return file.read(_MOST_BYTES)

    def _parse(self, text: bytes) -> bytes:
        try:
            line, end, rest = text.decode("ascii").partition("\n")
            key = decode_base64(line if end and not rest else "")
        except (UnicodeDecodeError, CryptoError):
            key = b""
        if len(key) != KEY_BYTES:
            raise StartError(
                f"The file {self.path} holds no {self.name}: put the right one back, or name it"
                f" with {self.option}."
            )
        return key

    def _make(self) -> bytes:
        # Under another name first: a crash may leave half a file, and that would be no key.
        draft = self.path.with_name(f"{self.path.name}.{secrets.token_hex(8)}")
        line = f"{encode_base64(secrets.token_bytes(KEY_BYTES))}\n".encode("ascii")
        try:
            opened = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _MODE)
            with os.fdopen(opened, "wb") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            # A link takes no name that is there: of two relays that begin at once, one key stays.
            with contextlib.suppress(FileExistsError):
                os.link(draft, self.path)
            draft.unlink()
            sync_folder(self.path)
            return self._parse(self._read())
        except OSError:
            raise StartError(
                f"The {self.name} {self.path} can't be written: give this user the right to write"
                f" there, or choose another place with {self.option}."
            ) from None


def sync_folder(path: Path) -> None:
    """Make a new name in this file's folder survive a power cut."""
    if os.name == "nt":
        return  # a folder can't be opened there, and needs no sync
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
