"""How a device comes to be, and how it is opened: the one place where the adapters are wired.

Nothing is made for a relay that does not answer, or while this machine's clock is wrong. After that
founding may be cut off at any point: the secrets are on the disk before the relay hears of them. To
found again with the same passphrase goes on from there. As long as the relay can't have taken the
manifest, the address and the codes may be others than the first time.

Spec: docs/spec/directory.md, "Requests".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway.agent import Agent, compare_clocks
from quietway.alerting.alarms_file import AlarmsFile
from quietway.ambient import SystemClock, SystemEntropy
from quietway.errors import ContentRefused, StoreExists
from quietway.files import make_private_folder
from quietway.folder import KEYRING_FILE, found_folder, open_folder
from quietway.high_water import MarkFile
from quietway.keyring.body import ID_BYTES, SEED_BYTES, Founding, draw_secrets
from quietway.keyring.keyring import Keyring
from quietway.keyring.passphrase_rules import check_new_passphrase
from quietway.own.standing import await_both
from quietway.pending import forget_pending, is_pending
from quietway.reports import OpeningProgress, say_nothing
from quietway.saying import saying_refusals
from quietway.transport.address import require_safe_address
from quietway_crypto.passphrase import PassphraseParameters
from quietway_crypto.signing import SigningKey
from quietway_protocol.request_signature import ROOT
from quietway_schemas.codebook.lists import check
from quietway_schemas.ids import DeviceId

if TYPE_CHECKING:
    from pathlib import Path

    from quietway.keyring.body import DeviceSecrets
    from quietway.ports import Clock, Entropy, Relay, Store
    from quietway.reports import TellOpening
    from quietway_schemas.ids import AgencyId

ConnectRelay = Callable[["SigningKey", "DeviceId | AgencyId"], "Relay"]
"""Gives the relay as a device sees it, or an agency's root key, which reads the directory alone."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What a program may bring instead of the real things; None for the real one."""

    relay: ConnectRelay | None = None
    clock: Clock | None = None
    entropy: Entropy | None = None
    store: Store | None = None

    def connect(self, url: str) -> ConnectRelay:
        """Give what leads to the relay at an address."""
        clock, entropy = self.clock or SystemClock(), self.entropy or SystemEntropy()
        return self.relay or _over_the_network(url, clock, entropy)


async def found_device(
    home: Path,
    *,
    passphrase: str,
    relay: str,
    enrolment_code: str,
    agency_code: str,
    program: str,
    roles: tuple[str, ...],
    parameters: PassphraseParameters | None,
    system_keyring: bool,
    ports: Ports,
) -> Agent:
    """Found an agency with its first device; see `AsyncClient.found`."""
    founding = Founding(relay, agency_code, program, tuple(sorted(set(roles))))
    check_founding(founding, passphrase, ports)
    if (home / KEYRING_FILE).exists():
        agent = await _resume(home, passphrase, founding, ports)
    else:
        await meet_relay(founding, ports)
        with saying_refusals():
            agent = await make_device(
                home,
                passphrase,
                founding,
                parameters or PassphraseParameters.DEFAULT,
                ports,
                system_keyring=system_keyring,
            )
    try:
        await agent.check_clock()
        if not await agent.publisher.is_enrolled():
            await agent.publisher.enrol(enrolment_code, now=agent.clock.now())
        await agent.synchronise()
    except BaseException:
        await agent.aclose()
        raise
    return agent


async def open_device(
    home: Path,
    *,
    passphrase: str,
    accept_older_copy: bool,
    ports: Ports,
    parameters: PassphraseParameters | None = None,
    progress: TellOpening | None = None,
) -> Agent:
    """Open the device in a folder; see `AsyncClient.open`."""
    entropy, tell = ports.entropy or SystemEntropy(), progress or say_nothing
    tell(OpeningProgress("keyring", 0, 1))
    if ports.store is not None:
        keyring = await asyncio.to_thread(
            Keyring.unlock,
            home / KEYRING_FILE,
            passphrase=passphrase,
            entropy=entropy,
            parameters=parameters,
        )
        if accept_older_copy:
            keyring.destroy_epoch_seeds()
        store = ports.store
    else:
        opened = await asyncio.to_thread(
            open_folder,
            home,
            passphrase=passphrase,
            entropy=entropy,
            accept_older_copy=accept_older_copy,
            parameters=parameters,
        )
        keyring, store = opened.keyring, opened.store
    return await _load(
        home, keyring, store, ports, accept_older_copy=accept_older_copy, progress=tell
    )


