"""Making a backup of this device: one file, and the 24 words that open it with the passphrase.

The key of a backup is drawn here, for this file, and shown once. There is no way to be given one:
no message carries it, no setting names it, and no argument takes it.

Rules: the passphrase is typed again, so that who finds an open device takes nothing along. The file
is written whole, for its owner alone, under a name that tells nothing. What may not outlive the
machine is not in it; what has expired by the time of restoring is left out there, by whoever
restores with quietway (a copy of the file with its words and its passphrase is another matter: it
holds what was live when it was made).

Spec: docs/spec/keys.md, "Backup".
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.backup_content import BackupContent
from quietway.backup_file import seal_backup
from quietway.errors import BackupExists
from quietway.files import make_private_folder, write_durably
from quietway.sheet import RecoverySheet
from quietway_crypto.encoding import encode_base32
from quietway_crypto.passphrase import PassphraseParameters
from quietway_crypto.secret import Secret
from quietway_crypto.words import SEED_BYTES, seed_to_words

if TYPE_CHECKING:
    from pathlib import Path

    from quietway.agent import Agent
    from quietway.ports import Entropy
    from quietway_schemas.instants import Instant

_NAME_BYTES: Final = 10


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made. It prints without its words.

    Attributes:
        file: Where it lies.
        sheet: The sheet with its 24 words, to be kept somewhere else than the file.
    """

    file: Path
    sheet: RecoverySheet

    @property
    def made(self) -> Instant:
        """When it was made."""
        return self.sheet.at

    @property
    def words(self) -> tuple[str, ...]:
        """The 24 words that open it, together with the passphrase."""
        return self.sheet.words


async def make_backup(
    agent: Agent,
    path: Path,
    *,
    passphrase: str,
    parameters: PassphraseParameters | None = None,
) -> Backup:
    """Make a backup; see `AsyncClient.backup`."""
    await asyncio.to_thread(agent.keyring.check_passphrase_again, passphrase)
    file = await asyncio.to_thread(_choose_file, path, draw_name(agent.entropy))
    made = agent.clock.now()
    content = BackupContent(
        made=made,
        records=agent.keyring.records_for_backup(agent.entropy),
        rows=await agent.read_rows(),
    )
    key = draw_backup_key(agent.entropy)
    sealed = await asyncio.to_thread(
        seal_backup,
        content.to_bytes(),
        passphrase=passphrase,
        backup_key=key,
        entropy=agent.entropy,
        parameters=parameters or PassphraseParameters.DEFAULT,
    )
    await asyncio.to_thread(_write, file, sealed)
    sheet = RecoverySheet(
        kind="backup",
        agency_id=agent.keyring.agency,
        agency_code=agent.keyring.agency_code,
        relay=agent.keyring.relay,
        root_key=agent.keyring.root_key,
        at=made,
        words=seed_to_words(key),
    )
    return Backup(file, sheet)


def draw_backup_key(entropy: Entropy) -> Secret:
    """Draw the key of one backup."""
    return Secret(entropy.draw(SEED_BYTES))


def draw_name(entropy: Entropy) -> str:
    """Draw a name for a file that tells nothing."""
    return encode_base32(entropy.draw(_NAME_BYTES))


def _choose_file(path: Path, name: str) -> Path:
    file = path / name if path.is_dir() else path
    if file.exists():
        raise BackupExists
    return file


def _write(file: Path, sealed: bytes) -> None:
    if not file.parent.is_dir():
        make_private_folder(file.parent)
    write_durably(file, sealed)
