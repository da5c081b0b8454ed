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
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from quietway.ambient import SystemClock
from quietway.backup import make_backup
from quietway.clocks import Clocks
from quietway.covering.waking import note_wakes, say_goodbye
from quietway.doctor import examine
from quietway.errors import DeviceLocked
from quietway.faces.access import AsyncAccess
from quietway.faces.agreements import AsyncAgreements
from quietway.faces.alerts import AsyncAlerts
from quietway.faces.attachments import AsyncAttachments
from quietway.faces.board import AsyncBoard
from quietway.faces.cases import AsyncCases
from quietway.faces.consent import AsyncConsent
from quietway.faces.contacts import AsyncContacts
from quietway.faces.crises import AsyncCrises
from quietway.faces.dictionary import AsyncDictionary
from quietway.faces.drills import AsyncDrills
from quietway.faces.due import AsyncDue
from quietway.faces.escalations import AsyncEscalations
from quietway.faces.guard import AsyncGuard
from quietway.faces.log import AsyncLog
from quietway.faces.messages import AsyncMessages
from quietway.faces.oncall import AsyncOnCall
from quietway.faces.partners import AsyncPartners
from quietway.faces.referrals import AsyncReferrals
from quietway.faces.reviews import AsyncReviews
from quietway.faces.status import AsyncStatus
from quietway.faces.withdrawing import withdraw
from quietway.fingerprint import show_fingerprint, show_words
from quietway.forwarding import forward
from quietway.founding import Ports, found_device, open_device
from quietway.high_water import MarkFile
from quietway.history import list_received
from quietway.holding import AsyncRetention
from quietway.joining import join_agency, request_link, show_link_words
from quietway.keyring.listening import read_listening
from quietway.keyring.passphrase_rules import check_new_passphrase
from quietway.locked import believe, erase_due, listen, ring
from quietway.own.accesses import AccessLines
from quietway.own.agency import AsyncAgency
from quietway.own.devices import AsyncDevices
from quietway.recovering import Recovery, read_agency, recover_device
from quietway.restoring import restore_device
from quietway.speaking import list_outbox
from quietway.waking import read_endpoints
from quietway.wiping import wipe_device

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
    from types import TracebackType

    from quietway.agent import Agent
    from quietway.backup import Backup
    from quietway.events import Event, Received
    from quietway.founding import ConnectRelay
    from quietway.linking import DeviceOffer, DeviceRequest
    from quietway.ports import Clock, Entropy, Store
    from quietway.recovery_file import RecoveryFile
    from quietway.reports import (
        Finding,
        OpeningProgress,
        OutboxEntry,
        Sent,
        SyncProgress,
        SyncReport,
        Withdrawal,
    )
    from quietway.wiping import Wiped
    from quietway_crypto.passphrase import PassphraseParameters
    from quietway_schemas.ids import AgencyId, DeviceId, MessageId
    from quietway_schemas.instants import Instant


