"""Agencies agree on a dictionary: drafted by one, approved by each, taken by all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, WHOLE_REFERRAL
from tests.controls import without

from quietway import (
    ContentRefused,
    DictionaryRefused,
    OpsKeyMissing,
    UnknownPartner,
    WrongPassphrase,
)
from quietway.testing.sandbox import PASSPHRASE
from quietway_schemas.dictionary import ApprovedDictionary
from quietway_schemas.instants import DAY, SECOND

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient


async def draft(client: AsyncClient, *agencies: str, changes: str = "First.", **more: str) -> bytes:
    return await client.dictionary.draft("county", agencies=agencies, changes=[changes], **more)


async def refused(client: AsyncClient, raw: bytes) -> tuple[str, str]:
    with pytest.raises(DictionaryRefused) as found:
        await client.dictionary.verify(raw)
    return found.value.reason, found.value.agency


@pytest.mark.requirement("C37")
async def test_a_dictionary_is_taken_once_every_named_agency_has_approved(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C37: a jointly maintained data dictionary, approved by named agencies, under a version."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    raw = await draft(shelter, "MERCY")
    assert await refused(hospital, raw) in {
        ("approval_missing", "HARBOR"),
        ("approval_missing", "MERCY"),
    }
    half = await shelter.dictionary.approve(raw, passphrase=PASSPHRASE)
    assert await refused(hospital, half) == ("approval_missing", "MERCY")
    shown = await hospital.dictionary.show(half)
    assert {held.agency_code: held.reason for held in shown.agreements} == {
        "HARBOR": "",
        "MERCY": "approval_missing",
    }
    whole = await hospital.dictionary.approve(half, passphrase=PASSPHRASE)
    for client in (shelter, hospital):
        report = await client.dictionary.verify(whole)
        assert (report.version, report.is_agreed, report.held) == ("0.2.0", True, "0.2.0")
        assert (report.changes, report.differing) == (("First.",), ())
    # Control: without the proof, what nobody approved is taken.
    without(
        monkeypatch,
        "quietway_protocol.approvals:_judge",
        lambda *_: "",
    )
    assert (await hospital.dictionary.verify(raw)).version == "0.2.0"


async def test_a_later_release_names_the_one_before_and_an_older_one_is_refused(
    agencies: Agencies,
) -> None:
    (shelter,) = await agencies.found_partners(SHELTER)
    first = await shelter.dictionary.approve(await draft(shelter), passphrase=PASSPHRASE)
    await shelter.dictionary.verify(first)
    second = ApprovedDictionary.read(await draft(shelter, changes="More.", version="0.2.1"))
    assert second.release.previous is not None
    assert second.release.previous.version == "0.2.0"
    other = await shelter.dictionary.approve(await draft_again(shelter), passphrase=PASSPHRASE)
    assert await refused(shelter, other) == ("two_of_one_version", "")
    assert (await shelter.dictionary.verify(first)).held == "0.2.0"


async def draft_again(client: AsyncClient) -> bytes:
    raw = ApprovedDictionary.read(await draft(client, changes="Another.", version="0.2.1"))
    changed = raw.release.model_copy(update={"version": "0.2.0", "previous": None})
    return ApprovedDictionary(payload=changed.to_canonical(), approvals=()).to_canonical()


async def test_who_holds_other_files_or_no_ops_key_or_the_wrong_passphrase_approves_nothing(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    raw = await draft(shelter, "MERCY")
    with pytest.raises(WrongPassphrase):
        await shelter.dictionary.approve(raw, passphrase="not the passphrase at all")
    later = await draft(shelter, "MERCY", version="0.3.0")
    with pytest.raises(DictionaryRefused, match="differs"):
        await shelter.dictionary.approve(later, passphrase=PASSPHRASE)
    held = ApprovedDictionary.read(raw)
    listed = held.release.code_lists
    changed = held.release.model_copy(
        update={"code_lists": (listed[0].model_copy(update={"hash": bytes(32)}), *listed[1:])}
    )
    odd = ApprovedDictionary(payload=changed.to_canonical(), approvals=()).to_canonical()
    assert (await hospital.dictionary.show(odd)).differing == (f"code_lists/{listed[0].name}",)
    with pytest.raises(DictionaryRefused, match="differs"):
        await shelter.dictionary.approve(odd, passphrase=PASSPHRASE)
    with pytest.raises(DictionaryRefused, match="agency_not_named"):
        await hospital.dictionary.approve(await draft(shelter), passphrase=PASSPHRASE)
    with pytest.raises(DictionaryRefused, match="not_read"):
        await shelter.dictionary.show(b"{}")
    for _ in range(14):
        agencies.clock.advance(29 * DAY // SECOND)
        await shelter.sync()
    with pytest.raises(OpsKeyMissing):
        await shelter.dictionary.approve(raw, passphrase=PASSPHRASE)


async def test_a_draft_names_partners_and_says_what_is_new(agencies: Agencies) -> None:
    (shelter,) = await agencies.found_partners(SHELTER)
    with pytest.raises(UnknownPartner):
        await draft(shelter, "NOBODY")
    with pytest.raises(ContentRefused):
        await draft(shelter, changes="")


PETS = b"""{"codes": [{"list": "service_type", "code": "pet_friendly_safehouse",
    "label": "Safe house that takes pets", "maps_to": "safehouse"}]}"""


@pytest.mark.requirement("C36")
async def test_an_agencys_own_codes_are_kept_and_only_the_shared_one_is_said(
    agencies: Agencies,
) -> None:
    """C36: internal subcodes allowed; each maps to a shared code."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    assert (await shelter.dictionary.subcodes()).codes == ()
    taken = await shelter.dictionary.take_subcodes(PETS)
    held = await shelter.dictionary.subcodes()
    assert held == taken
    said = held.resolve("service_type", "pet_friendly_safehouse")
    fields = {**WHOLE_REFERRAL, "service_type": said}
    await shelter.referrals.send("MERCY", **fields)
    await hospital.sync()
    (referral,) = await hospital.referrals.list()
    assert referral.packet.service_type == "safehouse"
    assert b"pet_friendly" not in referral.packet.to_canonical()


@pytest.mark.parametrize("raw", [b"pets", b"[]", PETS.replace(b'"safehouse"', b'"yurt"')])
async def test_own_codes_that_map_to_nothing_shared_are_refused_and_replace_none(
    agencies: Agencies, raw: bytes
) -> None:
    (shelter,) = await agencies.found_partners(SHELTER)
    await shelter.dictionary.take_subcodes(PETS)
    with pytest.raises(ContentRefused):
        await shelter.dictionary.take_subcodes(raw)
    assert len((await shelter.dictionary.subcodes()).codes) == 1
