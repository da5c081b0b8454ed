"""Forwarding to a receiver that is away, full or gone: in order, and nothing lost in silence."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.client_sdk.forwarding.receiver import SECRET, UNAVAILABLE, Receiver
from tests.controls import without

from quietway import ContentRefused, SentStored, read_webhook
from quietway.forwarding import MOST_WAITING, Forwarding
from quietway.testing import FakeClock, Sandbox
from quietway.testing.entropy import SeededEntropy
from quietway.transport.webhook import LocalWebhook

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.client_sdk.agencies import Agencies

    from quietway import WebhookEvent

PATIENCE_SECONDS = 20


def read_told(receiver: Receiver, clock: FakeClock) -> list[WebhookEvent]:
    return [
        read_webhook(SECRET, held.body, held.signature, now=clock.now())
        for held in list(receiver.deliveries)
    ]


async def until(is_so: Callable[[], bool], clock: FakeClock | None = None) -> None:
    """Wait until something is so; where a clock is given, let its sleepers sleep no longer."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < end, "It did not come to that."
        if clock is not None:
            clock.advance(1)
        await asyncio.sleep(0.01)


async def test_a_message_is_told_without_its_words_and_found_by_its_id(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    with Receiver() as receiver:
        async with hospital.forward_events(receiver.url, secret=SECRET):
            await shelter.messages.send("The bed by six.", to="MERCY")
            await until(
                lambda: "received" in [told.event for told in read_told(receiver, agencies.clock)]
            )
            told = read_told(receiver, agencies.clock)
            (message,) = await hospital.inbox()
    assert told[0].event == "started"
    received = next(held for held in told if held.event == "received")
    assert received.ids["message_id"] == str(message.message_id)
    assert [held.number for held in told] == list(range(1, len(told) + 1))
    for delivery in receiver.deliveries:
        assert b"bed" not in delivery.body
        assert delivery.headers["content-type"] == "application/json"


async def test_a_receiver_that_was_away_gets_all_in_order_once_it_is_back() -> None:
    clock = FakeClock()
    with Receiver() as first:
        pass
    webhook = LocalWebhook(first.url, SECRET)
    forwarding = Forwarding(webhook, clock, SeededEntropy(1))
    for number in range(5):
        forwarding.take(SentStored(bytes([number]) * 16, clock.now()))
    delivering = asyncio.create_task(forwarding.deliver())
    await until(lambda: clock.sleepers > 0)
    with Receiver(port=first.port, refuse_first=2) as back:
        await until(lambda: len(back.deliveries) >= 8, clock)
    delivering.cancel()
    await webhook.aclose()
    numbers = [told.number for told in read_told(back, clock)]
    assert numbers == [1, 1, 1, 2, 3, 4, 5, 6]


async def test_what_has_no_room_becomes_one_missed_in_its_place() -> None:
    clock = FakeClock()
    with Receiver() as receiver:
        webhook = LocalWebhook(receiver.url, SECRET)
        forwarding = Forwarding(webhook, clock, SeededEntropy(1))
        for _ in range(MOST_WAITING + 50):
            forwarding.take(SentStored(bytes(16), clock.now()))
        delivering = asyncio.create_task(forwarding.deliver())
        await until(lambda: len(receiver.deliveries) == MOST_WAITING + 1)
        forwarding.take(SentStored(bytes(16), clock.now()))
        await until(lambda: len(receiver.deliveries) == MOST_WAITING + 2)
        delivering.cancel()
        await webhook.aclose()
    told = read_told(receiver, clock)
    assert [held.event for held in told[-3:]] == ["sent_stored", "missed", "sent_stored"]
    assert [held.event for held in told].count("missed") == 1
    assert [held.number for held in told] == list(range(1, len(told) + 1))


async def test_control_who_does_not_insist_loses_what_the_receiver_did_not_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def send_once(self: Forwarding, body: bytes) -> None:
        await self._webhook.post(body, self._clock.now())

    without(monkeypatch, "quietway.forwarding:Forwarding._insist", send_once)
    clock = FakeClock()
    with Receiver(refuse_first=1) as receiver:
        webhook = LocalWebhook(receiver.url, SECRET)
        forwarding = Forwarding(webhook, clock, SeededEntropy(1))
        forwarding.take(SentStored(bytes(16), clock.now()))
        delivering = asyncio.create_task(forwarding.deliver())
        await until(lambda: len(receiver.deliveries) == 2)
        delivering.cancel()
        await webhook.aclose()
    # The first was refused, and the second followed it: the first is lost.
    assert [told.number for told in read_told(receiver, clock)] == [1, 2]


async def test_the_client_does_not_wait_for_a_receiver_that_takes_nothing(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    with Receiver(answers=UNAVAILABLE) as receiver:
        async with hospital.forward_events(receiver.url, secret=SECRET):
            await until(lambda: bool(receiver.deliveries))
            await shelter.messages.send("The bed by six.", to="MERCY")
            await hospital.sync()
            assert len(await hospital.inbox()) == 1
    assert {told.event for told in read_told(receiver, agencies.clock)} == {"started"}


async def test_a_short_secret_is_refused_before_anything_is_sent(agencies: Agencies) -> None:
    (shelter,) = await agencies.found_partners(SHELTER)
    with Receiver() as receiver, pytest.raises(ContentRefused, match="32 characters"):
        async with shelter.forward_events(receiver.url, secret="short"):
            raise AssertionError
    assert receiver.deliveries == []


def test_the_blocking_client_forwards_in_the_background_and_closes_after_it() -> None:
    with Sandbox(seed=4) as sandbox, Receiver() as receiver:
        shelter, hospital = sandbox.agency(SHELTER), sandbox.agency(HOSPITAL)
        with hospital.forward_events(receiver.url, secret=SECRET):
            shelter.messages.send("The bed by six.", to="MERCY")
            end = time.monotonic() + PATIENCE_SECONDS
            while not any(told.event == "received" for told in read_told(receiver, sandbox.clock)):
                assert time.monotonic() < end
                time.sleep(0.01)
        count = len(receiver.deliveries)
        shelter.messages.send("Another one.", to="MERCY")
        hospital.sync()
        assert len(receiver.deliveries) == count
