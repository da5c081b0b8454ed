"""Whatever leaves this device is read before it is sealed, and what is refused leaves nothing."""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, WHOLE_REFERRAL
from tests.client_sdk.consent.worlds import CASE, release
from tests.client_sdk.own.linked import link, settle
from tests.controls import without

from quietway import GuardFailed, LocationFound, QuietwayError
from quietway.engine.inputs import Compose
from quietway.errors import ContentRefused
from quietway.guard.rules import list_detectors
from quietway.guarding.gate import list_kinds_with_text
from quietway_schemas.content.contact import AfterHours, ContactSlot
from quietway_schemas.content.message import MessageText
from quietway_schemas.content.registry import encode_content, find_class
from quietway_schemas.ids import ConversationId

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient

VIN: Final = "1M8GDM9AXKP042788"
BLOCKED: Final = f"It is the car with VIN {VIN}."
HELD: Final = "She left in a car, plate 7ABC123."
SECRET: Final = "A bed is free."
INSPECT: Final = "quietway.guarding.asking:inspect"


def find_nothing(*_: object, **__: object) -> tuple[()]:
    return ()


async def say_text(client: AsyncClient, text: str) -> object:
    return await client.messages.send(text, to="MERCY")


async def refer(client: AsyncClient, text: str) -> object:
    return await client.referrals.send("MERCY", **{**WHOLE_REFERRAL, "purpose_text": text})


async def refer_by_contact(client: AsyncClient, text: str) -> object:
    return await client.referrals.send("MERCY", **{**WHOLE_REFERRAL, "contact": text})


async def ask(client: AsyncClient, text: str) -> object:
    return await client.contacts.ask("MERCY", "referral_process", text)


async def report_problem(client: AsyncClient, text: str) -> object:
    return await client.contacts.report_problem("other", text)


async def log_call(client: AsyncClient, text: str) -> object:
    return await client.contacts.log_call(
        "MERCY", "secure_message", "status_update", "information_exchanged", note=text
    )


async def publish(client: AsyncClient, text: str) -> object:
    slots = [
        ContactSlot(slot="primary", name=text, role="shelter_staff", phone="extension 4"),
        ContactSlot(slot="backup", name="B. Diaz", role="shelter_staff", phone="extension 5"),
    ]
    return await client.contacts.publish(slots, AfterHours(method="on_call_phone", text="Ring."))


async def publish_profile(client: AsyncClient, text: str) -> object:
    return await client.contacts.publish_profile(
        time_zone="America/New_York", country="US", eligibility=text
    )


async def prefer(client: AsyncClient, text: str) -> object:
    return await client.consent.preferences(CASE, "MERCY", safe_hours=text)


SAYINGS: Final = (
    ask,
    log_call,
    prefer,
    publish,
    publish_profile,
    refer,
    refer_by_contact,
    report_problem,
    say_text,
)


@pytest.fixture
async def shelter(agencies: Agencies) -> AsyncClient:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    await release(shelter, categories=["contact"])
    return shelter


