"""Row 55, flood: one sender fills mailboxes, slow heads and bodies, a storm of sockets, huge heads.

Each attack alone, against a relay with few places, so that it is complete in a moment: whatever was
filled, an alarm gets in at once and an honest sender within a second or two; each has its control.
Then fifty hostile clients do all of it together, to a relay in a process of its own.

Spec: docs/spec/relay-protocol.md, "Under load".
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import socket
import time
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without
from tests.faults.counts import IS_ALONE
from tests.faults.flood import (
    Guests,
    Sender,
    Tally,
    count_lost,
    meanwhile,
    raise_alarms,
    resident_mib,
    write_head,
)
from tests.faults.no_reserve import JUDGE, find_nothing_urgent
from tests.faults.verdict import rank
from tests.relay_process import RelayProcess, wait_until
from tests.server.agency import ENVELOPES, PARTNER, join, problem_code
from tests.server.conftest import make_code
from tests.server.in_process import InProcessRelay
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from quietway_crypto.encoding import encode_base64
from quietway_server.api.places import GRACE_SECONDS
from quietway_server.core.capacity import Urgent
from quietway_server.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import httpx
    from tests.server.agency import Agency
    from websockets.sync.client import ClientConnection

    from quietway_server.core.quota import Quota

PLACES: Final = 4
SOCKETS: Final = 3
PATIENCE_SECONDS: Final = 4.0
FEW: Final = {
    "max_requests": str(PLACES),
    "crisis_requests": "8",
    "submit_sockets": str(SOCKETS),
    "max_connections": "64",
    "mailbox_envelopes": "10",
    "mailbox_crisis_envelopes": "2",
    "lane_envelopes": "24",
}


@pytest.fixture
def relay() -> Iterator[InProcessRelay]:
    """Give a relay with few places, in this process, so that a control can take a defence away."""
    with InProcessRelay(options=FEW).running() as running:
        yield running


def _submit(agency: Agency, kind: str = "normal", partner: bytes = PARTNER) -> int:
    return agency.submit(agency.capability_for(partner, kind=kind), agency.record()).status_code


def _stays_out(agency: Agency) -> bool:
    """Tell whether an honest sender that tries for a few seconds is refused each time."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if _submit(agency) == 201:
            return False
    return True


@contextlib.contextmanager
def _send_slowly(relay: InProcessRelay, lanes: Sequence[bytes]) -> Iterator[None]:
    """Keep submissions going whose bodies never come: one through each lane."""
    with contextlib.ExitStack() as held:
        for lane in lanes:
            guest = held.enter_context(socket.create_connection(("127.0.0.1", relay.port)))
            fields = {
                "Host": f"127.0.0.1:{relay.port}",
                "Content-Type": ENVELOPES,
                "Quietway-Lane": encode_base64(lane),
                "Content-Length": "2629",
            }
            guest.sendall(write_head("POST", "/v1/envelopes", fields) + b"x")
        wait_until(lambda: relay.at_work >= min(len(lanes), PLACES))
        yield


def _strangers(count: int) -> list[bytes]:
    return [os.urandom(32) for _ in range(count)]


def test_slow_bodies_keep_no_alarm_out_and_nobody_else_for_long(relay: InProcessRelay) -> None:
    agency = relay.new_agency()
    with _send_slowly(relay, _strangers(PLACES * 2)):
        assert _submit(agency, "crisis") == 201
        assert not _stays_out(agency)


def _ask_within_grace(relay: InProcessRelay, agency: Agency, lane: bytes) -> httpx.Response:
    """Submit while slow bodies have every place, before the first of them has to give way."""
    for _ in range(5):
        begun = time.monotonic()
        with _send_slowly(relay, [lane] * PLACES):
            answer = agency.submit(lane, agency.record())
        took = time.monotonic() - begun
        wait_until(lambda: not relay.at_work)
        if took < GRACE_SECONDS:
            break
    return answer


def test_who_only_claims_to_be_urgent_gets_nothing_of_the_reserve(relay: InProcessRelay) -> None:
    """A capability that opens nothing, and one of kind normal: neither is crisis."""
    agency = relay.new_agency()
    for lane in (os.urandom(32), agency.capability_for(PARTNER)):
        answer = _ask_within_grace(relay, agency, lane)
        assert problem_code(answer) == "overloaded"
        assert int(answer.headers["retry-after"]) > 0


def test_control_where_nothing_is_urgent_slow_bodies_keep_alarms_out(
    monkeypatch: pytest.MonkeyPatch, relay: InProcessRelay
) -> None:
    agency = relay.new_agency()
    without(monkeypatch, JUDGE, find_nothing_urgent)
    with _send_slowly(relay, _strangers(PLACES)):
        assert _submit(agency, "crisis") == 503


