"""What is on its way, where its release is made narrower or its agreement ends early."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.client_sdk.client.test_agreements import agree
from tests.client_sdk.consent.worlds import CASE, NAMED, list_kinds, release
from tests.client_sdk.own.linked import settle
from tests.controls import without

from quietway.policy.absolute import Stance
from quietway.policy.releases import Release, WindowVersion
from quietway.testing.sandbox import PASSPHRASE
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

NARROW = {"data_categories": ["services", "status"]}


async def _amend_what_waits(agencies: Agencies, *, sealed: bool, **changed: Any) -> list[str]:
    """Amend the release of a referral that nobody fetched; what the hospital then gets."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    given = await release(shelter)
    assert given.consent_id is not None
    agencies.relay.offline = not sealed
    await shelter.referrals.send("MERCY", **NAMED)
    await shelter.consent.amend(CASE, "MERCY", given.consent_id, **changed)
    agencies.relay.offline = False
    agencies.clock.advance(3 * DAY // 1_000)
    await settle(shelter, hospital)
    return await list_kinds(hospital)


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.requirement("A35")
async def test_an_amendment_takes_back_what_it_does_not_cover_any_more(
    agencies: Agencies,
    sealed: bool,
) -> None:
    """A35: a changed release counts at once, also for what waits and what nobody fetched."""
    assert await _amend_what_waits(agencies, sealed=sealed, **NARROW) == []


async def test_what_an_amendment_still_covers_arrives(agencies: Agencies) -> None:
    wider = {"data_categories": ["identity", "narrative", "services"]}
    assert await _amend_what_waits(agencies, sealed=True, **wider) == ["referral.packet"]


@pytest.mark.parametrize("sealed", [True, False])
async def test_control_without_asking_again_it_arrives(
    agencies: Agencies,
    monkeypatch: pytest.MonkeyPatch,
    sealed: bool,
) -> None:
    without(monkeypatch, "quietway.consent.changing:find_fallen", _find_nothing)
    assert await _amend_what_waits(agencies, sealed=sealed, **NARROW) == ["referral.packet"]


async def _find_nothing(*_: object) -> tuple[set[bytes], list[object]]:
    return set(), []


async def _wait_beyond_an_earlier_end(agencies: Agencies) -> list[str]:
    """Amend a release to end tomorrow, while the relay is away for three days."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    given = await release(shelter)
    assert given.consent_id is not None
    agencies.relay.offline = True
    await shelter.referrals.send("MERCY", **NAMED)
    end = agencies.clock.now() + DAY
    await shelter.consent.amend(CASE, "MERCY", given.consent_id, expires=end)
    agencies.clock.advance(3 * DAY // 1_000)
    agencies.relay.offline = False
    await settle(shelter, hospital)
    return await list_kinds(hospital)


async def test_what_waits_keeps_to_an_earlier_end(agencies: Agencies) -> None:
    assert await _wait_beyond_an_earlier_end(agencies) == []


async def test_control_with_the_former_end_it_goes_out(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.said_until:SaidUntil.shorten", lambda *_: [])
    assert await _wait_beyond_an_earlier_end(agencies) == ["referral.packet"]


async def _end_the_agreement(agencies: Agencies, *, ours: bool) -> list[str]:
    """End an agreement under which something lies unfetched; what the hospital then gets."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    drafted = await agree(shelter, hospital)
    agencies.clock.advance(DAY // 1_000)
    await settle(shelter, hospital)
    if ours:
        await shelter.messages.send("Under the agreement.", to="MERCY")
        await shelter.agreements.end(drafted.agreement, passphrase=PASSPHRASE)
    else:
        await hospital.agreements.end(drafted.agreement, passphrase=PASSPHRASE)
        agencies.relay.offline = True
        await shelter.messages.send("Under the agreement.", to="MERCY")
        agencies.relay.offline = False
    await settle(shelter, hospital)
    return [kind for kind in await list_kinds(hospital) if not kind.startswith("agreement.")]


@pytest.mark.parametrize("ours", [True, False])
async def test_an_agreement_that_ends_early_takes_back_what_stands_on_it(
    agencies: Agencies,
    ours: bool,
) -> None:
    assert await _end_the_agreement(agencies, ours=ours) == []


async def test_control_without_asking_again_it_arrives_under_what_has_ended(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.agent:ask_again", _find_nothing)
    assert await _end_the_agreement(agencies, ours=True) == ["message.text"]


def _granting(**changed: Any) -> Release:
    terms: dict[str, Any] = {
        "consent_id": b"c" * 16,
        "stance": Stance.GRANTED,
        "scopes": frozenset({"health", "legal"}),
        "categories": frozenset({"services", "status"}),
        "purposes": frozenset({"service_referral"}),
        "circumstances": None,
        "opens": 10,
        "until": 20,
    }
    return Release(**{**terms, **changed})


_WINDOW = WindowVersion(
    name=b"w" * 32,
    supersedes=frozenset(),
    stance=Stance.GRANTED,
    added=frozenset({"identity"}),
    opens=12,
    until=14,
)


@pytest.mark.parametrize(
    ("changed", "grants_all"),
    [
        ({}, True),
        ({"until": 30, "opens": 5}, True),
        ({"categories": frozenset({"services", "status", "identity"})}, True),
        ({"windows": (_WINDOW,)}, True),
        ({"scopes": frozenset({"health"})}, False),
        ({"categories": frozenset({"status"})}, False),
        ({"purposes": frozenset()}, False),
        ({"circumstances": frozenset({"crisis"})}, False),
        ({"opens": 11}, False),
        ({"until": 19}, False),
    ],
)
def test_which_release_is_narrower(
    changed: dict[str, Any],
    grants_all: bool,
) -> None:
    assert _granting(**changed).grants_all_of(_granting()) is grants_all
    if changed == {"windows": (_WINDOW,)}:
        assert not _granting().grants_all_of(_granting(**changed))