@pytest.mark.requirement("A26")
@pytest.mark.parametrize("say", SAYINGS)
async def test_whatever_is_said_in_words_is_refused_before_anything_is_written(
    say: Callable[[AsyncClient, str], Awaitable[object]],
    shelter: AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A26: the guard reads each text field; the control shows that nothing else refuses it."""
    before = await shelter.outbox()
    with pytest.raises(LocationFound) as refused:
        await say(shelter, BLOCKED)
    assert await shelter.outbox() == before
    assert refused.value.needs == "other_words"
    assert {held.rule for held in refused.value.findings} == {"vehicle.vin"}
    # Control: with a guard that finds nothing it goes out.
    without(monkeypatch, INSPECT, find_nothing)
    await say(shelter, BLOCKED)
    assert len(await shelter.outbox()) == len(before) + 1


@pytest.mark.requirement("A18")
async def test_a_refusal_teaches_and_repeats_nothing(shelter: AsyncClient) -> None:
    """A18: it says what it is, why, and what to write instead, in English and in Spanish."""
    with pytest.raises(LocationFound) as refused:
        await shelter.messages.send(HELD, to="MERCY")
    (finding,) = refused.value.findings
    assert finding.explain() in str(refused.value)
    assert "7ABC123" not in f"{refused.value!s} {refused.value!r} {finding!r}"
    assert (finding.field, finding.rule, finding.action) == ("text", "vehicle.plate", "hold")
    assert "7ABC123" in HELD[finding.start : finding.end]
    assert finding.explain("es") == await shelter.guard.explain("vehicle.plate", "es")
    assert len(refused.value.digest) == 32


async def test_where_the_guard_breaks_nothing_is_sent_and_nothing_shown(
    shelter: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelter.guard.lists.deny("Harbor House", "shelter")
    before = await shelter.outbox()
    for what in ("rules.vehicle:find", "reading:join_apart", "denied:DeniedIndex.find"):
        with breaking(monkeypatch, what), pytest.raises(GuardFailed) as refused:
            await shelter.messages.send(SECRET, to="MERCY")
        assert isinstance(refused.value, QuietwayError)
        assert SECRET not in "".join(traceback.format_exception(refused.value))
        # Control: without the shield what breaks shows the text.
        with breaking(monkeypatch, what) as broken:
            without(broken, "quietway.guard.inspecting:shield", lambda _, work: work())
            with pytest.raises(ValueError, match=SECRET):
                await shelter.messages.send(SECRET, to="MERCY")
    assert await shelter.outbox() == before
    # Control: unbroken it goes.
    await shelter.messages.send(SECRET, to="MERCY")


@contextmanager
def breaking(monkeypatch: pytest.MonkeyPatch, what: str) -> Iterator[pytest.MonkeyPatch]:
    """Let a part of the guard break, and say the text as it does."""

    def fail(*_: object) -> None:
        raise ValueError(SECRET)

    with monkeypatch.context() as broken:
        without(broken, f"quietway.guard.{what}", fail)
        list_detectors.cache_clear()
        yield broken
    list_detectors.cache_clear()


async def test_colleagues_are_told_nothing_that_a_partner_may_not_be(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said goes to the agency's own devices too, so a refusal keeps it from both."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    await settle(hospital, shelter, tablet)
    with pytest.raises(LocationFound):
        await shelter.messages.send(BLOCKED, to="MERCY")
    await settle(shelter, tablet, hospital)
    assert await tablet.inbox() == await hospital.inbox() == []
    without(monkeypatch, INSPECT, find_nothing)
    await shelter.messages.send(BLOCKED, to="MERCY")
    await settle(shelter, tablet, hospital)
    assert len(await tablet.inbox()) == len(await hospital.inbox()) == 1


async def test_nothing_unread_comes_into_the_outbox(
    shelter: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes a new way of saying something, and forgets to ask, is refused at the door."""
    agent, content = shelter._agent, MessageText(text="Come at once.")

    def compose() -> Compose:
        return Compose(
            now=agent.clock.now(),
            local_id=agent.entropy.draw(16),
            conversation=ConversationId(bytes(16)),
            to=tuple(agent.lanes.partners),
            kind=content.type,
            class_=find_class(content),
            content=encode_content(content),
        )

    before = await shelter.outbox()
    with pytest.raises(ContentRefused):
        await agent.settle(compose())
    assert await shelter.outbox() == before
    without(monkeypatch, "quietway.settling:check_read", find_nothing)
    await agent.settle(compose())
    assert len(await shelter.outbox()) == len(before) + 1


def test_the_types_with_texts_are_known() -> None:
    assert list_kinds_with_text() == {
        "aar",
        "aar.item",
        "action.item",
        "attachment.file",
        "clarification.request",
        "consent.preferences",
        "contact.log",
        "decision.log",
        "directory.contact",
        "directory.profile",
        "event.note",
        "huddle.message",
        "huddle.summary",
        "message.text",
        "referral.packet",
        "system_problem",
    }


@pytest.mark.requirement("A46")
async def test_on_an_insecure_channel_every_finding_blocks(shelter: AsyncClient) -> None:
    """A46: no locations and no routines in public channels."""
    (secure,) = await shelter.guard.inspect(HELD)
    (insecure,) = await shelter.guard.inspect(HELD, channel="insecure")
    assert (secure.action, insecure.action) == ("hold", "block")


@pytest.mark.requirement("A46")
async def test_a_note_of_contact_by_an_insecure_way_has_no_override(
    shelter: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A46: what was said where others listen is judged as if it stood there."""

    async def log(interaction_type: str, deviation: str | None) -> str | None:
        with pytest.raises(LocationFound) as refused:
            await shelter.contacts.log_call(
                "MERCY",
                interaction_type,
                "status_update",
                "information_exchanged",
                deviation=deviation,
                note=HELD,
            )
        return refused.value.needs

    assert await log("secure_message", None) == "reason"
    assert await log("phone", None) == "other_words"
    # Control: without the channel's class a reason would do.
    without(monkeypatch, "quietway.guarding.asking:find_channel", lambda _: "secure")
    assert await log("phone", None) == "reason"


async def test_what_warns_goes_and_its_writer_is_told(shelter: AsyncClient) -> None:
    sent = await shelter.messages.send("She is at school until noon.", to="MERCY")
    assert [(held.field, held.rule, held.action) for held in sent.found] == [
        ("text", "place.generic", "warn")
    ]
    assert (await shelter.messages.send("A bed is free.", to="MERCY")).found == ()


async def test_the_telephone_of_an_office_passes_where_it_stands_for_one(
    shelter: AsyncClient,
) -> None:
    assert await shelter.guard.inspect("617-555-0134", field="professional_contact") == ()
    with pytest.raises(LocationFound):
        await shelter.messages.send("Call her at 617-555-0134.", to="MERCY")
    await refer_by_contact(shelter, "617-555-0134")


async def test_the_rules_are_listed_and_explained(shelter: AsyncClient) -> None:
    rules = {rule.id: rule for rule in await shelter.guard.list_rules()}
    assert rules["vehicle.vin"].action == "block"
    assert "vehicle" in await shelter.guard.explain("vehicle.vin")
    # What a refusal names can be looked up, the agency's own names too.
    assert rules["place.denied"].action == "block"
    assert await shelter.guard.explain("place.denied", "es") != ""
    with pytest.raises(Exception, match="list_rules"):
        await shelter.guard.explain("vehicle.boat")