def test_control_where_a_claim_is_believed_slow_bodies_fill_the_reserve(
    monkeypatch: pytest.MonkeyPatch, relay: InProcessRelay
) -> None:
    """Whoever shows anything is urgent, each as another agency's: alarms find no place."""

    async def believe(_urgency: object, lane: bytes) -> Urgent:
        return Urgent(lane, lane)

    agency = relay.new_agency()
    without(monkeypatch, JUDGE, believe)
    with _send_slowly(relay, _strangers(8 + PLACES)):
        wait_until(lambda: relay.at_work == 8 + PLACES)
        assert _submit(agency, "crisis") == 503


def test_control_where_nobody_gives_way_slow_bodies_keep_honest_senders_out(
    monkeypatch: pytest.MonkeyPatch, relay: InProcessRelay
) -> None:
    agency = relay.new_agency()
    without(monkeypatch, "quietway_server.api.places:Places._displace", lambda _: False)
    with _send_slowly(relay, _strangers(PLACES)):
        assert _stays_out(agency)


def _open_submitting(relay: InProcessRelay, lane: bytes) -> ClientConnection:
    return connect(
        f"ws://127.0.0.1:{relay.port}/v1/submit",
        additional_headers={"Quietway-Lane": encode_base64(lane)},
        compression=None,
        proxy=None,
        close_timeout=0.1,
    )


def _hand_over(relay: InProcessRelay, agency: Agency, kind: str) -> str:
    """Submit one envelope on a socket of its own; give the kind of answer, or the status."""
    try:
        with _open_submitting(relay, agency.capability_for(PARTNER, kind=kind)) as opened:
            opened.send(agency.record().pack())
            return str(json.loads(opened.recv())["frame"])
    except InvalidStatus as refused:
        return str(refused.response.status_code)


@contextlib.contextmanager
def _storm_submitting(relay: InProcessRelay) -> Iterator[list[ClientConnection]]:
    with contextlib.ExitStack() as held:
        storm = [
            held.enter_context(_open_submitting(relay, os.urandom(32))) for _ in range(SOCKETS)
        ]
        time.sleep(1.1)  # the grace that everybody has
        yield storm


def test_a_storm_of_submitting_sockets_displaces_itself(relay: InProcessRelay) -> None:
    agency = relay.new_agency()
    with _storm_submitting(relay) as storm:
        assert _hand_over(relay, agency, "crisis") == "accepted"
        assert _hand_over(relay, agency, "normal") == "accepted"
        with pytest.raises(ConnectionClosed) as ended:
            storm[0].recv(timeout=5)
    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 1013


def test_control_where_nobody_gives_way_idle_sockets_keep_all_others_out(
    monkeypatch: pytest.MonkeyPatch, relay: InProcessRelay
) -> None:
    agency = relay.new_agency()
    without(monkeypatch, "quietway_server.api.submission:_Submitting.give_way", lambda _: False)
    without(monkeypatch, JUDGE, find_nothing_urgent)
    with _storm_submitting(relay):
        assert _hand_over(relay, agency, "crisis") == "503"
        assert _hand_over(relay, agency, "normal") == "503"


def _storm_connections(relay: InProcessRelay) -> int:
    """Open far more connections than there may be; tell how many the relay keeps."""
    with contextlib.ExitStack() as held:
        guests = [
            held.enter_context(socket.create_connection(("127.0.0.1", relay.port)))
            for _ in range(200)
        ]
        counts = [relay.connections]

        def stands() -> bool:
            counts.append(relay.connections)
            return len(counts) > 10 and len(set(counts[-10:])) == 1

        wait_until(stands)
        assert len(guests) == 200
        return counts[-1]


def test_a_storm_of_connections_displaces_itself(relay: InProcessRelay) -> None:
    agency = relay.new_agency()
    assert _storm_connections(relay) <= 64
    assert _submit(agency) == 201


def test_control_without_the_lobby_every_connection_of_a_storm_is_kept(
    monkeypatch: pytest.MonkeyPatch, relay: InProcessRelay
) -> None:
    without(monkeypatch, "quietway_server.lobby:Lobby.enter", lambda *_, **__: None)
    assert _storm_connections(relay) == 200


def _fill(agency: Agency, partner: bytes) -> int:
    """Send through one lane until it is refused; tell how many came in."""
    for came in itertools.count():
        answer = agency.submit(agency.capability_for(partner), agency.record())
        if answer.status_code != 201:
            assert problem_code(answer) == "mailbox_full"
            assert int(answer.headers["retry-after"]) > 0
            return came
    raise AssertionError


def _agency_of_two(relay: InProcessRelay) -> tuple[Agency, bytes]:
    agency, other = relay.new_agency(), os.urandom(16)
    assert agency.publish_lanes([PARTNER, other], version=2).status_code == 204
    return agency, other


def test_one_sender_fills_half_of_a_mailbox_and_alarms_come_in_behind_a_full_one(
    relay: InProcessRelay,
) -> None:
    agency, other = _agency_of_two(relay)
    assert _fill(agency, PARTNER) == 5
    assert _submit(agency, partner=other) == 201
    for _ in range(2):
        assert _submit(agency, partner=other) == 201
    assert _fill(agency, other) == 0
    for _ in range(4):
        assert _submit(agency, "crisis") == 201


