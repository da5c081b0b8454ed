"""`Client` and `LockedDevice`: the public face for programs without an event loop.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Self, TypeVar

from quietway.blocking.agreements import Agreements
from quietway.blocking.alerts import Alerts
from quietway.blocking.cases import Board, Cases
from quietway.blocking.consent import Consent
from quietway.blocking.contacts import Contacts
from quietway.blocking.crises import Crises
from quietway.blocking.debriefs import Drills, Reviews
from quietway.blocking.due import Due, Escalations
from quietway.blocking.faces import (
    Attachments,
    Log,
    Messages,
    Partners,
    Referrals,
    Retention,
    Status,
)
from quietway.blocking.guard import Guard
from quietway.blocking.loop import Loop
from quietway.blocking.oncall import OnCall
from quietway.blocking.signed import Access, Dictionary
from quietway.client import AsyncClient, AsyncLockedDevice
from quietway.own.blocking import Agency, Devices

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Sequence
    from pathlib import Path
    from types import TracebackType

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

_Result = TypeVar("_Result")


class Client:
    """One device of one agency, open. Make one with `found` or `open`; use it in a `with`.

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

    def __init__(self, client: AsyncClient, loop: Loop) -> None:
        self._client = client
        self._loop = loop
        self.partners = Partners(client.partners, loop)
        self.referrals = Referrals(client.referrals, loop)
        self.escalations = Escalations(client.escalations, loop)
        self.alerts = Alerts(client.alerts, loop)
        self.reviews = Reviews(client.reviews, loop)
        self.drills = Drills(client.drills, loop)
        self.due = Due(client.due, loop)
        self.status = Status(client.status, loop)
        self.board = Board(client.board, loop)
        self.cases = Cases(client.cases, loop)
        self.contacts = Contacts(client.contacts, loop)
        self.crises = Crises(client.crises, loop)
        self.guard = Guard(client.guard, loop)
        self.oncall = OnCall(client.oncall, loop)
        self.messages = Messages(client.messages, loop)
        self.attachments = Attachments(client.attachments, loop)
        self.devices = Devices(client.devices, loop)
        self.agency = Agency(client.agency, loop)
        self.retention = Retention(client.retention, loop)
        self.log = Log(client.log, loop)
        self.dictionary = Dictionary(client.dictionary, loop)
        self.agreements = Agreements(client.agreements, loop)
        self.access = Access(client.access, loop)
        self.consent = Consent(client.consent, loop)

    @classmethod
    def found(
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
        """Found an agency with this device as its first; see `AsyncClient.found`."""
        return cls._make(
            partial(
                AsyncClient.found,
                home,
                passphrase=passphrase,
                relay=relay,
                enrolment_code=enrolment_code,
                agency_code=agency_code,
                program=program,
                roles=roles,
                parameters=parameters,
                system_keyring=system_keyring,
                relay_port=relay_port,
                clock=clock,
                entropy=entropy,
                store=store,
            )
        )

    @classmethod
    def open(
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
        """Open the device in a folder; see `AsyncClient.open`.

        `progress` is called in the loop's thread.
        """
        return cls._make(
            partial(
                AsyncClient.open,
                home,
                passphrase=passphrase,
                accept_older_copy=accept_older_copy,
                parameters=parameters,
                progress=progress,
                relay_port=relay_port,
                clock=clock,
                entropy=entropy,
                store=store,
            )
        )

    @classmethod
    def restore(
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
        """Bring a device back out of its backup; see `AsyncClient.restore`."""
        return cls._make(
            partial(
                AsyncClient.restore,
                home,
                file=file,
                words=words,
                passphrase=passphrase,
                relay=relay,
                parameters=parameters,
                backup_parameters=backup_parameters,
                relay_port=relay_port,
                clock=clock,
                entropy=entropy,
                store=store,
            )
        )

    @classmethod
    def recover_agency(
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
        """Bring an agency back with a new device; see `AsyncClient.recover_agency`."""
        return cls._make(
            partial(
                AsyncClient.recover_agency,
                home,
                passphrase=passphrase,
                relay=relay,
                program=program,
                words=words,
                agency_id=agency_id,
                file=file,
                roles=roles,
                keep=keep,
                parameters=parameters,
                relay_port=relay_port,
                clock=clock,
                entropy=entropy,
                store=store,
            )
        )

    @classmethod
    def request_link(
        cls,
        home: Path | str | None = None,
        *,
        passphrase: str,
        agency_owned: bool,
        parameters: PassphraseParameters | None = None,
        entropy: Entropy | None = None,
    ) -> DeviceRequest:
        """Draw the keys of a new device; see `AsyncClient.request_link`."""
        return cls._ask(
            partial(
                AsyncClient.request_link,
                home,
                passphrase=passphrase,
                agency_owned=agency_owned,
                parameters=parameters,
                entropy=entropy,
            )
        )

    @classmethod
    def read_offer(
        cls, home: Path | str | None = None, *, passphrase: str, offer: DeviceOffer | str
    ) -> tuple[str, ...]:
        """Show the words of an offer; see `AsyncClient.read_offer`."""
        return cls._ask(partial(AsyncClient.read_offer, home, passphrase=passphrase, offer=offer))

    @classmethod
    def join(
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
        """Become one of the agency's devices; see `AsyncClient.join`."""
        return cls._make(
            partial(
                AsyncClient.join,
                home,
                passphrase=passphrase,
                offer=offer,
                words=words,
                parameters=parameters,
                system_keyring=system_keyring,
                relay_port=relay_port,
                clock=clock,
                entropy=entropy,
                store=store,
            )
        )

    @classmethod
    def _ask(cls, ask: Callable[[], Awaitable[_Result]]) -> _Result:
        loop = Loop()
        try:
            return loop.run(ask)
        finally:
            loop.leave()

    @classmethod
    def _make(cls, make: Callable[[], Awaitable[AsyncClient]]) -> Self:
        loop = Loop()
        try:
            return cls(loop.run(make), loop)
        except BaseException:
            loop.leave()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def agency_id(self) -> AgencyId:
        """This device's agency."""
        return self._client.agency_id

    @property
    def device_id(self) -> DeviceId:
        """This device."""
        return self._client.device_id

    @property
    def program(self) -> str:
        """This device's program, as `HARBOR-SHELTER`."""
        return self._client.program

    @property
    def fingerprint(self) -> str:
        """The agency's root key in eight groups, to be read out to a partner."""
        return self._client.fingerprint

    @property
    def fingerprint_words(self) -> str:
        """The same in eight words, which are easier to read out."""
        return self._client.fingerprint_words

    @property
    def home(self) -> Path:
        """The device's folder."""
        return self._client.home

    @property
    def relay_url(self) -> str:
        """The relay's address."""
        return self._client.relay_url

    def now(self) -> Instant:
        """Tell the time that this client goes by, milliseconds since 1970-01-01T00:00:00Z."""
        return self._client.now()

    def inbox(self, limit: int | None = None, *, before: MessageId | None = None) -> list[Received]:
        """List what others sent, oldest first; of many, the newest `limit`.

        With `before`, only what came here before that message; see `AsyncClient.inbox`.
        """
        return self._loop.run(self._client.inbox, limit, before=before)

    def outbox(self) -> list[OutboxEntry]:
        """List what was said here lately, oldest first, and how far it has come."""
        return self._loop.run(self._client.outbox)

    def withdraw(self, sent: Sent | bytes) -> Withdrawal:
        """Take a message back, as far as nobody has fetched it; see `AsyncClient.withdraw`."""
        return self._loop.run(self._client.withdraw, sent)

    def sync(self, progress: Callable[[SyncProgress], None] | None = None) -> SyncReport:
        """Do one whole pass; see `AsyncClient.sync`. `progress` is called in the loop's thread."""
        return self._loop.run(self._client.sync, progress)

    def events(self) -> Generator[Event, None, None]:
        """Stay connected and give what happens, one by one, until closed."""
        stream = self._client.events()
        try:
            while True:
                try:
                    yield self._loop.run(stream.__anext__)
                except StopAsyncIteration:
                    return
        finally:
            self._loop.run(stream.aclose)

    @contextmanager
    def forward_events(self, url: str, *, secret: str) -> Generator[None, None, None]:
        """Tell another program on this machine what happens; see `AsyncClient.forward_events`.

        It goes on in the background until the block ends.
        """
        forwarding = self._client.forward_events(url, secret=secret)
        with self._loop.keep(forwarding):
            yield

    def backup(
        self,
        path: Path | str,
        *,
        passphrase: str,
        parameters: PassphraseParameters | None = None,
    ) -> Backup:
        """Make a backup of this device; see `AsyncClient.backup`."""
        return self._loop.run(
            self._client.backup, path, passphrase=passphrase, parameters=parameters
        )

    def wake_through(self, targets: Sequence[str]) -> None:
        """Leave at the relay where this device's human is told; see `AsyncClient.wake_through`."""
        self._loop.run(self._client.wake_through, targets)

    def doctor(self) -> list[Finding]:
        """Look at everything that has to be in order. Changes nothing."""
        return self._loop.run(self._client.doctor)

    def wipe(self, *, announce: bool = True) -> Wiped:
        """Destroy everything that this device holds; see `AsyncClient.wipe`."""
        wiped = self._loop.run(self._client.wipe, announce=announce)
        self._loop.leave()
        return wiped

    def change_passphrase(
        self, old: str, new: str, *, parameters: PassphraseParameters | None = None
    ) -> None:
        """Wrap this device's secrets under another passphrase; see the awaiting one."""
        self._loop.run(self._client.change_passphrase, old, new, parameters=parameters)

    def lock(self, *, rings: bool = False) -> LockedDevice:
        """Let go of every secret and of the store, and go on listening only; closes this client."""
        device = self._loop.run(self._client.lock, rings=rings)
        self._loop.is_locked = True
        self._loop.leave()
        return LockedDevice(device, Loop())

    def close(self) -> None:
        """Let go of the relay, the store and the loop; closing twice is fine."""
        if self._loop.is_held:
            self._loop.run(self._client.aclose)
            self._loop.leave()

    aclose = close


class LockedDevice:
    """A device without its passphrase; see `AsyncLockedDevice`. Use it in a `with`."""

    def __init__(self, device: AsyncLockedDevice, loop: Loop) -> None:
        self._device = device
        self._loop = loop

    @classmethod
    def open(
        cls,
        home: Path | str | None = None,
        *,
        relay_port: ConnectRelay | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        store: Store | None = None,
    ) -> Self:
        """Take the device in a folder as it lies there; see `AsyncLockedDevice.open`."""
        loop = Loop()
        make = partial(
            AsyncLockedDevice.open,
            home,
            relay_port=relay_port,
            clock=clock,
            entropy=entropy,
            store=store,
        )
        try:
            return cls(loop.run(make), loop)
        except BaseException:
            loop.leave()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def home(self) -> Path:
        """The device's folder."""
        return self._device.home

    def listen(self) -> Generator[int, None, None]:
        """Yield the newest number of the mailbox, at once and whenever it has grown."""
        yield from self._follow(self._device.listen())

    def wakes(self) -> Generator[int, None, None]:
        """Yield whenever something came that was not read before; see `AsyncLockedDevice.wakes`."""
        yield from self._follow(self._device.wakes())

    def _follow(self, stream: AsyncGenerator[int, None]) -> Generator[int, None, None]:
        try:
            while True:
                try:
                    yield self._loop.run(stream.__anext__)
                except StopAsyncIteration:
                    return
        finally:
            self._loop.run(stream.aclose)

    def alarms(self) -> Generator[Instant, None, None]:
        """Yield the time of each alarm when it has come; see `AsyncLockedDevice.alarms`."""
        stream = self._device.alarms()
        try:
            while True:
                try:
                    yield self._loop.run(stream.__anext__)
                except StopAsyncIteration:
                    return
        finally:
            self._loop.run(stream.aclose)

    def believed_now(self) -> Instant:
        """Ask the relay for the time; where it does not answer, go by the clocks here."""
        return self._loop.run(self._device.believed_now)

    def erase_due(self, now: Instant) -> int:
        """Delete the keys whose time has passed; returns how many."""
        return self._loop.run(self._device.erase_due, now)

    def unlock(self, passphrase: str) -> Client:
        """Open the device; see `AsyncLockedDevice.unlock`."""
        return Client._make(partial(self._device.unlock, passphrase))

    def close(self) -> None:
        """Let go of the loop; closing twice is fine."""
        if self._loop.is_held:
            self._loop.leave()
