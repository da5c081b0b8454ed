"""Bringing a device back out of its backup, where the former machine is gone.

Theory of operation. The file is opened with the passphrase and the words. The clocks are compared
before anything is believed to be over or not; what is over stays gone. The device is assembled and
then opened as an older copy of the store: it has no epoch seeds, publishes fresh ones under a fresh
incarnation, and reads the directory anew.

The former machine and this one must not both run. They show the relay one another's witness: the
one that comes second is told that another copy spoke (`StoreRolledBack`), and so is its person.

Rules: a folder with a device in it is never touched. A device that its agency took away is not
brought back: the machine is linked as a new one.

Spec: docs/spec/keys.md, "Backup".
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from quietway.ambient import SystemClock, SystemEntropy
from quietway.assembling import put_together, refuse_taken
from quietway.backup_content import BackupContent
from quietway.backup_file import LARGEST, open_backup
from quietway.errors import BackupRefused, RelayRefused
from quietway.founding import meet_relay, open_device
from quietway.keyring.body import from_records
from quietway.keyring.keyring import Keyring
from quietway.publishing import NOT_ENROLLED
from quietway.recovery import read_seed_words
from quietway_crypto.passphrase import PassphraseParameters
from quietway_crypto.signing import SigningKey
from quietway_schemas.errors import SchemaError

if TYPE_CHECKING:
    from pathlib import Path

    from quietway.agent import Agent
    from quietway.founding import Ports
    from quietway.keyring.body import DeviceSecrets
    from quietway.keyring.records import Record
    from quietway_schemas.instants import Instant


async def restore_device(
    home: Path,
    file: Path,
    *,
    words: str,
    passphrase: str,
    relay: str | None,
    parameters: PassphraseParameters | None,
    backup_parameters: PassphraseParameters | None,
    ports: Ports,
) -> Agent:
    """Bring a device back; see `AsyncClient.restore`."""
    refuse_taken(home)
    key = read_seed_words(words)
    raw = await asyncio.to_thread(_read, file)
    content = BackupContent.from_bytes(
        await asyncio.to_thread(
            open_backup,
            raw,
            passphrase=passphrase,
            backup_key=key,
            parameters=backup_parameters or PassphraseParameters.DEFAULT,
        )
    )
    held = _read_device(content)
    if relay is not None:
        held = replace(held, founding=replace(held.founding, relay=relay))
    await meet_relay(held.founding, ports)
    await _ask_whether_it_belongs(held, ports)
    clock, entropy = ports.clock or SystemClock(), ports.entropy or SystemEntropy()
    alive = replace(held, record_keys=drop_due(held, now=clock.now()))
    keep = partial(
        Keyring.keep_secrets,
        held=alive,
        passphrase=passphrase,
        entropy=entropy,
        parameters=parameters or PassphraseParameters.DEFAULT,
    )
    await put_together(home, alive, content.rows, keep=keep, store=ports.store)
    agent = await open_device(home, passphrase=passphrase, accept_older_copy=True, ports=ports)
    try:
        await _come_back(agent)
    except BaseException:
        await agent.aclose()
        raise
    return agent


def drop_due(held: DeviceSecrets, *, now: Instant) -> dict[bytes, Record]:
    """Leave out the record keys whose time has come: their rows open nowhere any more."""
    return {name: record for name, record in held.record_keys.items() if not record.is_due(now)}


async def _ask_whether_it_belongs(held: DeviceSecrets, ports: Ports) -> None:
    """Ask the relay something that only a certified device may ask."""
    relay = ports.connect(held.founding.relay)(SigningKey(held.identity_seed), held.device)
    try:
        await relay.directory(0)
    except RelayRefused as refused:
        if refused.code != NOT_ENROLLED:
            raise
        raise BackupRefused("departed") from None
    finally:
        await relay.aclose()


async def _come_back(agent: Agent) -> None:
    """Read the directory from its beginning, and publish."""
    agent.directory.cursor = 0
    await agent.settle()
    await agent.synchronise()


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(LARGEST + 1)
    except OSError:
        raise BackupRefused("not_opened") from None


def _read_device(content: BackupContent) -> DeviceSecrets:
    try:
        return from_records(content.records)
    except SchemaError:
        raise BackupRefused("malformed") from None
