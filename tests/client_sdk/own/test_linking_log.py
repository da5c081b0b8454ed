"""A new device begins with the log that its agency has verified, and with no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import SHELTER
from tests.client_sdk.own.linked import NewDevice, link, propose
from tests.controls import without

from quietway import AnotherLog, LinkRefused, LogRolledBack
from quietway.linking import DeviceOffer, derive_words
from quietway.testing.relay_log import RelayLog
from quietway.testing.sandbox import PASSPHRASE
from quietway_protocol.checkpoints import pack_checkpoint

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

OTHER = RelayLog(b"the seed of another relay's log.")


def swap(offer: DeviceOffer, log: RelayLog) -> DeviceOffer:
    """Make an offer that shows another log."""
    packed = pack_checkpoint(log.log_key, log.checkpoint().note)
    return DeviceOffer(offer.told.model_copy(update={"log": packed}))


async def test_a_linked_device_relies_on_the_log_of_its_agency(agencies: Agencies) -> None:
    shelter = await agencies.found(SHELTER)
    tablet = await link(agencies, shelter, "tablet")
    ours, theirs = await shelter.log.standing(), await tablet.log.standing()
    assert (ours.words, ours.size, ours.root) == (theirs.words, theirs.size, theirs.root)
    assert await tablet.log.alarms() == []


async def test_an_offer_of_another_log_approves_nothing_and_joins_nothing(
    agencies: Agencies,
) -> None:
    shelter = await agencies.found(SHELTER)
    phone = NewDevice(agencies, "phone")
    request, offered = await propose(phone, shelter)
    swapped = swap(offered.offer, OTHER)
    with pytest.raises(LinkRefused, match="log_key"):
        await shelter.devices.confirm(request, swapped, passphrase=PASSPHRASE)
    await shelter.devices.confirm(request, offered.offer, passphrase=PASSPHRASE)
    with pytest.raises(AnotherLog):
        await phone.join(swapped, derive_words(request, swapped))
    assert (await phone.join(offered.offer, offered.words)).agency_id == shelter.agency_id


async def _join_behind(agencies: Agencies) -> None:
    """The relay shows a new device the log as it was before the offer's checkpoint."""
    shelter = await agencies.found(SHELTER)
    phone = NewDevice(agencies, "phone")
    request, offered = await propose(phone, shelter)
    await shelter.devices.confirm(request, offered.offer, passphrase=PASSPHRASE)
    log = agencies.relay.books.log
    ahead = log.fork()
    ahead.append_manifest(shelter.agency_id, bytes(32))
    offer = swap(offered.offer, ahead)
    await phone.join(offer, derive_words(request, offer))


async def test_a_relay_that_shows_a_new_device_less_than_its_agency_saw_is_refused(
    agencies: Agencies,
) -> None:
    with pytest.raises(LogRolledBack):
        await _join_behind(agencies)


async def test_control_without_consistency_it_would_begin_in_the_past(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.witnessing.view:check_continues", lambda *_: None)
    await _join_behind(agencies)
