"""Opens the keyring's file: this format, or a former one, which is brought forward.

A file of a newer format is left alone; an older one is brought forward after a copy
`keyring.before-N` was made. What an interrupted erasure left open is brought to its end. Within a
wrapped record the commitment to its key is checked before anything is decrypted, and the device's
record comes first: whoever shows many passphrases at once learns no more than of one.

Spec: docs/spec/keys.md, "The keyring".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from quietway.errors import StoreDamaged, WrongPassphrase
from quietway.files import copy_durably
from quietway.keyring.format_1 import FORMAT_1, open_format_1, read_head_1
from quietway.keyring.head import FORMAT, PART, find_format, read_file, read_head
from quietway.keyring.pepper import (
    PEPPER_BYTES,
    PEPPER_FILE,
    PepperFile,
    choose_pepper,
    find_system_pepper,
)
from quietway.keyring.records import DEVICE, Record
from quietway.keyring.vault import ID_BYTES, Lid, Vault, stretch
from quietway_crypto.errors import OpenError, PassphraseRefusedError
from quietway_crypto.secret import Secret
from quietway_schemas.canonical import JsonObject, decode_canonical, encode_canonical
from quietway_schemas.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from quietway.keyring.format_1 import HeadOfFormat1
    from quietway.keyring.head import Head
    from quietway.keyring.pepper import PepperPlace
    from quietway.ports import Entropy
    from quietway_crypto.passphrase import PassphraseParameters

_MAX_DEVICE_BYTES: Final = 1_048_576


@dataclass(frozen=True, slots=True)
class Formats:
    """Which formats are known, and how each former device record becomes the next.

    Attributes:
        known: The newest.
        steps: From format N (2 or more), the record `device` of N + 1. The step from 1 takes the
            whole file apart and is `format_1.py`'s.
    """

    known: int = FORMAT
    steps: Mapping[int, Callable[[JsonObject], JsonObject]] = field(default_factory=dict)


def open_vault(
    path: Path, *, passphrase: str, entropy: Entropy, formats: Formats
) -> tuple[Vault, dict[str, Record]]:
    """Open the file with a passphrase, bring an older format forward, and end what was cut off.

    Raises:
        StoreMissing: There is no file.
        StoreTooNew: A newer version wrote it. It was not touched.
        StoreDamaged: It is not whole.
        PepperMissing: Its pepper is not here.
        WrongPassphrase: It is whole, and this passphrase does not open it.
    """
    raw = read_file(path)
    found = find_format(raw, known=formats.known)
    if found == FORMAT_1:
        vault, records = _open_former(path, raw, passphrase, entropy)
        return vault, _bring_forward(vault, records, found=FORMAT, formats=formats)
    head = read_head(raw)
    vault, records = _open_file(path, head, passphrase, entropy)
    if found < formats.known:
        copy_durably(path, path.with_name(f"{path.name}.before-{found + 1}"))
        records = _bring_forward(vault, records, found=found, formats=formats)
    vault.end_what_was_cut_off(records, pepper_due=head.pepper_due)
    return vault, records


def _open_file(
    path: Path, head: Head, passphrase: str, entropy: Entropy
) -> tuple[Vault, dict[str, Record]]:
    place = _find_place(path, head)
    pepper = Secret(choose_pepper(place.read(), head.pepper))
    lid = Lid(stretch(passphrase, head.salt, _bounded(head)), pepper)
    vault = Vault(path, lid, place, entropy=entropy, keyring_id=head.id, format_=head.format)
    return vault, vault.open_records(head)


def _open_former(
    path: Path, raw: bytes, passphrase: str, entropy: Entropy
) -> tuple[Vault, dict[str, Record]]:
    head = read_head_1(raw)
    stretched = stretch(passphrase, head.salt, _bounded(head))
    try:
        records = open_format_1(raw, stretched.key)
    except OpenError:
        raise WrongPassphrase from None
    except SchemaError:
        raise StoreDamaged(PART) from None
    copy_durably(path, path.with_name(f"{path.name}.before-{FORMAT}"))
    pepper, place = Secret(entropy.draw(PEPPER_BYTES)), PepperFile(path.with_name(PEPPER_FILE))
    place.write([pepper.reveal()])
    lid = Lid(stretched, pepper)
    keyring_id = entropy.draw(ID_BYTES)
    vault = Vault(path, lid, place, entropy=entropy, keyring_id=keyring_id, format_=FORMAT)
    vault.write(records)
    return vault, records


def _bring_forward(
    vault: Vault, records: dict[str, Record], *, found: int, formats: Formats
) -> dict[str, Record]:
    if found == formats.known:
        return records
    device = decode_canonical(records[DEVICE].secret.reveal(), max_bytes=_MAX_DEVICE_BYTES)
    for step in range(found, formats.known):
        device = formats.steps[step](device)
    brought = Record(records[DEVICE].erase_after, Secret(encode_canonical(device)))
    forward = {**records, DEVICE: brought}
    vault.write_as(formats.known, forward)
    return forward


def _find_place(path: Path, head: Head) -> PepperPlace:
    file = PepperFile(path.with_name(PEPPER_FILE))
    if file.read():
        return file
    return find_system_pepper(head.id) or file


def _bounded(head: Head | HeadOfFormat1) -> PassphraseParameters:
    try:
        return head.parameters
    except PassphraseRefusedError:
        raise StoreDamaged(PART) from None
