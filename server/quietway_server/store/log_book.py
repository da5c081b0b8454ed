"""The book of the transparency log: a file beside the log key, one line for each leaf.

Theory of operation: a database that is put back from an older copy has forgotten leaves that its
readers have seen, and whatever it signed next would be a second log to them. So each leaf, with the
manifest that it stands for, is written here and synced before the transaction that holds it is
committed: what anybody was shown stands here. A start that finds the book ahead of the database
takes in what is missing. A line whose commit failed is cut off again.

Rules: a leaf's line stays; a manifest's bytes stay until a newer one of its agency, or its removal,
stands here too. A line that was torn by a crash was never committed, and is ignored. Two processes
may write it, one after the other: each does so while it holds the database.

Spec: docs/spec/transparency-log.md, "The book"; docs/decisions/a-book-of-the-log.md.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
from typing import TYPE_CHECKING, Any, Final

from quietway_crypto.encoding import decode_base64, encode_base64
from quietway_crypto.errors import CryptoError
from quietway_schemas.log import MANIFEST_LEAF, REMOVAL_LEAF
from quietway_server.errors import StartError, StorageFailedError, StorageFullError
from quietway_server.rows import BookEntry, LeafRow
from quietway_server.store.key_file import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from quietway_server.ports import Transaction

_MODE: Final = 0o600
_NO_PAYLOAD: Final = b'"payload":""'
_REMOVAL: Final = b'"kind":%d,' % REMOVAL_LEAF
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class LogBook:
    """One book.

    Args:
        path: The file; it is made with the first leaf.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        self._added = (0, 0)
        self._is_wordy = False

    def read(self, first: int = 0) -> tuple[int, list[BookEntry]]:
        """Give how many entries there are, and those from a place on, in order.

        Raises:
            StartError: The file can't be read, or is damaged.
        """
        lines = self._read_lines()
        entries = [self._read(line) for line in lines[first:]]
        if [entry.leaf.position for entry in entries] != list(range(first, len(lines))):
            raise self._damaged()
        self._size = len(lines)
        return len(lines), entries

    def _read_lines(self) -> list[bytes]:
        try:
            # What follows the last end of a line is empty, or torn.
            return self._path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return []
        except OSError:
            raise StartError(
                f"The log's book {self._path} can't be read: give this user the right to read it."
            ) from None

    def note(self, transaction: Transaction, leaves: Sequence[LeafRow]) -> None:
        """Write leaves down durably that a transaction is about to commit.

        Raises:
            StorageFullError: There is no room.
            StorageFailedError: The disk failed.
        """
        fresh = [leaf for leaf in leaves if leaf.position >= self._size]
        head = transaction.find_log_head()
        if not fresh or head is None:
            return
        entries = [
            make_entry(transaction, leaf, head.checkpoint if leaf is fresh[-1] else "")
            for leaf in fresh
        ]
        self._append(b"".join(map(_write, entries)))
        self._size = fresh[-1].position + 1
        self._is_wordy = True

    def begin(self) -> None:
        """Forget what was noted last: its transaction was committed."""
        self._added = (0, 0)

    def take_back(self) -> None:
        """Cut off what was noted last: its transaction was not committed."""
        before, after = self._added
        if after > before and self._path.stat().st_size == after:
            os.truncate(self._path, before)
            self._size = len(self._read_lines())
        self.begin()

    def tidy(self) -> None:
        """Let go of manifests that are no longer the newest of their agency.

        Raises:
            StorageFullError: There is no room.
            StorageFailedError: The disk failed.
        """
        if not self._is_wordy:
            return
        lines = self._read_lines()
        # Only lines that hold a manifest, or a removal, are worth reading: most hold neither.
        wordy = {at: self._read(line) for at, line in enumerate(lines) if _NO_PAYLOAD not in line}
        gone = {at: self._read(line) for at, line in enumerate(lines) if _REMOVAL in line}
        newest = {entry.leaf.agency: at for at, entry in sorted((wordy | gone).items())}
        outdated = [at for at, entry in wordy.items() if newest[entry.leaf.agency] != at]
        for at in outdated:
            lines[at] = _write(BookEntry(wordy[at].leaf, wordy[at].checkpoint)).rstrip(b"\n")
        if outdated:
            self._replace(b"".join(line + b"\n" for line in lines))
        self._is_wordy = False

    def replace(self, entries: Iterable[BookEntry]) -> None:
        """Write the whole book anew, durably.

        Raises:
            StorageFullError: There is no room.
            StorageFailedError: The disk failed.
        """
        lines = [_write(entry) for entry in entries]
        self._replace(b"".join(lines))
        self._size = len(lines)

    def _replace(self, content: bytes) -> None:
        draft = self._path.with_name(f"{self._path.name}.{secrets.token_hex(8)}")
        try:
            try:
                _write_durably(draft, os.O_CREAT | os.O_EXCL, content)
                draft.replace(self._path)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
            sync_folder(self._path)
        except OSError as error:
            raise _as_store_error(error) from None

    def _append(self, lines: bytes) -> None:
        try:
            before = self._path.stat().st_size if self._path.exists() else 0
            self._added = (before, before + len(lines))
            try:
                _write_durably(self._path, os.O_CREAT | os.O_APPEND, lines)
            except OSError:
                os.truncate(self._path, before)
                raise
            if not before:
                sync_folder(self._path)
        except OSError as error:
            raise _as_store_error(error) from None

    def _read(self, line: bytes) -> BookEntry:
        try:
            held = json.loads(line)
            leaf = LeafRow(
                int(held["position"]),
                int(held["kind"]),
                decode_base64(held["nonce"]),
                decode_base64(held["agency"]),
                decode_base64(held["manifest_hash"]),
                decode_base64(held["leaf_hash"]),
            )
            payload, signature = (decode_base64(held[name]) for name in ("payload", "signature"))
            return BookEntry(leaf, str(held["checkpoint"]), payload, signature)
        except (ValueError, KeyError, TypeError, CryptoError):
            raise self._damaged() from None

    def _damaged(self) -> StartError:
        return StartError(
            f"The log's book {self._path} is damaged: put your newest copy of it back, or, if the"
            " database was never put back from an older copy, move it away and start again."
        )


def make_entry(transaction: Transaction, leaf: LeafRow, checkpoint: str) -> BookEntry:
    """Put an entry together: a leaf, and the manifest that it stands for if that is the newest."""
    held = transaction.find_manifest(leaf.agency) if leaf.kind == MANIFEST_LEAF else None
    if held is None or held.digest != leaf.manifest_hash:
        return BookEntry(leaf, checkpoint)
    return BookEntry(leaf, checkpoint, held.payload, held.signature)


def _write(entry: BookEntry) -> bytes:
    leaf = entry.leaf
    held: dict[str, Any] = {
        "agency": encode_base64(leaf.agency),
        "checkpoint": entry.checkpoint,
        "kind": leaf.kind,
        "leaf_hash": encode_base64(leaf.leaf_hash),
        "manifest_hash": encode_base64(leaf.manifest_hash),
        "nonce": encode_base64(leaf.nonce),
        "payload": encode_base64(entry.payload),
        "position": leaf.position,
        "signature": encode_base64(entry.signature),
    }
    return json.dumps(held, separators=(",", ":")).encode("ascii") + b"\n"


def _write_durably(path: Path, flags: int, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | flags, _MODE), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _as_store_error(error: OSError) -> StorageFullError | StorageFailedError:
    return StorageFullError() if error.errno in _FULL else StorageFailedError()
