"""`Client`: the same public face for programs without an event loop. It blocks, and that is all.

Rules: each method does what its namesake of `AsyncClient` does, with the same arguments, results
and errors; a test holds the two to each other. All clients of a process share one loop in one
thread of its own. Ctrl-C ends the wait and the work that was waited for, and the store stays whole.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Final, ParamSpec, Self, TypeVar

from anyio.from_thread import BlockingPortalProvider

from quietway.client import AsyncClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterable
    from pathlib import Path
    from types import TracebackType

    from anyio.from_thread import BlockingPortal

    from quietway.events import Event, Received
    from quietway.faces import AsyncMessages, AsyncPartners, AsyncReferrals, AsyncStatus
    from quietway.founding import ConnectRelay
    from quietway.partners import Invitation, Partner
    from quietway.ports import Clock, Entropy, Store
    from quietway.reports import Finding, OutboxEntry, Sent, SyncProgress, SyncReport
    from quietway.speaking import Addressee
    from quietway.views.board import StatusEntry
    from quietway.views.referrals import Referral
    from quietway_crypto.passphrase import PassphraseParameters
    from quietway_schemas.content.referral import Episode, ReferralPacket
    from quietway_schemas.ids import AgencyId, CaseRef, ConversationId, DeviceId, ReferralRef
    from quietway_schemas.instants import Instant

_LONGEST_END_SECONDS: Final = 10.0
_PORTALS = BlockingPortalProvider(backend="asyncio")
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class _Loop:
    """The shared loop, held by one client until it closes."""

    def __init__(self) -> None:
        self._portal: BlockingPortal | None = _PORTALS.__enter__()

    @property
    def is_held(self) -> bool:
        """Whether the client is still open."""
        return self._portal is not None

    def run(
        self,
        method: Callable[_Arguments, Awaitable[_Result]],
        *args: _Arguments.args,
        **kwargs: _Arguments.kwargs,
    ) -> _Result:
        """Run a method on the loop and wait for it; on Ctrl-C it is cancelled and waited for."""
        if self._portal is None:
            raise RuntimeError("This client is closed.")
        ended = threading.Event()

        async def work() -> _Result:
            try:
                return await method(*args, **kwargs)
            finally:
                ended.set()

        future = self._portal.start_task_soon(work)
        try:
            return future.result()
        except BaseException:
            if not future.done():
                future.cancel()
                ended.wait(_LONGEST_END_SECONDS)
            raise

    def leave(self) -> None:
        """Let go of the loop; the last client stops it."""
        if self._portal is not None:
            self._portal = None
            _PORTALS.__exit__(None, None, None)


class Partners:
    """Whom this agency works with."""

    def __init__(self, face: AsyncPartners, loop: _Loop) -> None:
        self._face = face
        self._loop = loop

    def invite(self, label: str) -> Invitation:
        """Make an invitation for one agency; see `AsyncPartners.invite`."""
        return self._loop.run(self._face.invite, label)

    def add(self, invitation: Invitation | str, *, label: str | None = None) -> Partner:
        """Accept an invitation; see `AsyncPartners.add`."""
        return self._loop.run(self._face.add, invitation, label=label)

    def find(self, named: Addressee) -> Partner:
        """Find a partner by agency id, agency code, program code or label."""
        return self._loop.run(self._face.find, named)

    def list(self) -> list[Partner]:
        """List the partners, in the order in which they were added."""
        return self._loop.run(self._face.list)


class Referrals:
    """Referrals: sent, answered, followed."""

    def __init__(self, face: AsyncReferrals, loop: _Loop) -> None:
        self._face = face
        self._loop = loop

    def send(
        self,
        packet: ReferralPacket | Addressee | None = None,
        /,
        *,
        to: Addressee | None = None,
        **fields: object,
    ) -> Sent:
        """Send a referral, as a packet or as its fields; see `AsyncReferrals.send`."""
        return self._loop.run(self._face.send, packet, to=to, **fields)

    def acknowledge(
        self,
        ref: ReferralRef | str,
        state: str = "accepted",
        *,
        reason_code: str | None = None,
        reason_side: str | None = None,
        next_steps: str | None = None,
    ) -> Sent:
        """Say that a person has seen a referral; see `AsyncReferrals.acknowledge`."""
        return self._loop.run(
            self._face.acknowledge,
            ref,
            state,
            reason_code=reason_code,
            reason_side=reason_side,
            next_steps=next_steps,
        )

    def outcome(
        self,
        ref: ReferralRef | str,
        state: str,
        *,
        reason_code: str | None = None,
        reason_side: str | None = None,
        next_steps: str | None = None,
        filler_ref: ReferralRef | None = None,
        episode: Episode | None = None,
    ) -> Sent:
        """Say what was decided."""
        return self._loop.run(
            self._face.outcome,
            ref,
            state,
            reason_code=reason_code,
            reason_side=reason_side,
            next_steps=next_steps,
            filler_ref=filler_ref,
            episode=episode,
        )

    def feedback(
        self,
        ref: ReferralRef | str,
        state: str = "completed",
        *,
        reason_code: str | None = None,
        reason_side: str | None = None,
        next_steps: str | None = None,
        filler_ref: ReferralRef | None = None,
        episode: Episode | None = None,
    ) -> Sent:
        """Say how it went on."""
        return self._loop.run(
            self._face.feedback,
            ref,
            state,
            reason_code=reason_code,
            reason_side=reason_side,
            next_steps=next_steps,
            filler_ref=filler_ref,
            episode=episode,
        )

    def cancel(
        self,
        ref: ReferralRef | str,
        *,
        reason_code: str | None = None,
        reason_side: str | None = None,
        state: str = "cancelled",
    ) -> Sent:
        """Cancel a referral, ask for that, or say that it was entered in error."""
        return self._loop.run(
            self._face.cancel, ref, reason_code=reason_code, reason_side=reason_side, state=state
        )

    def reopen(
        self,
        ref: ReferralRef | str,
        *,
        reason_code: str | None = None,
        next_steps: str | None = None,
    ) -> Sent:
        """Ask again for what was closed."""
        return self._loop.run(
            self._face.reopen, ref, reason_code=reason_code, next_steps=next_steps
        )

    def answer(
        self,
        ref: ReferralRef | str,
        *,
        state: str,
        reason_code: str | None = None,
        reason_side: str | None = None,
        next_steps: str | None = None,
    ) -> Sent:
        """Answer a referral with a state; see `AsyncReferrals.answer`."""
        return self._loop.run(
            self._face.answer,
            ref,
            state=state,
            reason_code=reason_code,
            reason_side=reason_side,
            next_steps=next_steps,
        )

    def find(self, ref: ReferralRef | str) -> Referral:
        """Find one referral."""
        return self._loop.run(self._face.find, ref)

    def list(self) -> list[Referral]:
        """List every referral that this store knows, with its state and history."""
        return self._loop.run(self._face.list)


class Status:
    """Status indicators: codes with an end, and no words."""

    def __init__(self, face: AsyncStatus, loop: _Loop) -> None:
        self._face = face
        self._loop = loop

    def set(
        self,
        code: str,
        *,
        to: Addressee | Iterable[Addressee],
        state: str = "active",
        case_ref: CaseRef | None = None,
        effective: Instant | None = None,
        expires: Instant | None = None,
        confidence: str = "reported",
        exercise: bool = False,
    ) -> Sent:
        """Say where something stands; see `AsyncStatus.set`."""
        return self._loop.run(
            self._face.set,
            code,
            to=to,
            state=state,
            case_ref=case_ref,
            effective=effective,
            expires=expires,
            confidence=confidence,
            exercise=exercise,
        )

    def board(self) -> list[StatusEntry]:
        """List the indicators that stand now, newest first."""
        return self._loop.run(self._face.board)


class Messages:
    """Short texts between people."""

    def __init__(self, face: AsyncMessages, loop: _Loop) -> None:
        self._face = face
        self._loop = loop

    def send(
        self,
        text: str,
        *,
        to: Addressee | Iterable[Addressee],
        conversation: ConversationId | None = None,
    ) -> Sent:
        """Send a text of at most 700 bytes as written."""
        return self._loop.run(self._face.send, text, to=to, conversation=conversation)


class Client:
    """One device of one agency, open. Make one with `found` or `open`; use it in a `with`.

    Attributes:
        partners: Whom this agency works with.
        referrals: Referrals: sent, answered, followed.
        status: Status indicators.
        messages: Short texts.
    """

    def __init__(self, client: AsyncClient, loop: _Loop) -> None:
        self._client = client
        self._loop = loop
        self.partners = Partners(client.partners, loop)
        self.referrals = Referrals(client.referrals, loop)
        self.status = Status(client.status, loop)
        self.messages = Messages(client.messages, loop)

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
        relay_port: ConnectRelay | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        store: Store | None = None,
    ) -> Self:
        """Open the device in a folder; see `AsyncClient.open`."""
        return cls._make(
            partial(
                AsyncClient.open,
                home,
                passphrase=passphrase,
                accept_older_copy=accept_older_copy,
                relay_port=relay_port,
                clock=clock,
                entropy=entropy,
                store=store,
            )
        )

    @classmethod
    def _make(cls, make: Callable[[], Awaitable[AsyncClient]]) -> Self:
        loop = _Loop()
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

    def inbox(self, limit: int | None = None) -> list[Received]:
        """List what others sent, oldest first; of many, the newest `limit`."""
        return self._loop.run(self._client.inbox, limit)

    def outbox(self) -> list[OutboxEntry]:
        """List what was said here lately, oldest first, and how far it has come."""
        return self._loop.run(self._client.outbox)

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

    def doctor(self) -> list[Finding]:
        """Look at everything that has to be in order. Changes nothing."""
        return self._loop.run(self._client.doctor)

    def close(self) -> None:
        """Let go of the relay, the store and the loop; closing twice is fine."""
        if self._loop.is_held:
            self._loop.run(self._client.aclose)
            self._loop.leave()

    aclose = close
