"""Who is who changes: a partner's root, a device of one's own agency. Both are told, neither slips.

The directory is one of signed cards, fingerprints are compared by people, and what changes about an
identity afterwards is an alarm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, Agencies
from tests.client_sdk.devices import make_device
from tests.client_sdk.keyring.test_trust import Thief
from tests.controls import without
from tests.logged_pages import serve_logged
from tests.second_device import add_device

from quietway.errors import IdentityChanged
from quietway.events import Event, OwnDevicesChanged
from quietway.keyring import proof
from quietway.testing.entropy import SeededEntropy
from quietway_protocol.manifests import read_manifest

if TYPE_CHECKING:
    from quietway.client import AsyncClient
    from quietway.errors import QuietwayError
    from quietway_protocol.manifests import ProvedManifest
    from quietway_schemas.directory import SignedObject


async def _show_another_root(agencies: Agencies) -> tuple[AsyncClient, tuple[QuietwayError, ...]]:
    """The relay shows a manifest of a partner that is sound in itself, under a root of its own."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.partners.verify("MERCY", hospital.fingerprint_words)
    thief = Thief(make_device(SeededEntropy(66), "MERCY"), hospital.agency_id)
    serve_logged(agencies.relay.books, hospital.agency_id, thief.manifest_now())
    return shelter, (await shelter.sync()).problems


@pytest.mark.requirement("A32")
async def test_a_partner_that_shows_another_root_is_a_hard_stop(agencies: Agencies) -> None:
    """A32: a directory of signed key cards, fingerprints compared, an alarm when a key changes."""
    shelter, problems = await _show_another_root(agencies)
    assert [type(problem) for problem in problems] == [IdentityChanged]
    (partner,) = await shelter.partners.list()
    assert partner.verified_at is not None
    with pytest.raises(IdentityChanged, match="MERCY"):
        await shelter.messages.send("To whom?", to="MERCY")
    assert agencies.relay.envelopes_held() == ()
    # Also after a restart, until a person has compared what they read out.
    await shelter.aclose()
    again = await agencies.reopen(SHELTER)
    with pytest.raises(IdentityChanged):
        await again.messages.send("To whom?", to="MERCY")
    await again.partners.verify("MERCY", partner.words)
    assert (await again.messages.send("To you.", to="MERCY")).problem is None


async def test_control_without_the_pinned_root_the_relays_own_devices_are_the_partners(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove = proof.prove_manifest

    def by_itself(
        signed: SignedObject, *, root_key: bytes, held: ProvedManifest | None
    ) -> ProvedManifest:
        del root_key, held
        return prove(signed, root_key=read_manifest(signed).root_key, held=None)

    without(monkeypatch, "quietway.keyring.trust:prove_manifest", by_itself)
    shelter, problems = await _show_another_root(agencies)
    assert problems == ()
    (partner,) = await shelter.partners.list()
    (device,) = shelter._agent.directory.devices_of(partner.agency_id)
    hospital = agencies.relay.books._manifests[partner.agency_id]
    assert device.identity_key not in {held.identity_key for held in hospital.manifest.certificates}


async def _certify_another_device(agencies: Agencies) -> tuple[AsyncClient, list[Event]]:
    shelter = await agencies.found(SHELTER)
    told: list[Event] = []
    shelter._agent.listeners.append(told.append)
    await add_device(
        shelter._agent,
        connect=agencies.relay.connect,
        clock=agencies.clock,
        entropy=SeededEntropy(77),
    )
    await shelter.sync()
    return shelter, [event for event in told if isinstance(event, OwnDevicesChanged)]


async def test_a_device_of_ones_own_agency_is_told_of_until_a_person_has_seen_it(
    agencies: Agencies,
) -> None:
    shelter, told = await _certify_another_device(agencies)
    (event,) = told
    assert (len(event.added), event.departed) == (1, ())
    await shelter.aclose()
    again = await agencies.reopen(SHELTER)
    assert await again.devices.changes() == [event]
    await again.devices.acknowledge(event)
    assert await again.devices.changes() == []


async def test_control_without_comparing_devices_a_new_one_slips_in(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.keyring.trust:compare_devices", lambda *_: None)
    shelter, told = await _certify_another_device(agencies)
    assert told == []
    assert await shelter.devices.changes() == []
    assert len(shelter._agent.directory.devices_of(shelter.agency_id)) == 2
