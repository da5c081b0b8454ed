"""An agency's lists: a data steward's word lets a phrase pass, on every device of the agency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.client_sdk.own.linked import link, settle
from tests.controls import without

from quietway import AsyncClient, DeadLettered, LocationFound
from quietway.engine.codec import Fields, write_row
from quietway.errors import ContentRefused, NotFound, StewardNeeded
from quietway.own import guard_entries as module
from quietway.own.guard_entries import GUARD_ENTRY, STEWARD, make_entry, name_phrase
from quietway.own.telling import tell_own
from quietway.testing.sandbox import PASSPHRASE
from quietway_schemas.content.agency import AgencyShared, SharedRow

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import Event
    from quietway.agent import Agent
    from quietway.own.guard_entries import Entry

OFFICE: Final = "200 Main Street, Suite 4"
SAID: Final = f"Our own office is {OFFICE}; the door code is new."
SHELTER_NAME: Final = "Juniper Ridge House"
NAMED: Final = "She is at juniper ridge house tonight."
STAFF: Final = "shelter_staff"


async def appoint(client: AsyncClient, *roles: str) -> None:
    await client.devices.set_roles(client.device_id, roles, passphrase=PASSPHRASE)


async def open_office(agencies: Agencies) -> tuple[AsyncClient, AsyncClient]:
    """Open an agency of two devices, the first of which is a data steward's."""
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    await appoint(shelter, STEWARD, STAFF)
    await settle(shelter, tablet)
    return shelter, tablet


async def find_rules(client: AsyncClient, text: str) -> list[str]:
    return [finding.rule for finding in await client.guard.inspect(text)]


async def tell(client: AsyncClient, entry: Entry) -> None:
    """Tell colleagues of an entry as a program would that asks nobody."""
    put = entry.to_put()
    row = SharedRow(kind=GUARD_ENTRY, key=put.key, value=put.value, at=client._agent.clock.now())
    await tell_own(client._agent, AgencyShared(rows=(row,)))


def listen(client: AsyncClient) -> list[Event]:
    told: list[Event] = []
    client._agent.listeners.append(told.append)
    return told


@pytest.mark.requirement("A26")
async def test_what_a_steward_allows_passes_on_every_device_and_nothing_more(
    agencies: Agencies,
) -> None:
    """A26: an agency's own address may be said; any other is refused as before."""
    shelter, tablet = await open_office(agencies)
    hospital = await agencies.found(HOSPITAL)
    assert await find_rules(tablet, SAID) == ["street.numbered"]
    held = await shelter.guard.lists.allow(OFFICE, "office")
    assert (held.kind, held.version, held.counts) == ("office", 1, True)
    await settle(tablet, shelter, hospital)
    for client in (shelter, tablet):
        assert await find_rules(client, SAID) == []
        assert await find_rules(client, SAID.replace("200", "417")) == ["street.numbered"]
        assert [one.phrase for one in await client.guard.lists.list("allowed")] == [OFFICE]
    assert await find_rules(hospital, SAID) == ["street.numbered"]
    await tablet.aclose()
    again = await agencies.reopen("tablet")
    assert await find_rules(again, SAID) == []


@pytest.mark.requirement("A26")
async def test_a_denied_name_is_refused_on_every_device_and_never_leaves_them(
    agencies: Agencies,
) -> None:
    """A26: names of places where somebody may be are not said."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    await settle(shelter, tablet, hospital)
    await tablet.guard.lists.deny(SHELTER_NAME, "shelter")
    await settle(shelter, hospital)
    for client in (shelter, tablet):
        assert await find_rules(client, NAMED) == ["place.denied"]
    with pytest.raises(LocationFound) as refused:
        await shelter.messages.send(NAMED, to="MERCY")
    assert "juniper" not in str(refused.value).casefold()
    assert await find_rules(hospital, NAMED) == []
    assert "uniper" not in repr(tablet._agent.guarding.lists) + repr(
        list(tablet._agent.guarding.entries.values())
    )
    # Everybody adds a name; to see them all, and to take one out, takes a data steward.
    with pytest.raises(StewardNeeded):
        await tablet.guard.lists.list("denied")
    with pytest.raises(StewardNeeded):
        await tablet.guard.lists.remove("denied", SHELTER_NAME)
    await appoint(shelter, STEWARD, STAFF)
    await settle(shelter, tablet)
    await shelter.guard.lists.remove("denied", SHELTER_NAME.upper())
    await settle(tablet)
    for client in (shelter, tablet):
        assert await find_rules(client, NAMED) == []
        rows = await client._agent.store.scan(GUARD_ENTRY)
        payloads = [Fields(row.value).raw("payload") for row in rows]
        assert len(payloads) == 1
        assert b"uniper" not in payloads[0]


async def test_without_the_role_nothing_is_allowed_whoever_tells_it(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its control: where signers are not looked at, one entry opens the guard."""
    shelter, tablet = await open_office(agencies)
    with pytest.raises(StewardNeeded):
        await tablet.guard.lists.allow(OFFICE, "office")
    key = name_phrase("allowed", OFFICE)
    entry = make_entry(tablet._agent, "allowed", key, "office", OFFICE, sign=True)
    told = listen(shelter)
    await tell(tablet, entry)
    await shelter.sync()
    assert [one.reason for one in told if isinstance(one, DeadLettered)] == ["bad_content"]
    assert await find_rules(shelter, SAID) == ["street.numbered"]
    without(monkeypatch, "quietway.own.guard_entries:is_signed", lambda *_: True)
    await tell(tablet, entry)
    await shelter.sync()
    assert await find_rules(shelter, SAID) == []


