"""The pepper: 32 bytes that lie beside the keyring, and that no passphrase replaces.

Whoever copies the keyring alone has nothing to guess at. Each erasure draws a new pepper and wraps
what survives anew; so a copy that was made before opens with nothing that is here afterwards. While
that happens two peppers lie here, and the keyring's head names the one it is under.

A pepper lies in the file `pepper`, or with the system's own keyring where a person chose that and
the system has a real one: then a copy of the folder holds no pepper at all. It is in no backup.

Spec: docs/spec/keys.md, "The keyring".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from quietway.errors import PepperMissing
from quietway.files import overwrite_former, write_durably
from quietway_crypto.encoding import TAG_PEPPER_NAME, decode_base64, encode_base64, hash_tagged
from quietway_crypto.errors import EncodingError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from keyring.backend import KeyringBackend

PEPPER_FILE: Final = "pepper"
PEPPER_BYTES: Final = 32
MOST_PEPPERS: Final = 2
_NAME_BYTES: Final = 16
_SERVICE: Final = "quietway"
_LEAST_PRIORITY: Final = 1
"""What the library calls recommended; its stand-ins for a system without a keyring have less."""


class PepperPlace(Protocol):
    """Where the pepper of one keyring lies."""

    def read(self) -> tuple[bytes, ...]:
        """Return the peppers that lie here: none, one, or two while an erasure is not finished."""
        ...

    def write(self, peppers: Sequence[bytes]) -> None:
        """Replace them durably, one or two.

        Raises:
            StorageFull: There is no room. What lay here lies here.
        """
        ...

    def destroy(self) -> None:
        """Remove them, where the device is wiped; where there are none nothing happens.

        Raises:
            PepperMissing: The system's keyring is locked.
        """
        ...


class PepperFile:
    """A pepper in a file of the device's folder, which only its owner may read."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[bytes, ...]:
        """Return the peppers of the file; none where it is missing or has another length."""
        try:
            return _split(self._path.read_bytes())
        except FileNotFoundError:
            return ()

    def write(self, peppers: Sequence[bytes]) -> None:
        """Replace the file, and write zeros over the former one as far as the disk lets us."""
        with overwrite_former(self._path):
            write_durably(self._path, b"".join(peppers))

    def destroy(self) -> None:
        """Remove the file, and write zeros over what it held as far as the disk lets us."""
        with overwrite_former(self._path):
            self._path.unlink(missing_ok=True)


class SystemPepper:
    """A pepper with the system's own keyring, under the id of the device's keyring."""

    __slots__ = ("_backend", "_name")

    def __init__(self, backend: KeyringBackend, keyring_id: bytes) -> None:
        self._backend = backend
        self._name = encode_base64(keyring_id)

    def read(self) -> tuple[bytes, ...]:
        """Return the peppers that the system keeps for this keyring."""
        from keyring.errors import KeyringError  # noqa: PLC0415 - as below

        try:
            return _split(decode_base64(self._backend.get_password(_SERVICE, self._name) or ""))
        except (EncodingError, KeyringError):
            return ()

    def write(self, peppers: Sequence[bytes]) -> None:
        """Give them to the system's keyring, in place of what it keeps.

        Raises:
            PepperMissing: It is locked, or takes nothing.
        """
        from keyring.errors import KeyringError  # noqa: PLC0415 - as below

        try:
            self._backend.set_password(_SERVICE, self._name, encode_base64(b"".join(peppers)))
        except KeyringError:
            raise PepperMissing from None

    def destroy(self) -> None:
        """Have the system's keyring forget them.

        Raises:
            PepperMissing: It is locked.
        """
        from keyring.errors import KeyringError  # noqa: PLC0415 - as below

        if not self.read():
            return
        try:
            self._backend.delete_password(_SERVICE, self._name)
        except KeyringError:
            raise PepperMissing from None


def find_system_pepper(keyring_id: bytes) -> SystemPepper | None:
    """Return the place for a pepper with the system's keyring; None where it has no real one."""
    try:
        import keyring  # noqa: PLC0415 - an extra, and slow to load: whoever needs no such place is spared
    except ImportError:
        return None
    backend = keyring.get_keyring()
    return SystemPepper(backend, keyring_id) if backend.priority >= _LEAST_PRIORITY else None


def name_pepper(pepper: bytes) -> bytes:
    """Name a pepper without showing it: 16 bytes, as the head has them."""
    return hash_tagged(TAG_PEPPER_NAME, pepper)[:_NAME_BYTES]


def choose_pepper(peppers: Sequence[bytes], name: bytes) -> bytes:
    """Pick the pepper that the head names.

    Raises:
        PepperMissing: It is not among them.
    """
    for pepper in peppers:
        if name_pepper(pepper) == name:
            return pepper
    raise PepperMissing


def _split(raw: bytes) -> tuple[bytes, ...]:
    if len(raw) % PEPPER_BYTES or len(raw) > MOST_PEPPERS * PEPPER_BYTES:
        return ()
    return tuple(raw[at : at + PEPPER_BYTES] for at in range(0, len(raw), PEPPER_BYTES))