def test_control_where_a_mailbox_is_for_whoever_comes_first_one_sender_fills_it(
    monkeypatch: pytest.MonkeyPatch, relay: InProcessRelay
) -> None:
    def check_first_come(quota: Quota, waiting: int, *, used: int, kind: str, index: int) -> None:
        del used, kind
        if waiting >= quota.mailbox_envelopes:
            raise RefusedError("mailbox_full", index=index, retry_after=1)

    agency, other = _agency_of_two(relay)
    without(monkeypatch, "quietway_server.core.quota:Quota.check_mailbox", check_first_come)
    assert _fill(agency, PARTNER) == 10
    assert _submit(agency, partner=other) == 429
    assert _submit(agency, "crisis") == 429


HOSTILE: Final = 50
HONEST_TRIES: Final = 6
ENOUGH: Final = 100 if IS_ALONE else 3
ALARMS: Final = 100 if IS_ALONE else 6
HONEST: Final = 0.99 if IS_ALONE else 0.3
"""Which part of the honest get through: of three, on a machine that others use, at least one."""
RESIDENT_MIB: Final = 320.0
CRISIS_SECONDS: Final = 2.0
_HEAD: Final = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: "


async def _send_honestly(sender: Sender, sent: list[bool], enough: asyncio.Event) -> None:
    """Send for ever as a client does: who is told to come back, comes back."""
    while True:
        came = False
        for _ in range(HONEST_TRIES):
            if await sender.send() == 201:
                came = True
                break
            await asyncio.sleep(1.0)
        sent.append(came)
        if len(sent) >= ENOUGH:
            enough.set()
        await asyncio.sleep(0.1)


async def test_fifty_hostile_clients_keep_no_alarm_out_and_lose_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    limits = {
        "max_requests": "16",
        "submit_sockets": "16",
        "max_connections": "256",
        "lane_envelopes": "4000",
        "mailbox_envelopes": "4000",
    }
    hostile, honest, alarms = Tally(), Tally(), Tally()
    sent: list[bool] = []
    enough = asyncio.Event()
    relay = RelayProcess(tmp_path, options=limits)
    with relay:
        victim, friend, alarmed = (join(relay.url, make_code(relay), 800 + n) for n in range(3))
        at = relay.port
        loud = [
            Sender(at, victim, victim.capability_for(PARTNER), hostile, keeps=n % 2 == 0)
            for n in range(HOSTILE // 2)
        ] + [Sender(at, victim, os.urandom(32), hostile) for _ in range(HOSTILE // 4)]
        slow_body = write_head(
            "POST",
            "/v1/envelopes",
            {
                "Host": f"127.0.0.1:{at}",
                "Content-Type": ENVELOPES,
                "Quietway-Lane": encode_base64(os.urandom(32)),
                "Content-Length": "1000000",
            },
        )
        upgrade = {
            "Host": f"127.0.0.1:{at}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": encode_base64(bytes(16)) + "==",
        }

        def open_submitting() -> bytes:
            lane = {"Quietway-Lane": encode_base64(os.urandom(32))}
            return write_head("GET", "/v1/submit", {**upgrade, **lane})

        guests = [Guests(at) for _ in range(4)]
        kind = Sender(at, friend, friend.capability_for(PARTNER), honest)
        async with meanwhile(
            *(sender.flood() for sender in loud),
            guests[0].storm(lambda: b"GET / HT", at_most=80),
            guests[1].storm(lambda: slow_body + b"x" * 60_000, at_most=60),
            guests[2].storm(open_submitting, at_most=40),
            guests[3].storm(lambda: _HEAD + b"y" * 30_000, at_most=20),
            _send_honestly(kind, sent, enough),
        ):
            await asyncio.sleep(1.0)
            await raise_alarms(at, alarmed, alarms, times=ALARMS)
            await enough.wait()
            memory = resident_mib(relay.pid)
        for each in guests:
            each.leave()
        relay.stop()
    figures = (
        f"alarms {dict(alarms.answers)}, p99 {rank(alarms.seconds, 0.99):.2f} s; honest"
        f" {sum(sent)} of {len(sent)}, tries {dict(honest.answers)}; hostile"
        f" {dict(hostile.answers)}; {memory:.0f} MiB"
    )
    record_property("figures", figures)
    assert set(alarms.answers) == {201}, figures
    assert sum(sent) >= HONEST * len(sent), figures
    assert memory <= RESIDENT_MIB, figures
    assert hostile.without_retry == 0, figures
    accepted = hostile.accepted | honest.accepted | alarms.accepted
    assert count_lost(relay.database, accepted) == 0, figures
    if IS_ALONE:
        assert rank(alarms.seconds, 0.99) <= CRISIS_SECONDS, figures
