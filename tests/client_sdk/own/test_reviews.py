"""The review of permissions, the ops holders, and the root that belongs on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import SHELTER
from tests.client_sdk.own.linked import link, make_holder, settle

from quietway import (
    ContentRefused,
    NotFound,
    OpsKeyMissing,
    RootOffline,
    WordsRefused,
    WrongPassphrase,
)
from quietway.content import DeviceId
from quietway.own.reviews import REVIEW_EVERY_MS
from quietway.testing.sandbox import PASSPHRASE
from quietway_crypto.words import seed_to_words
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies


@pytest.mark.requirement("A12")
async def test_each_line_of_a_review_is_attested_and_falls_due_again(agencies: Agencies) -> None:
    """A12: a permission review: due date, list of grants, attest per line, overdue report."""
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    review = await shelter.agency.review()
    assert {line.device for line in review.lines} == {shelter.device_id, tablet.device_id}
    assert review.overdue == ()
    for _ in range(13):
        agencies.clock.advance(7 * DAY / 1_000)
        await settle(shelter, tablet)
    review = await shelter.agency.review()
    assert len(review.overdue) == 2
    assert review.due <= shelter.now()
    line = await shelter.agency.attest(tablet.device_id)
    assert (line.overdue, line.attested_by) == (False, shelter.device_id)
    assert line.due == shelter.now() + REVIEW_EVERY_MS
    await settle(shelter, tablet)
    await tablet.agency.attest(shelter.device_id)
    await settle(tablet, shelter)
    for client in (shelter, tablet):
        assert (await client.agency.review()).overdue == ()


@pytest.mark.requirement("A12")
async def test_other_roles_are_another_line_and_revoked_ones_are_none(agencies: Agencies) -> None:
    """A12: revoke per line; an attestation is for exactly the permissions that were looked at."""
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    await shelter.agency.attest(tablet.device_id)
    agencies.clock.advance(60)
    await shelter.devices.set_roles(tablet.device_id, ["liaison"], passphrase=PASSPHRASE)
    (line,) = [
        held for held in (await shelter.agency.review()).lines if held.device == tablet.device_id
    ]
    assert (line.roles, line.attested) == (("liaison",), None)
    await shelter.devices.revoke(tablet.device_id)
    (line,) = (await shelter.agency.review()).lines
    assert line.device == shelter.device_id


async def test_nobody_attests_their_own_permissions_where_another_can(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    assert (await shelter.agency.attest(shelter.device_id)).attested == shelter.now()
    await link(agencies, shelter, "tablet")
    with pytest.raises(ContentRefused, match="this one"):
        await shelter.agency.attest(shelter.device_id)
    with pytest.raises(NotFound):
        await shelter.agency.attest(DeviceId(bytes(16)))


async def test_a_second_holder_is_admitted_by_the_root_alone(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    line = await tablet.agency.ask_for_ops_key(passphrase=PASSPHRASE)
    assert await tablet.agency.ask_for_ops_key(passphrase=PASSPHRASE) == line
    assert not (await tablet.agency.standing()).decides_here
    with pytest.raises(RootOffline):
        await tablet.agency.admit_ops_key(line, passphrase=PASSPHRASE)
    with pytest.raises(WrongPassphrase):
        await shelter.agency.admit_ops_key(line, passphrase="another passphrase")
    with pytest.raises(ContentRefused):
        await shelter.agency.admit_ops_key("quietway-ops:AAAA", passphrase=PASSPHRASE)
    assert len(await shelter.agency.ops_keys()) == 1
    standing = await shelter.agency.admit_ops_key(line, passphrase=PASSPHRASE)
    assert (standing.holders, standing.approvals) == (2, 2)
    await settle(shelter, tablet)
    assert (await tablet.agency.standing()).decides_here


async def test_the_root_is_forgotten_here_and_comes_back_as_words(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    words = " ".join((await shelter.agency.recovery_sheet(passphrase=PASSPHRASE)).words)
    with pytest.raises(WordsRefused):
        await shelter.agency.take_root_offline("abandon " * 24, passphrase=PASSPHRASE)
    assert (await shelter.agency.standing()).root_here
    await shelter.agency.take_root_offline(words, passphrase=PASSPHRASE)
    assert not (await shelter.agency.standing()).root_here
    line = await tablet.agency.ask_for_ops_key(passphrase=PASSPHRASE)
    with pytest.raises(RootOffline):
        await shelter.agency.admit_ops_key(line, passphrase=PASSPHRASE)
    other = " ".join(seed_to_words(b"o" * 32))
    with pytest.raises(WordsRefused):
        await shelter.agency.admit_ops_key(line, passphrase=PASSPHRASE, root_words=other)
    await shelter.agency.admit_ops_key(line, passphrase=PASSPHRASE, root_words=words)
    assert (await shelter.agency.standing()).holders == 2
    await shelter.agency.dismiss_ops_key(line, passphrase=PASSPHRASE, root_words=words)
    standing = await shelter.agency.standing()
    assert (standing.holders, standing.approvals) == (1, 1)


async def test_a_device_that_asked_for_a_key_decides_nothing_before_it_is_admitted(
    agencies: Agencies,
) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    await tablet.agency.ask_for_ops_key(passphrase=PASSPHRASE)
    with pytest.raises(OpsKeyMissing):
        await tablet.devices.revoke(shelter.device_id)
    await make_holder(shelter, tablet, approvals=1)
    await tablet.devices.retire(shelter.device_id)