class AsyncClient:
    """One device of one agency, open. Make one with `found` or `open`.

    Attributes:
        partners: Whom this agency works with.
        referrals: Referrals: sent, answered, followed.
        escalations: What is taken to the next level.
        alerts: Calling whoever is on call, and taking what one is called for.
        reviews: Looking back on events that are over, and following through.
        drills: Exercises with the same machinery, in a namespace of their own.
        due: What needs a person now.
        status: Status indicators.
        board: Where each case stands, in four columns.
        cases: Cases: opened, followed, handed over, closed.
        messages: Short texts.
        attachments: Files beside messages.
        devices: The agency's own devices, how they come and how they leave.
        agency: Who decides for the agency, and the review of permissions.
        retention: Legal holds, and the erasing of what has expired.
        log: The relay's transparency log, alarms about it, and evidence.
        dictionary: Which words the agencies have agreed to.
        agreements: What the agencies have agreed may flow.
        access: Who looked at what.
        consent: What survivors decided about their cases.
        contacts: Whom to reach at an agency, and what contact there was.
        crises: Crises: who is called, takes part, says, does and decides what.
        guard: What may not be said, why, and overrides.
        oncall: Who is on call, here and at partners.
    """

    def __init__(self, agent: Agent, home: Path, ports: Ports) -> None:
        self._agent = agent
        self._home = home
        self._ports = ports
        self._following: set[asyncio.Task[None]] = set()
        self._is_locked = False
        lines = AccessLines(agent)
        self.partners = AsyncPartners(agent)
        self.referrals = AsyncReferrals(agent, lines)
        self.escalations = AsyncEscalations(agent)
        self.alerts = AsyncAlerts(agent)
        self.drills = AsyncDrills(agent)
        self.due = AsyncDue(agent)
        self.status = AsyncStatus(agent)
        self.board = AsyncBoard(agent)
        self.messages = AsyncMessages(agent)
        self.attachments = AsyncAttachments(agent, home)
        self.devices = AsyncDevices(agent)
        self.agency = AsyncAgency(agent)
        self.retention = AsyncRetention(agent)
        self.log = AsyncLog(agent)
        self.dictionary = AsyncDictionary(agent)
        self.agreements = AsyncAgreements(agent)
        self.access = AsyncAccess(agent, lines)
        self.consent = AsyncConsent(agent)
        self.cases = AsyncCases(agent, lines, self.board)
        self.contacts = AsyncContacts(agent)
        self.reviews = AsyncReviews(agent, self.board, self.contacts)
        self.crises = AsyncCrises(agent)
        self.guard = AsyncGuard(agent, lines, home)
        self.oncall = AsyncOnCall(agent)

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
        system_keyring: bool = False,
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
            system_keyring: Keep the keyring's pepper with the system, where it has a real keyring
                (it may ask its user to unlock it), and not in the folder.
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
        ports = Ports(relay_port, clock, entropy, store)
        agent = await found_device(
            _folder(home),
            passphrase=passphrase,
            relay=relay,
            enrolment_code=enrolment_code,
            agency_code=agency_code,
            program=program,
            roles=tuple(roles),
            parameters=parameters,
            system_keyring=system_keyring,
            ports=ports,
        )
        return cls(agent, _folder(home), ports)

    @classmethod
    async def open(
        cls,
        home: Path | str | None = None,
        *,
        passphrase: str,
        accept_older_copy: bool = False,
        parameters: PassphraseParameters | None = None,
        progress: Callable[[OpeningProgress], None] | None = None,
        relay_port: ConnectRelay | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        store: Store | None = None,
    ) -> Self:
        """Open the device in a folder. The network is not needed.

        Args:
            home: As for `found`.
            passphrase: As founded.
            accept_older_copy: Go on with an older copy of the store; what it lacks is lost, and so
                is what waits at the relay: all keys that envelopes are sealed to are made anew.
            parameters: What trying one passphrase shall cost from now on, where that is more than
                it costs now.
            progress: Called as it goes on: a device that has worked for a year takes some seconds.
            relay_port: As for `found`.
            clock: As for `found`.
            entropy: As for `found`.
            store: As for `found`.

        Raises:
            StoreMissing, StoreInUse, WrongPassphrase, StoreRolledBack, StoreTooNew, StoreDamaged,
                PepperMissing: Nothing was changed.
        """
        ports = Ports(relay_port, clock, entropy, store)
        agent = await open_device(
            _folder(home),
            passphrase=passphrase,
            accept_older_copy=accept_older_copy,
            parameters=parameters,
            ports=ports,
            progress=progress,
        )
        return cls(agent, _folder(home), ports)

    @classmethod
    async def restore(
        cls,
        home: Path | str | None = None,
        *,
        file: Path | str,
        words: str,
        passphrase: str,
        relay: str | None = None,
        parameters: PassphraseParameters | None = None,
        backup_parameters: PassphraseParameters | None = None,
        relay_port: ConnectRelay | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        store: Store | None = None,
    ) -> Self:
        """Bring a device back out of its backup, where the former machine is gone.

        What has expired since stays gone. New epoch keys are published, so what was sealed to the
        former ones can't be opened any more. The two machines never run together: the second is
        told of the first (`StoreRolledBack`).

        Args:
            home: As for `found`; there must be no device in it.
            file: The backup.
            words: Its 24 words, however they are typed.
            passphrase: The device's, as it was when the backup was made; it is the new one's too.
            relay: Another address of the same relay, where it has moved.
            parameters: What trying one passphrase costs on the new machine; None for the default.
            backup_parameters: Another cost than a backup's own, for tests.
            relay_port: As for `found`.
            clock: As for `found`.
            entropy: As for `found`.
            store: As for `found`.

        Raises:
            StoreExists: There is a device in the folder. It was not touched.
            WordsRefused, BackupRefused: Words, passphrase and file do not belong together, or the
                agency took the device away.
            RelayError: The relay was not there to tell the time. Nothing was written.
        """
        ports = Ports(relay_port, clock, entropy, store)
        agent = await restore_device(
            _folder(home),
            Path(file),
            words=words,
            passphrase=passphrase,
            relay=relay,
            parameters=parameters,
            backup_parameters=backup_parameters,
            ports=ports,
        )
        return cls(agent, _folder(home), ports)

    @classmethod
    async def recover_agency(
        cls,
        home: Path | str | None = None,
        *,
        passphrase: str,
        relay: str,
        program: str,
        words: str | Iterable[str],
        agency_id: AgencyId | str | None = None,
        file: RecoveryFile | None = None,
        roles: Iterable[str] = ("shelter_staff",),
        keep: Iterable[DeviceId] = (),
        parameters: PassphraseParameters | None = None,
        relay_port: ConnectRelay | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        store: Store | None = None,
    ) -> Self:
        """Bring an agency back with a new device, where none is left or none is trusted.

        Its root key stays the same, so partners compare nothing anew. All former devices are
        revoked, unless they are named to stay. Partners, cases and messages do not come back; the
        lanes of partners end, so invite and add them once more. The root is not kept here.

        Args:
            home: As for `found`; there must be no device in it.
            passphrase: Of the new device.
            relay: The relay's address; it stands on the sheet.
            program: Of the new device, as `HARBOR-SHELTER`.
            words: The agency's own 24 words; or, with `file`, those of custodians, one text for
                each person.
            agency_id: The agency, with its own words; it stands on the sheet.
            file: The recovery file, with custodians' words.
            roles: Of the new device, as codes.
            keep: Devices that stay.
            parameters: As for `found`.
            relay_port: As for `found`.
            clock: As for `found`.
            entropy: As for `found`.
            store: As for `found`.

        Raises:
            StoreExists, PassphraseTooWeak, ContentRefused: Nothing was written.
            WordsRefused, TooFewCustodians, RecoveryFileRefused: The root did not come back.
            OutpacedByColleague: Somebody changed the agency meanwhile. Begin anew.
            RelayError: The relay was not there, or refused. Begin anew.
        """
        ports = Ports(relay_port, clock, entropy, store)
        agent = await recover_device(
            _folder(home),
            Recovery(
                relay=relay,
                program=program,
                roles=tuple(sorted(set(roles))),
                words=(words,) if isinstance(words, str) else tuple(words),
                file=file,
                agency=read_agency(agency_id),
                keep=frozenset(keep),
            ),
            passphrase=passphrase,
            parameters=parameters,
            ports=ports,
        )
        return cls(agent, _folder(home), ports)

    @classmethod
    async def request_link(
        cls,
        home: Path | str | None = None,
        *,
        passphrase: str,
        agency_owned: bool,
        parameters: PassphraseParameters | None = None,
        entropy: Entropy | None = None,
    ) -> DeviceRequest:
        """Draw the keys of a new device of an agency that is founded already.

        Asked again with the same passphrase, it gives the same request.

        Args:
            home: The new device's folder, as for `found`.
            passphrase: At least 15 characters, or six words; this device's own.
            agency_owned: Whether the machine is the agency's, and nobody's private one.
            parameters: As for `found`.
            entropy: As for `found`.

        Returns:
            Show its `to_text()` to an ops holder of the agency.

        Raises:
            StoreExists: There is a device here already. Nothing was touched.
            PassphraseTooWeak: Nothing was written.
            WrongPassphrase: A request is here, under another passphrase.
        """
        return await request_link(
            _folder(home),
            passphrase=passphrase,
            agency_owned=agency_owned,
            parameters=parameters,
            ports=Ports(None, None, entropy, None),
        )

    @classmethod
    async def read_offer(
        cls, home: Path | str | None = None, *, passphrase: str, offer: DeviceOffer | str
    ) -> tuple[str, ...]:
        """Show the words of an offer. Go on only where the ops holder reads out the same.

        Raises:
            StoreMissing: No device asks to be linked here.
            WrongPassphrase: Nothing was changed.
            ContentRefused: It is not a whole offer.
        """
        return await show_link_words(_folder(home), passphrase=passphrase, offer=offer)

    @classmethod
    async def join(
        cls,
        home: Path | str | None = None,
        *,
        passphrase: str,
        offer: DeviceOffer | str,
        words: Sequence[str] | str,
        parameters: PassphraseParameters | None = None,
        system_keyring: bool = False,
        relay_port: ConnectRelay | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        store: Store | None = None,
    ) -> Self:
        """Become one of the agency's devices, once a manifest says so.

        Args:
            home: As for `request_link`.
            passphrase: As for `request_link`.
            offer: What the ops holder answered.
            words: The words that both sides showed, as they were read out.
            parameters: As for `found`.
            system_keyring: As for `found`.
            relay_port: As for `found`.
            clock: As for `found`.
            entropy: As for `found`.
            store: As for `found`.

        Raises:
            LinkRefused: The words are others, or the certificate is. Nothing was pinned.
            NotYetApproved: Ask the agency's admins, then join again.
            StoreMissing, WrongPassphrase: Nothing was changed.
            RelayError: The relay could not be asked. Join again.
        """
        ports = Ports(relay_port, clock, entropy, store)
        agent = await join_agency(
            _folder(home),
            passphrase=passphrase,
            offer=offer,
            words=words,
            parameters=parameters,
            system_keyring=system_keyring,
            ports=ports,
        )
        return cls(agent, _folder(home), ports)

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
        return show_fingerprint(self._agent.keyring.root_key)

    @property
    def fingerprint_words(self) -> str:
        """The same in eight words, which are easier to read out."""
        return show_words(self._agent.keyring.root_key)

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

    async def inbox(
        self, limit: int | None = None, *, before: MessageId | None = None
    ) -> list[Received]:
        """List what others sent, oldest first; of many, the newest `limit`.

        Args:
            limit: How many; None for all.
            before: Only what came here before this message, as the first one of the page that was
                shown; None for the newest.

        Raises:
            NotFound: That message is not here.
        """
        return await list_received(self._agent, limit, before=before)

    async def outbox(self) -> list[OutboxEntry]:
        """List what was said here lately, oldest first, and how far it has come."""
        return list_outbox(self._agent)

    async def withdraw(self, sent: Sent | bytes) -> Withdrawal:
        """Take a message of this device back, as far as nobody has fetched it.

        What was not sent yet never is. What the relay still holds is deleted there; a device that
        acknowledged its copy has it. Without the network it is asked for later. Readers of the
        conversation see that something is missing in it.

        Args:
            sent: What `send` returned, or its `local_id`.

        Returns:
            What became of each device's copy.

        Raises:
            NotFound: There is no such message, or nothing of it can be taken back any more.
            StorageFull: There is no room. Nothing was changed.
        """
        return await withdraw(self._agent, sent)

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
        """Stay connected and tell what happens, until closed or locked. Connects again by itself.

        Raises:
            StoreError: The device's own files are in the way.
        """
        if self._is_locked:
            raise DeviceLocked
        told: asyncio.Queue[Event | None] = asyncio.Queue()
        following = asyncio.create_task(self._agent.follow())
        self._following.add(following)
        following.add_done_callback(lambda _: told.put_nowait(None))
        self._agent.listeners.append(told.put_nowait)
        try:
            while (event := await told.get()) is not None:
                yield event
            if not self._is_locked:
                await following
        finally:
            self._following.discard(following)
            self._agent.listeners.remove(told.put_nowait)
            following.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await following

    @asynccontextmanager
    async def forward_events(self, url: str, *, secret: str) -> AsyncGenerator[None, None]:
        """Stay connected, and tell another program on this machine what happens, as a webhook.

            async with client.forward_events("http://127.0.0.1:8080/events", secret=secret):
                ...

        It is told names of events, ids and times, and never what was said. What it does not take
        is sent again until it does, in order; this client never waits for it.

        Args:
            url: `http://127.0.0.1:PORT/path` or `http://[::1]:PORT/path`.
            secret: At least 32 characters; `read_webhook` takes the same.

        Raises:
            ContentRefused: The address is not on this machine, or the secret is short.
            StoreError: When it ends: the device's own files were in the way.
        """
        async with forward(self.events, self._agent, url, secret):
            yield

    async def backup(
        self,
        path: Path | str,
        *,
        passphrase: str,
        parameters: PassphraseParameters | None = None,
    ) -> Backup:
        """Make a backup of this device: one file, and 24 words that stand in no file.

        Args:
            path: A folder, where the file gets a name that tells nothing; or a name of your own.
            passphrase: The device's, typed again. Restoring asks for it, too.
            parameters: Another cost than a backup's own, for tests.

        Returns:
            The file and its words; put them on a sheet, and keep that away from the file.

        Raises:
            WrongPassphrase: Nothing was written.
            BackupExists, BackupRefused: There is a file of that name; or the store is too large.
            StorageFull: There is no room.
        """
        return await make_backup(
            self._agent, Path(path), passphrase=passphrase, parameters=parameters
        )

    async def wake_through(self, targets: Sequence[str]) -> None:
        """Leave at the relay where this device's human is told that there is something.

        A wake-up says `New activity` and nothing else. It comes when something waits here and this
        device does not fetch it.

        Args:
            targets: Up to four, the preferred one first: webhooks (`https://push.example/topic`)
                and addresses of mail. They take the place of all before; none delete.

        Raises:
            ContentRefused: One is not of either form, or stands there twice.
            RelayRefused: `invalid_field`: the relay's operator does not allow one of them.
            RelayUnreachable: Nothing is known of the outcome; say it again.
        """
        await self._agent.relay.put_wake(read_endpoints(targets))
        await note_wakes(self._agent, wakes=bool(targets))

    async def doctor(self) -> list[Finding]:
        """Look at everything that has to be in order. Changes nothing."""
        return await examine(self._agent)

    async def wipe(self, *, announce: bool = True) -> Wiped:
        """Destroy everything that this device holds, and say so to its agency if that is possible.

        An ops holder's device takes itself out of the manifest; another asks its colleagues to. It
        is destroyed in any case, also without the network. This client is closed afterwards.

        Args:
            announce: False says nothing to anybody.

        Returns:
            Whether anybody was told, and why not.
        """
        return await wipe_device(self._agent, self._home, announce=announce)

    async def change_passphrase(
        self, old: str, new: str, *, parameters: PassphraseParameters | None = None
    ) -> None:
        """Wrap this device's secrets under another passphrase.

        Args:
            old: The passphrase of now.
            new: At least 15 characters, or six words, and none that a guesser tries early.
            parameters: What trying one passphrase shall cost; None leaves it as it is.

        Raises:
            WrongPassphrase: The old one is another. Nothing was changed.
            PassphraseTooWeak: With the reason. Nothing was changed.
            StorageFull: There is no room. The old one stays.
        """
        keyring = self._agent.keyring
        await asyncio.to_thread(keyring.check_passphrase_again, old)
        known = (keyring.agency_code, keyring.program)
        await asyncio.to_thread(check_new_passphrase, new, known=known)
        stretched = await asyncio.to_thread(keyring.stretch_anew, new, parameters=parameters)
        # Written on the loop, where every other change of the keyring is made too.
        keyring.take_passphrase(stretched)

    async def lock(self, *, rings: bool = False) -> AsyncLockedDevice:
        """Let go of every secret and of the store, and go on listening only.

        Ends `events()`. What is asked of this client from then on raises `DeviceLocked`. Where this
        device is on call, colleagues are told first, within three seconds or not at all.

        Args:
            rings: Whether a program will ring for what `wakes()` of the locked device gives.

        Returns:
            The locked device, which opens again with the passphrase.
        """
        if self._is_locked:
            raise DeviceLocked
        self._is_locked = True
        await say_goodbye(self._agent, wakeable=rings or self._agent.oncall.wakes)
        # What was read up to now calls nobody any more.
        read = self._agent.state.reading.cursor
        following = tuple(self._following)
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        await self._agent.lock()
        return AsyncLockedDevice(self._home, self._ports, read=read)

    async def aclose(self) -> None:
        """Let go of the relay and the store; closing twice is fine."""
        if not self._is_locked:
            await self._agent.aclose()