async def make_device(
    home: Path,
    passphrase: str,
    founding: Founding,
    parameters: PassphraseParameters,
    ports: Ports,
    *,
    system_keyring: bool = False,
    secrets: DeviceSecrets | None = None,
) -> Agent:
    """Make a device in a folder: of a new agency, or with secrets one that was linked."""
    entropy = ports.entropy or SystemEntropy()
    if secrets is None:
        # Who asked here to be linked, and founds instead, would wait for what nobody sends.
        forget_pending(home)
    if ports.store is not None:
        make_private_folder(home)
        keyring = await asyncio.to_thread(
            Keyring.keep_secrets,
            home / KEYRING_FILE,
            secrets or draw_secrets(founding, entropy=entropy),
            passphrase=passphrase,
            entropy=entropy,
            parameters=parameters,
            pepper_in_system=system_keyring,
        )
        return await _load(home, keyring, ports.store, ports)
    made = await asyncio.to_thread(
        found_folder,
        home,
        passphrase=passphrase,
        entropy=entropy,
        parameters=parameters,
        founding=founding,
        secrets=secrets,
        pepper_in_system=system_keyring,
    )
    return await _load(home, made.keyring, made.store, ports)


async def _resume(home: Path, passphrase: str, founding: Founding, ports: Ports) -> Agent:
    """Go on with a founding that was cut off, or that the relay refused."""
    agent = await open_device(home, passphrase=passphrase, accept_older_copy=False, ports=ports)
    try:
        if await _goes_on(agent, founding):
            return agent
        await meet_relay(founding, ports)
        await agent.publisher.forget_manifest()
        agent.keyring.found_anew(founding)
    except BaseException:
        await agent.aclose()
        raise
    await agent.aclose()
    # Opened once more, on the way to the relay that it belongs to now.
    return await open_device(home, passphrase=passphrase, accept_older_copy=False, ports=ports)


async def _goes_on(agent: Agent, founding: Founding) -> bool:
    """Say whether this is the same founding; where it is not, that one may still be changed.

    Raises:
        StoreExists: The device is founded, or the relay may know of it as it is.
    """
    if await agent.publisher.is_founded():
        raise StoreExists
    same = agent.keyring.founding == founding
    if not same and await agent.publisher.may_be_enrolled():
        raise StoreExists
    return same


async def meet_relay(founding: Founding, ports: Ports) -> None:
    """Ask the relay for the time, as nobody in particular."""
    clock, entropy = ports.clock or SystemClock(), ports.entropy or SystemEntropy()
    relay = ports.connect(founding.relay)(
        SigningKey(entropy.draw(SEED_BYTES)), DeviceId(entropy.draw(ID_BYTES))
    )
    try:
        compare_clocks(clock.now(), await relay.read_clock())
    finally:
        await relay.aclose()


async def _load(
    home: Path,
    keyring: Keyring,
    store: Store,
    ports: Ports,
    *,
    accept_older_copy: bool = False,
    progress: TellOpening = say_nothing,
) -> Agent:
    clock, entropy = ports.clock or SystemClock(), ports.entropy or SystemEntropy()
    try:
        progress(OpeningProgress("keyring", 1, 1))
        if is_pending(home):
            # A device that was linked: what it waits for is written down before it first speaks.
            await store.commit(await_both())
            forget_pending(home)
        connect = ports.connect(keyring.relay)
        return await Agent.load(
            keyring=keyring,
            store=store,
            relay=connect(keyring.identity, keyring.device),
            clock=clock,
            entropy=entropy,
            mark=MarkFile(home),
            alarms=AlarmsFile(home),
            accept_older_copy=accept_older_copy,
            progress=progress,
        )
    except BaseException:
        await store.aclose()
        raise


def _over_the_network(url: str, clock: Clock, entropy: Entropy) -> ConnectRelay:
    from quietway.transport.http import HttpRelay  # noqa: PLC0415 - a sandbox loads no network

    def connect(identity: SigningKey, who: DeviceId | AgencyId) -> Relay:
        key_id = str(who) if isinstance(who, DeviceId) else f"{ROOT}{who}"
        return HttpRelay(url, key_id=key_id, identity=identity, clock=clock, entropy=entropy)

    return connect


def check_founding(founding: Founding, passphrase: str, ports: Ports) -> None:
    """Refuse what could not be founded, before anything is written."""
    if ports.relay is None:
        require_safe_address(founding.relay)
    if founding.program.partition("-")[0] != founding.agency_code:
        raise ContentRefused("program", "does not begin with the agency's code: HARBOR-SHELTER.")
    with saying_refusals():
        for role in founding.roles:
            check("role", role, "roles")
    check_new_passphrase(passphrase, known=(founding.agency_code, founding.program))
