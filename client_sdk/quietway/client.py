"""`AsyncClient`: the public face of the SDK. Everything a partner app does, it does here.

    async with await AsyncClient.open(passphrase=passphrase) as client:
        await client.sync()
        for received in await client.inbox():
            ...

Rules: nothing is sent that is not first on this disk; nothing is acknowledged before it is. No
method needs a user interface, prints, or reads anything but its arguments, the device's folder and
the relay. What goes wrong is raised as a `QuietwayError` whose sentence says what to do next; the
network being away is no error for `send`.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from quietway.doctor import examine
from quietway.faces import AsyncMessages, AsyncPartners, AsyncReferrals, AsyncStatus
from quietway.fingerprint import show_fingerprint
from quietway.founding import Ports, found_device, open_device
from quietway.history import list_received
from quietway.speaking import list_outbox

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable
    from types import TracebackType

    from quietway.agent import Agent
    from quietway.events import Event, Received
    from quietway.founding import ConnectRelay
    from quietway.ports import Clock, Entropy, Store
    from quietway.reports import Finding, OutboxEntry, SyncProgress, SyncReport
    from quietway_crypto.passphrase import PassphraseParameters
    from quietway_schemas.ids import AgencyId, DeviceId
    from quietway_schemas.instants import Instant


class AsyncClient:
    """One device of one agency, open. Make one with `found` or `open`.

    Attributes:
        partners: Whom this agency works with.
        referrals: Referrals: sent, answered, followed.
        status: Status indicators.
        messages: Short texts.
    """

    def __init__(self, agent: Agent, home: Path) -> None:
        self._agent = agent
        self._home = home
        self.partners = AsyncPartners(agent)
        self.referrals = AsyncReferrals(agent)
        self.status = AsyncStatus(agent)
        self.messages = AsyncMessages(agent)

    @classmethod
    async def found(
        cls,
        home: Path | str | None = None,
        *,
        passphrase: str,
        relay: str,
        enrolment_code: str,
        agency_code: str,
        program: str,
        roles: Iterable[str] = ("shelter_staff",),
        parameters: PassphraseParameters | None = None,
        relay_port: ConnectRelay | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        store: Store | None = None,
    ) -> Self:
        """Found an agency with this device as its first.

        Args:
            home: The device's folder; None for QUIETWAY_HOME, or the system's place for such.
            passphrase: At least 15 characters, or six words. There is no way in without it.
            relay: The relay's address, https:// (http:// on this machine only).
            enrolment_code: From the relay's operator, good once.
            agency_code: As `HARBOR`.
            program: As `HARBOR-SHELTER`.
            roles: Codes of the list `role`.
            parameters: What trying one passphrase costs; None for the default.
            relay_port: Gives another relay than the one at the address, for tests.
            clock: Another clock than the machine's, for tests.
            entropy: Other randomness than the system's, for tests.
            store: Another store than the encrypted one in the folder, for tests.

        Raises:
            StoreExists: A device was founded here already. Nothing was touched.
            PassphraseTooWeak: Nothing was written.
            ContentRefused: A code or the address has not the form that is asked.
            RelayError: The relay could not be asked, or refused. Found again with the same
                passphrase to go on; what the relay refused may be another the next time.
        """
        agent = await found_device(
            _folder(home),
            passphrase=passphrase,
            relay=relay,
            enrolment_code=enrolment_code,
            agency_code=agency_code,
            program=program,
            roles=tuple(roles),
            parameters=parameters,
            ports=Ports(relay_port, clock, entropy, store),
        )
        return cls(agent, _folder(home))

    @classmethod
    async def open(
        cls,
        home: Path | str | None = None,
        *,
        passphrase: str,
        accept_older_copy: bool = False,
        relay_port: ConnectRelay | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        store: Store | None = None,
    ) -> Self:
        """Open the device in a folder. The network is not needed.

        Args:
            home: As for `found`.
            passphrase: As founded.
            accept_older_copy: Go on with an older copy of the store; what it lacks is lost.
            relay_port: As for `found`.
            clock: As for `found`.
            entropy: As for `found`.
            store: As for `found`.

        Raises:
            StoreMissing, StoreInUse, WrongPassphrase, StoreRolledBack, StoreTooNew, StoreDamaged:
                Nothing was changed.
        """
        agent = await open_device(
            _folder(home),
            passphrase=passphrase,
            accept_older_copy=accept_older_copy,
            ports=Ports(relay_port, clock, entropy, store),
        )
        return cls(agent, _folder(home))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    @property
    def agency_id(self) -> AgencyId:
        """This device's agency."""
        return self._agent.keyring.agency

    @property
    def device_id(self) -> DeviceId:
        """This device."""
        return self._agent.keyring.device

    @property
    def program(self) -> str:
        """This device's program, as `HARBOR-SHELTER`."""
        return self._agent.keyring.program

    @property
    def fingerprint(self) -> str:
        """The agency's root key in eight groups, to be read out to a partner."""
        return show_fingerprint(self._agent.keyring.root.public)

    @property
    def home(self) -> Path:
        """The device's folder."""
        return self._home

    @property
    def relay_url(self) -> str:
        """The relay's address."""
        return self._agent.keyring.relay

    def now(self) -> Instant:
        """Tell the time that this client goes by, milliseconds since 1970-01-01T00:00:00Z."""
        return self._agent.clock.now()

    async def inbox(self, limit: int | None = None) -> list[Received]:
        """List what others sent, oldest first; of many, the newest `limit`."""
        return await list_received(self._agent, limit)

    async def outbox(self) -> list[OutboxEntry]:
        """List what was said here lately, oldest first, and how far it has come."""
        return list_outbox(self._agent)

    async def sync(self, progress: Callable[[SyncProgress], None] | None = None) -> SyncReport:
        """Do one whole pass: publish keys, read the directory and the mailbox, send what waits.

        Args:
            progress: Called as it goes on.

        Returns:
            What was done, and what went wrong. Nothing is lost by any of it.

        Raises:
            StoreError: The device's own files are in the way.
        """
        return await self._agent.synchronise(progress)

    async def events(self) -> AsyncGenerator[Event, None]:
        """Stay connected and tell what happens, until closed. Connects again by itself.

        Raises:
            StoreError: The device's own files are in the way.
        """
        told: asyncio.Queue[Event | None] = asyncio.Queue()
        following = asyncio.create_task(self._agent.follow())
        following.add_done_callback(lambda _: told.put_nowait(None))
        self._agent.listeners.append(told.put_nowait)
        try:
            while (event := await told.get()) is not None:
                yield event
            await following
        finally:
            self._agent.listeners.remove(told.put_nowait)
            following.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await following

    async def doctor(self) -> list[Finding]:
        """Look at everything that has to be in order. Changes nothing."""
        return await examine(self._agent)

    async def aclose(self) -> None:
        """Let go of the relay and the store; closing twice is fine."""
        await self._agent.aclose()


def _folder(home: Path | str | None) -> Path:
    if home is not None:
        return Path(home)
    from quietway.ambient import default_home  # noqa: PLC0415 - asks the system, which tests never do

    return default_home()
