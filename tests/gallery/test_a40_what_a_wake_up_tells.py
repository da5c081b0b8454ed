"""Rows 40 and 41: a wake-up that says what it is about, or by its form that it is an alarm.

Who sees the lock screen of a shared phone, the provider, and whoever sits between, get every
wake-up. Defences: one constant text, one form and one size for every reason, and a random time
before a routine one. Here a relay with two agencies' worth of traffic sends hundreds of wake-ups,
through webhooks and mail, for alarms and for routine, to providers that keep every byte.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without
from tests.server.providers import MailProvider, Provider
from tests.server.woken import CRISIS, NORMAL, START, Woken

from quietway_schemas.instants import MINUTE, SECOND
from quietway_schemas.wake import WAKE_TEXT
from quietway_server.core import waking
from quietway_server.core.waking import CHANCES, wake_due
from quietway_server.notify.webhook import Webhook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server.providers import Came

TOPIC: Final = "up/3f9c"
ADDRESS: Final = "lead@agency.example"
ROUNDS: Final = 12
KEY: Final = re.compile(r"[A-Za-z0-9_-]{22}")


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as held:
        yield held


def form_of(came: Came) -> tuple[object, ...]:
    """Give everything of a request but the one value that is drawn anew for each wake-up."""
    key = came.header("Idempotency-Key")
    assert KEY.fullmatch(key)
    headers = tuple((name, "" if value == key else value) for name, value in came.headers)
    return came.head, headers, came.body, came.size


def form_of_mail(raw: bytes) -> tuple[object, ...]:
    """Give everything of a mail but its id, its date, and what the test's server adds."""
    kept = [
        line
        for line in raw.splitlines()
        if not line.startswith((b"Date:", b"Message-ID:", b"X-Peer:", b"X-MailFrom:", b"X-RcptTo:"))
    ]
    return len(raw), tuple(kept)


async def wake_often(provider: Provider, mail: MailProvider) -> tuple[int, int]:
    """Send wake-ups for alarms and then for routine, each through both; count those of alarms."""
    woken = Woken([provider], mail)
    try:
        number = 0
        counts = []
        for lane in (CRISIS, NORMAL):
            for _ in range(ROUNDS):
                number += 1
                await woken.leave(provider.url(TOPIC), ADDRESS)
                for _ in range(1 + number % 4):
                    number += 1
                    await woken.send(lane, number)
                due = woken.due()
                assert due is not None
                woken.clock.time = START + due * SECOND
                await woken.pass_seconds(50)
                woken.clock.time = START
                await woken.acknowledge()
            counts.append(len(provider.came))
        return counts[0], len(mail.mails)
    finally:
        woken.close()


@pytest.mark.requirement("A44")
async def test_every_wake_up_has_one_text_one_form_and_one_size(provider: Provider) -> None:
    """A44: an automated alert reaches its responder with minimal detail; the text is constant."""
    with MailProvider() as mail:
        alarms, mails = await wake_often(provider, mail)
        assert (alarms, len(provider.came), mails) == (ROUNDS, 2 * ROUNDS, 2 * ROUNDS)
        assert {came.body for came in provider.came} == {WAKE_TEXT.encode()}
        assert len({form_of(came) for came in provider.came}) == 1
        assert len({form_of_mail(raw) for _, raw in mail.mails}) == 1
        everything = b"".join(raw for _, raw in mail.mails) + b"".join(
            str(came).encode() for came in provider.came
        )
    for told in (b"crisis", b"urgent", b"alarm", b"HARBOR", b"mbx_", b"waiting", b"envelope"):
        assert told not in everything.lower()
    # One wake-up, one key: nothing else tells two of them apart.
    keys = Counter(came.header("Idempotency-Key") for came in provider.came)
    assert set(keys.values()) == {1}


def differ(alarms: Counter[object], routine: Counter[object]) -> float:
    """Give chi-square of two samples over what was seen in them."""
    total_a, total_r = sum(alarms.values()), sum(routine.values())
    found = 0.0
    for seen in {*alarms, *routine}:
        both = alarms[seen] + routine[seen]
        for counted, total in ((alarms[seen], total_a), (routine[seen], total_r)):
            expected = both * total / (total_a + total_r)
            found += (counted - expected) ** 2 / expected
    return found


async def test_by_size_and_headers_an_alarm_is_not_told_from_routine(provider: Provider) -> None:
    with MailProvider() as mail:
        alarms, _ = await wake_often(provider, mail)
    samples = provider.came[:alarms], provider.came[alarms:]
    seen = [Counter((came.size, form_of(came)) for came in sample) for sample in samples]
    # There is one thing to see, so no freedom at all, and nothing to find.
    assert differ(*seen) == 0.0  # type: ignore[arg-type]  # counters of what was seen


async def test_control_a_text_that_depends_on_the_reason_is_found_out(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = Webhook.notify

    async def say_more(self: Webhook, target: str, *, key: bytes, text: str = WAKE_TEXT) -> None:
        woke = f"{text}: urgent" if len(provider.came) < ROUNDS else text
        await sent(self, target, key=key, text=woke)

    without(monkeypatch, "quietway_server.notify.webhook:Webhook.notify", say_more)
    with MailProvider() as mail:
        alarms, _ = await wake_often(provider, mail)
    assert len({form_of(came) for came in provider.came}) == 2
    samples = provider.came[:alarms], provider.came[alarms:]
    seen = [Counter(came.size for came in sample) for sample in samples]
    assert differ(*seen) > 10.83  # type: ignore[arg-type]  # p below 0.001 with one degree of freedom


def test_a_routine_wake_up_comes_at_any_time_within_its_window() -> None:
    """Each tenth of the window has about as many; so a time by itself is no sign."""
    tenths = Counter(
        (wake_due(is_crisis=False, waiting=0, now=0, chance=chance) * 10) // (5 * MINUTE)
        for chance in range(0, CHANCES, CHANCES // 1_000)
    )
    assert set(tenths) <= set(range(10))
    assert all(95 <= tenths[tenth] <= 105 for tenth in range(10))


def test_control_without_a_random_time_a_routine_wake_up_marks_its_envelope(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who sees envelopes arrive and wake-ups leave links the two, unless time lies between."""

    def linked() -> int:
        chances = range(0, CHANCES, CHANCES // 1_000)
        delays = [
            waking.wake_due(is_crisis=False, waiting=0, now=0, chance=chance) for chance in chances
        ]
        return sum(delay < 2 * SECOND for delay in delays)

    assert linked() <= 10  # of a thousand
    without(monkeypatch, "quietway_server.core.waking:wake_due", lambda **given: given["now"])
    assert linked() >= 1_000
