"""The keyring's vault: records wrapped one by one, under the passphrase and the pepper together.

    KEK     = HKDF(Argon2id(passphrase, salt) || pepper, tag quietway/v1/keyring-key)
    wrapped = wrap(KEK, secret, context = name || u64 erase_after)

A record that did not change keeps its bytes, so that a new key costs one wrapping. `renew` is the
other way to write: a new pepper, and every record anew, so that nothing of the file before opens.
Its order (new pepper beside the old, keyring, old pepper away) leaves a keyring that opens,
wherever it is cut off. `opening.py` opens a file; what the records mean is `body.py`'s.

Spec: docs/spec/keys.md, "The keyring"; docs/decisions/records-and-pepper.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from quietway.errors import StoreDamaged, WrongPassphrase
from quietway.keyring.head import (
    FORMAT,
    PART,
    SALT_BYTES,
    Head,
    write_head,
)
from quietway.keyring.late import LateRecord
from quietway.keyring.pepper import (
    PEPPER_BYTES,
    PEPPER_FILE,
    PepperFile,
    find_system_pepper,
    name_pepper,
)
from quietway.keyring.records import DEVICE, RECORD_KEY, Record, WrappedRecord, bind
from quietway_crypto.encoding import TAG_KEYRING_KEY
from quietway_crypto.errors import OpenError, PassphraseRefusedError
from quietway_crypto.kdf import derive
from quietway_crypto.passphrase import PassphraseParameters, derive_key
from quietway_crypto.secret import Secret
from quietway_crypto.wrap import NONCE_BYTES, unwrap, wrap

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from quietway.keyring.pepper import PepperPlace
    from quietway.ports import Entropy

ID_BYTES: Final = 16
_MAX_DEVICE_BYTES: Final = 1_048_576
_CHEAPEST: Final = PassphraseParameters(time_cost=1, memory_kib=8, parallelism=1)


class AnyVault(Protocol):
    """Where a keyring keeps its records: a file, or nowhere."""

    def write(self, records: Mapping[str, Record]) -> None:
        """Replace the records durably; those that did not change keep their bytes."""
        ...

    def renew(self, records: Mapping[str, Record], under: Stretched | None = None) -> None:
        """Replace the records durably under a new pepper, and maybe another passphrase."""
        ...

    def finish(self) -> None:
        """Throw away what an erasure made useless: a former pepper, copies of upgrades."""
        ...

    def stretch_anew(
        self, passphrase: str, parameters: PassphraseParameters | None = None
    ) -> Stretched:
        """Stretch a new passphrase, at the former cost where none is given. Changes nothing."""
        ...

    def check_passphrase(self, passphrase: str) -> None:
        """Demand the passphrase again.

        Raises:
            WrongPassphrase: It is another one.
        """
        ...

    def destroy_pepper(self) -> None:
        """Destroy the pepper, so that no copy of the file opens any more.

        Raises:
            PepperMissing: The system's keyring is locked.
        """
        ...

    def overwrite(self) -> None:
        """Clear the keys that this vault holds; it opens and writes nothing any more."""
        ...


@dataclass(frozen=True, slots=True)
class Stretched:
    """A passphrase as it was stretched.

    Attributes:
        salt: 16 random bytes.
        parameters: What it cost.
        key: What came out, 32 bytes.
    """

    salt: bytes
    parameters: PassphraseParameters
    key: Secret

    def check(self, passphrase: str) -> None:
        """Demand the same passphrase.

        Raises:
            WrongPassphrase: It is another one.
        """
        if stretch(passphrase, self.salt, self.parameters) != self:
            raise WrongPassphrase


@dataclass(frozen=True, slots=True)
class Lid:
    """What the records are under."""

    stretched: Stretched
    pepper: Secret

    @property
    def key(self) -> Secret:
        """The KEK."""
        return derive_kek(self.stretched.key, self.pepper)


class Vault:
    """An open vault in a file. Make one with `make` or `open_vault`."""

    __slots__ = (
        "_entropy",
        "_format",
        "_id",
        "_key",
        "_lid",
        "_owes_end",
        "_path",
        "_place",
        "_written",
    )

    def __init__(
        self,
        path: Path,
        lid: Lid,
        place: PepperPlace,
        *,
        entropy: Entropy,
        keyring_id: bytes,
        format_: int,
    ) -> None:
        self._path = path
        self._place = place
        self._entropy = entropy
        self._id = keyring_id
        self._format = format_
        self._owes_end = False
        self._written: dict[str, tuple[Record, bytes]] = {}
        self._close(lid)

    @classmethod
    def make(
        cls,
        path: Path,
        *,
        passphrase: str,
        entropy: Entropy,
        parameters: PassphraseParameters,
        in_system: bool = False,
    ) -> Vault:
        """Derive the key of a new vault, and put its pepper down; the first `write` makes the file.

        Args:
            path: The file.
            passphrase: As typed.
            entropy: Where salt, pepper and nonces come from.
            parameters: What it shall cost to try one passphrase.
            in_system: Keep the pepper with the system's own keyring, where it has a real one.
        """
        salt, keyring_id = entropy.draw(SALT_BYTES), entropy.draw(ID_BYTES)
        stretched = stretch(passphrase, salt, parameters)
        pepper = Secret(entropy.draw(PEPPER_BYTES))
        in_file = PepperFile(path.with_name(PEPPER_FILE))
        place = (find_system_pepper(keyring_id) or in_file) if in_system else in_file
        place.write([pepper.reveal()])
        lid = Lid(stretched, pepper)
        return cls(path, lid, place, entropy=entropy, keyring_id=keyring_id, format_=FORMAT)

    @property
    def parameters(self) -> PassphraseParameters:
        """What it costs to try one passphrase."""
        return self._lid.stretched.parameters

    def write(self, records: Mapping[str, Record]) -> None:
        """Replace the file durably; records that did not change keep their bytes.

        Raises:
            StorageFull: There is no room. The file is as it was.
        """
        written = {name: self._wrap(name, record) for name, record in records.items()}
        self._write_file(written)

    def renew(self, records: Mapping[str, Record], under: Stretched | None = None) -> None:
        """Replace the file durably under a new pepper. `finish` forgets the former one.

        Args:
            records: All of them.
            under: Another passphrase from now on; None keeps it.

        Raises:
            StorageFull: There is no room. The file is as it was.
        """
        former, pepper = self._lid, Secret(self._entropy.draw(PEPPER_BYTES))
        self._place.write([former.pepper.reveal(), pepper.reveal()])
        kept = self._written
        self._close(Lid(under or former.stretched, pepper))
        self._written = {}
        try:
            self.write(records)
        except BaseException:
            self._close(former)
            self._written = kept
            raise
        self._owes_end = True

    def finish(self) -> None:
        """Throw away the former pepper, and the copies that upgrades left, once after a renewal.

        Both open what has been erased since.

        Raises:
            StorageFull: There is no room. Call again.
        """
        if not self._owes_end:
            return
        # The copies first: as long as there are two peppers, the next opening knows what is owed.
        for copy in self._path.parent.glob(f"{self._path.name}.before-*"):
            copy.unlink()
        self._forget_former_pepper()
        self._owes_end = False

    def end_what_was_cut_off(self, records: Mapping[str, Record], *, pepper_due: bool) -> None:
        """After opening: give survivors their new pepper, and let go of one that is not used."""
        if pepper_due:
            self.renew(records)
        held = self._place.read()
        if len(held) > 1 and name_pepper(held[-1]) == name_pepper(self._lid.pepper.reveal()):
            # The erasure itself was done: only its end is missing.
            self._owes_end = True
            self.finish()
        self._forget_former_pepper()

    def stretch_anew(
        self, passphrase: str, parameters: PassphraseParameters | None = None
    ) -> Stretched:
        """Stretch a new passphrase, at the former cost where none is given. Changes nothing."""
        return stretch(passphrase, self._entropy.draw(SALT_BYTES), parameters or self.parameters)

    def check_passphrase(self, passphrase: str) -> None:
        """Demand the passphrase again.

        Raises:
            WrongPassphrase: It is another one.
        """
        self._lid.stretched.check(passphrase)

    def destroy_pepper(self) -> None:
        """Destroy the pepper, so that no copy of the file opens any more.

        Raises:
            PepperMissing: The system's keyring is locked.
        """
        self._place.destroy()

    def overwrite(self) -> None:
        """Clear the keys that this vault holds; it opens and writes nothing any more."""
        for secret in (self._lid.stretched.key, self._lid.pepper, self._key):
            secret.overwrite()
        for record, _ in self._written.values():
            record.overwrite()
        self._written = {}

    def open_records(self, head: Head) -> dict[str, Record]:
        """Unwrap the records of a file, the device's first; record keys wait until they are needed.

        Raises:
            WrongPassphrase: The device's record does not open: the passphrase is another one.
            StoreDamaged: It opens, and another one does not.
        """
        wrapped = {record.name: record for record in head.records}
        if DEVICE not in wrapped or len(wrapped) != len(head.records):
            raise StoreDamaged(PART)
        try:
            opened = {DEVICE: self._unwrap(wrapped.pop(DEVICE))}
        except OpenError:
            raise WrongPassphrase from None
        written = {record.name: record.write() for record in head.records}
        try:
            for name, record in wrapped.items():
                opened[name] = self._open_or_leave(record, written[name])
        except OpenError:
            raise StoreDamaged(PART) from None
        self._written = {name: (opened[name], raw) for name, raw in written.items()}
        return opened

    def write_as(self, format_: int, records: Mapping[str, Record]) -> None:
        """Replace the file by one of a newer format."""
        self._format = format_
        self.write(records)

    def _close(self, lid: Lid) -> None:
        self._lid = lid
        self._key = lid.key

    def _forget_former_pepper(self) -> None:
        pepper = self._lid.pepper.reveal()
        if self._place.read() != (pepper,):
            self._place.write([pepper])

    def _open_or_leave(self, record: WrappedRecord, written: bytes) -> Record:
        if record.name.startswith(f"{RECORD_KEY}/"):
            return LateRecord(record, written, self._key)
        return self._unwrap(record)

    def _unwrap(self, record: WrappedRecord) -> Record:
        context = bind(record.name, record.erase_after)
        secret = Secret(unwrap(self._key, record.wrapped, context=context))
        return Record(record.erase_after, secret)

    def _wrap(self, name: str, record: Record) -> tuple[Record, bytes]:
        former = self._written.get(name)
        if former is not None and (former[0] is record or former[0] == record):
            return former
        wrapped = wrap(
            self._key,
            record.secret.reveal(),
            context=bind(name, record.erase_after),
            nonce=self._entropy.draw(NONCE_BYTES),
        )
        made = WrappedRecord(erase_after=record.erase_after, name=name, wrapped=wrapped)
        return record, made.write()

    def _write_file(self, written: dict[str, tuple[Record, bytes]]) -> None:
        stretched = self._lid.stretched
        cost = stretched.parameters
        head = Head(
            format=self._format,
            id=self._id,
            memory_kib=cost.memory_kib,
            parallelism=cost.parallelism,
            pepper=name_pepper(self._lid.pepper.reveal()),
            pepper_due=False,
            records=(),
            salt=stretched.salt,
            time_cost=cost.time_cost,
        )
        write_head(self._path, head, [written[name][1] for name in sorted(written)])
        self._written = written


def stretch(passphrase: str, salt: bytes, parameters: PassphraseParameters) -> Stretched:
    """Stretch a passphrase that was typed.

    Raises:
        WrongPassphrase: It can't be one.
    """
    try:
        key = derive_key(passphrase, salt=salt, parameters=parameters)
    except PassphraseRefusedError:
        # Text that cannot be encoded was never taken as a passphrase.
        raise WrongPassphrase from None
    return Stretched(salt, parameters, key)


def derive_kek(stretched: Secret, pepper: Secret) -> Secret:
    """Derive the key that the records are wrapped under; neither half is of use without the other.

    Args:
        stretched: Argon2id of the passphrase.
        pepper: 32 random bytes.
    """
    both = Secret(stretched.reveal() + pepper.reveal())
    key = Secret(derive(both, tag=TAG_KEYRING_KEY))
    both.overwrite()
    return key