async def test_no_device_denies_a_name_for_good(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its control: of the last version that there is nobody takes a name out again."""
    shelter, tablet = await open_office(agencies)
    key = name_phrase("denied", SHELTER_NAME)
    payload = write_row(
        agency=str(tablet.agency_id),
        list="denied",
        key=key,
        kind="other",
        phrase=SHELTER_NAME,
        version=1_000_000_000,
        device=str(tablet.device_id),
    )
    raw = write_row(payload=payload, signature=bytes(64))
    last = module.read_entry(tablet._agent, key, raw)
    await tell(tablet, last)
    await shelter.sync()
    assert await find_rules(shelter, NAMED) == []
    with monkeypatch.context() as off:
        without(off, "quietway.own.guard_entries:needs_steward", lambda _: False)
        await tell(tablet, last)
        await shelter.sync()
    assert await find_rules(shelter, NAMED) == ["place.denied"]
    with pytest.raises(ValueError, match="no list"):
        await shelter.guard.lists.remove("denied", SHELTER_NAME)


async def test_an_entry_whose_signature_was_edited_changes_nothing(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its control: without the signature's judgement the other address is allowed."""
    shelter, tablet = await open_office(agencies)
    held = await shelter.guard.lists.allow(OFFICE, "office")
    await settle(tablet)
    (entry,) = shelter._agent.guarding.entries.values()
    other = OFFICE.replace("200", "417")
    key = name_phrase("allowed", other)
    edited = Fields(entry.payload)
    payload = write_row(
        agency=edited.text("agency"),
        list="allowed",
        key=key,
        kind=held.kind,
        phrase=other,
        version=1,
        device=edited.text("device"),
    )
    forged = write_row(payload=payload, signature=entry.signature)
    row = SharedRow(kind=GUARD_ENTRY, key=key, value=forged, at=shelter._agent.clock.now())
    await tell_own(shelter._agent, AgencyShared(rows=(row,)))
    await tablet.sync()
    assert await find_rules(tablet, SAID.replace("200", "417")) == ["street.numbered"]
    without(monkeypatch, "quietway.own.guard_entries:verify", lambda *_: None)
    await tell_own(shelter._agent, AgencyShared(rows=(row,)))
    await tablet.sync()
    assert await find_rules(tablet, SAID.replace("200", "417")) == []


async def test_what_was_allowed_ends_with_the_stewards_role(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its control: judged only when it came, the word of a former steward would stay."""
    shelter, tablet = await open_office(agencies)
    await shelter.guard.lists.allow(OFFICE, "office")
    await tablet.guard.lists.deny(SHELTER_NAME, "shelter")
    await settle(tablet, shelter)
    await appoint(shelter, STAFF)
    await settle(shelter, tablet)
    for client in (shelter, tablet):
        assert await find_rules(client, SAID) == ["street.numbered"]
        assert await find_rules(client, NAMED) == ["place.denied"]
        assert [one.counts for one in await client.guard.lists.list("allowed")] == [False]
    without(monkeypatch, "quietway.own.guard_entries:is_signed", lambda *_: True)
    await tablet.sync()
    assert await find_rules(tablet, SAID) == []


async def test_two_devices_that_changed_one_phrase_come_to_hold_the_same(
    agencies: Agencies,
) -> None:
    shelter, tablet = await open_office(agencies)
    await shelter.devices.set_roles(tablet.device_id, [STEWARD, STAFF], passphrase=PASSPHRASE)
    await settle(shelter, tablet)
    await shelter.guard.lists.allow(OFFICE, "office")
    await settle(tablet)
    agencies.relay.offline = True
    await shelter.guard.lists.allow(OFFICE.upper(), "court")
    await tablet.guard.lists.remove("allowed", OFFICE)
    await tablet.guard.lists.deny(SHELTER_NAME, "shelter")
    await shelter.guard.lists.deny("Cedar Mill Academy", "school")
    agencies.relay.offline = False
    await settle(shelter, tablet, shelter, tablet)
    first, second = shelter._agent.guarding, tablet._agent.guarding
    assert first.entries == second.entries
    assert first.lists == second.lists
    # Of two writings of one version the more protective stands: it was taken out.
    assert await find_rules(shelter, SAID) == ["street.numbered"]
    assert [one.kind for one in await tablet.guard.lists.list("denied")] == ["school", "shelter"]


async def test_a_new_device_hears_of_the_lists(agencies: Agencies) -> None:
    shelter, _ = await open_office(agencies)
    await shelter.guard.lists.allow(OFFICE, "office")
    await shelter.guard.lists.deny(SHELTER_NAME, "shelter")
    phone = await link(agencies, shelter, "phone")
    await settle(shelter, phone)
    assert await find_rules(phone, f"{SAID} {NAMED}") == ["place.denied"]


@pytest.mark.requirement("A26")
async def test_a_new_device_hears_of_denied_names_beside_what_a_former_steward_allowed(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A26: an entry that counts no more keeps out no name that is never said."""
    shelter, _ = await open_office(agencies)
    await shelter.guard.lists.allow(OFFICE, "office")
    await shelter.guard.lists.deny(SHELTER_NAME, "shelter")
    await appoint(shelter, STAFF)
    phone = await link(agencies, shelter, "phone")
    await settle(shelter, phone)
    assert await find_rules(phone, NAMED) == ["place.denied"]
    assert await find_rules(phone, SAID) == ["street.numbered"]
    # Control: judged all together, as one message, none comes in.
    judge = module._judge

    def judge_all(agent: Agent, row: SharedRow) -> Entry:
        held = [entry.to_put() for entry in shelter._agent.guarding.entries.values()]
        for put in held:
            judge(agent, row.model_copy(update={"key": put.key, "value": put.value}))
        return judge(agent, row)

    without(monkeypatch, "quietway.own.guard_entries:_judge", judge_all)
    tablet = await link(agencies, shelter, "second phone")
    await settle(shelter, tablet)
    assert await find_rules(tablet, NAMED) == []


UNFIT: Final = (
    ("The desk opens at nine", "office", "may be said as it is"),
    ("VIN 1M8GDM9AXKP042788", "office", "private to one person"),
    (OFFICE, "acp_address", "no substitute address"),
    (OFFICE, "shelter", "none of"),
    (f"{OFFICE}\n12 Elm St", "office", "one line"),
    ("x" * 121, "office", "one line"),
    ("", "office", "one line"),
)


async def test_what_cannot_be_allowed_is_refused_in_words(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    await appoint(shelter, STEWARD, STAFF)
    await shelter.sync()
    for phrase, kind, words in UNFIT:
        with pytest.raises(ContentRefused, match=words) as refused:
            await shelter.guard.lists.allow(phrase, kind)
        assert not phrase or phrase not in str(refused.value)
    assert await shelter.guard.lists.list("allowed") == []


async def test_a_substitute_address_is_a_kind_of_its_own(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    await appoint(shelter, STEWARD, STAFF)
    await shelter.sync()
    box = "PO Box 4021, Olympia, WA 98507"
    said = f"Write to {box}."
    assert await find_rules(shelter, said) != []
    await shelter.guard.lists.allow(box, "acp_address")
    assert await find_rules(shelter, said) == []
    numbered = f"{box}. Her Safe at Home participant number is 12345."
    assert "acp.participant" in await find_rules(shelter, numbered)


async def test_lists_have_an_end(agencies: Agencies, monkeypatch: pytest.MonkeyPatch) -> None:
    shelter = await agencies.found(SHELTER)
    monkeypatch.setitem(module.MOST_ENTRIES, "denied", 2)
    for name in ("Cedar Mill Academy", "Juniper Ridge House"):
        await shelter.guard.lists.deny(name, "other")
    with pytest.raises(ContentRefused, match="holds 2"):
        await shelter.guard.lists.deny("Hollow Creek Dairy", "employer")
    for word in ("the", "a b", "12"):
        with pytest.raises(ContentRefused, match="no name"):
            await shelter.guard.lists.deny(word, "other")
    await appoint(shelter, STEWARD, STAFF)
    await shelter.sync()
    with pytest.raises(NotFound):
        await shelter.guard.lists.remove("denied", "Hollow Creek Dairy")
