"""A record key that stays wrapped until it is needed.

A busy year leaves a hundred thousand record keys, and an opening needs a few of them. The others
cost no unwrapping, and their bytes are not in memory. A key is unwrapped when a row under it is
read, and before any erasure, which wraps the survivors anew and goes by no time that it has not
seen to be the one that the key was wrapped with.

Spec: docs/spec/keys.md, "The keyring".
"""

from __future__ import annotations

from typing import Final

from quietway.errors import StoreDamaged
from quietway.keyring.head import PART
from quietway.keyring.records import Record, WrappedRecord, bind
from quietway_crypto.errors import KeyRefusedError, OpenError
from quietway_crypto.secret import Secret
from quietway_crypto.wrap import unwrap

_CLEARED: Final = "The key was cleared: unlock the device to have it again."


class LateRecord(Record):
    """A record as it stands in the file, with the key that it is wrapped under.

    Args:
        record: As it was read.
        written: The same as bytes, which the vault holds as well.
        kek: What it is wrapped under.
    """

    __slots__ = ("_kek", "_opened", "_written")
    _kek: Secret | None
    _opened: Secret | None
    _written: bytes

    def __init__(self, record: WrappedRecord, written: bytes, kek: Secret) -> None:
        self._set("erase_after", record.erase_after)
        self._set("_written", written)
        self._set("_kek", kek)
        self._set("_opened", None)

    def __repr__(self) -> str:
        shown = "not opened" if self._opened is None else repr(self._opened)
        return f"LateRecord(erase_after={self.erase_after}, secret={shown})"

    @property
    def secret(self) -> Secret:
        """Its bytes, unwrapped the first time.

        Raises:
            StoreDamaged: It does not open: the file was altered.
            KeyRefusedError: It was cleared.
        """
        opened = self._opened
        if opened is None:
            opened = self._unwrap()
            self._set("_opened", opened)
            # Opened, it outlives the key that it was wrapped under.
            self._set("_kek", None)
        return opened

    def overwrite(self) -> None:
        """Clear the secret where it was opened; it is not opened any more."""
        if self._opened is not None:
            self._opened.overwrite()
        self._set("_kek", None)

    def _unwrap(self) -> Secret:
        if self._kek is None:
            raise KeyRefusedError(_CLEARED)
        record = WrappedRecord.from_kept(self._written)
        try:
            context = bind(record.name, record.erase_after)
            return Secret(unwrap(self._kek, record.wrapped, context=context))
        except OpenError:
            raise StoreDamaged(PART) from None

    def _set(self, name: str, value: object) -> None:
        # A record is frozen for all others.
        object.__setattr__(self, name, value)