class AsyncLockedDevice:
    """A device without its passphrase: it listens, and deletes what has expired. Make with `open`.

    What it can't do is everything else: no message is opened, shown, sent or acknowledged.
    """

    def __init__(self, home: Path, ports: Ports, *, read: int | None = None) -> None:
        self._home = home
        self._ports = ports
        self._read = read
        self._clocks = Clocks(ports.clock or SystemClock(), MarkFile(home))

    @classmethod
    async def open(
        cls,
        home: Path | str | None = None,
        *,
        relay_port: ConnectRelay | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        store: Store | None = None,
    ) -> Self:
        """Take the device in a folder as it lies there, without its passphrase.

        Args:
            home: As for `AsyncClient.open`.
            relay_port: As there.
            clock: As there.
            entropy: As there.
            store: As there.

        Raises:
            StoreMissing: There is no device, or it was not opened since an upgrade.
            StoreDamaged: What it listens with can't be read.
        """
        folder = _folder(home)
        await asyncio.to_thread(read_listening, folder)
        return cls(folder, Ports(relay_port, clock, entropy, store))

    @property
    def home(self) -> Path:
        """The device's folder."""
        return self._home

    async def listen(self) -> AsyncGenerator[int, None]:
        """Yield the newest number of the mailbox, at once and whenever it has grown.

        Connects again by itself. A number says that something came, and nothing of what.
        """
        async with aclosing(listen(self._home, self._ports)) as told:
            async for latest in told:
                yield latest

    async def wakes(self) -> AsyncGenerator[int, None]:
        """Yield whenever something came that this device had not read when it was locked.

        Ring for each: it may be an alert. What it is nobody knows before the device is unlocked;
        the relay does not either. A device that was never unlocked here does not know what it has
        read, so the first number rings, too; and so does a smaller one, since a relay whose store
        was put back counts from there.
        """
        rung = self._read
        async with aclosing(self.listen()) as told:
            async for latest in told:
                if latest != rung:
                    rung = latest
                    yield latest

    async def alarms(self) -> AsyncGenerator[Instant, None]:
        """Yield the time of each alarm when it has come, until closed; asks no relay.

        An alert of this device may have reached nobody: call its human, who unlocks it and looks.
        A locked device opens no claim, so it calls also where somebody has taken the alert since.
        """
        async with aclosing(ring(self._home, self._ports)) as told:
            async for at in told:
                yield at

    async def believed_now(self) -> Instant:
        """Ask the relay for the time; where it does not answer, go by the clocks here.

        Raises:
            ClockDoubted: No time is to be believed, so nothing should be erased.
        """
        return await believe(self._home, self._ports, self._clocks)

    async def erase_due(self, now: Instant) -> int:
        """Delete the keys whose time has passed; returns how many.

        Args:
            now: What `believed_now` gives: nothing brings back what is deleted.

        Raises:
            StoreInUse: A program has the device open, and erases by itself.
            StoreDamaged, StoreTooNew, StorageFull: Nothing was changed.
        """
        return await asyncio.to_thread(erase_due, self._home, now)

    async def unlock(self, passphrase: str) -> AsyncClient:
        """Open the device; what the former client had open is open in the one that this gives.

        Raises:
            As `AsyncClient.open`.
        """
        agent = await open_device(
            self._home, passphrase=passphrase, accept_older_copy=False, ports=self._ports
        )
        return AsyncClient(agent, self._home, self._ports)


def _folder(home: Path | str | None) -> Path:
    if home is not None:
        return Path(home)
    from quietway.ambient import default_home  # noqa: PLC0415 - asks the system, which tests never do

    return default_home()
