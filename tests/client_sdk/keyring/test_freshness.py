"""How long a manifest is believed, and how a device stands with its agency."""

from __future__ import annotations

import pytest
from tests.controls import without
from tests.gallery.parties import NOW
from tests.gallery.vouching import House, batch, pinned, rows_of, serve

from quietway.errors import DirectoryRefused
from quietway.keyring.trust import Directory
from quietway_schemas.directory import DEPARTED_KEPT_MS, Departed
from quietway_schemas.instants import DAY, HOUR

HOUSE = House("harbor")
DESK, PHONE, TABLET = (HOUSE.device(name) for name in ("desk", "phone", "tablet"))
FIRST = HOUSE.manifest(DESK, PHONE)
WEEK = 7 * DAY


def _left(how: str, *, at: int = NOW) -> Departed:
    return Departed.model_validate(
        {"device_id": PHONE.device, "identity_key": PHONE.identity_key, "at": at, "how": how}
    )


def _directory(*devices: object, later: int = 0) -> Directory:
    """Know a manifest, and batches of these devices that much later."""
    directory = pinned(HOUSE)
    batches = [batch(device, FIRST, now=NOW + later) for device in devices]  # type: ignore[arg-type]  # devices of the fixture
    assert serve(directory, HOUSE.agency, FIRST, *batches) == ()
    return directory


def test_a_manifest_is_fresh_for_a_week_from_its_issue_without_any_batch() -> None:
    directory = _directory()
    assert directory.is_fresh(HOUSE.agency, NOW + WEEK - 1)
    assert not directory.is_fresh(HOUSE.agency, NOW + WEEK)
    assert directory.hindrance(HOUSE.agency, NOW + WEEK - 1) == ""
    assert directory.hindrance(HOUSE.agency, NOW + WEEK) == "stale_directory"


@pytest.mark.parametrize(("devices", "fresh"), [((DESK,), False), ((DESK, PHONE), True)])
def test_after_that_two_of_its_devices_must_have_spoken_for_it(
    devices: tuple[object, ...], fresh: bool
) -> None:
    directory = _directory(*devices, later=5 * DAY)
    assert directory.is_fresh(HOUSE.agency, NOW + 12 * DAY - 1) is fresh
    assert not directory.is_fresh(HOUSE.agency, NOW + 12 * DAY)


def test_the_only_device_of_an_agency_is_enough() -> None:
    alone = HOUSE.manifest(DESK)
    directory = pinned(HOUSE)
    serve(directory, HOUSE.agency, alone, batch(DESK, alone, now=NOW + 5 * DAY))
    assert directory.is_fresh(HOUSE.agency, NOW + 12 * DAY - 1)


def test_a_batch_that_names_a_former_version_vouches_for_nothing() -> None:
    """The relay withholds the next manifest's batches, or its devices never saw it."""
    directory = _directory(DESK, PHONE, later=HOUR)
    second = HOUSE.manifest(DESK, PHONE, after=FIRST)
    late = [batch(device, FIRST, now=NOW + 6 * DAY) for device in (DESK, PHONE)]
    serve(directory, HOUSE.agency, second, *late)
    assert directory.manifest_version(HOUSE.agency) == 2
    assert not directory.is_fresh(HOUSE.agency, NOW + 8 * DAY)


def test_an_unknown_agency_is_not_fresh_and_nothing_stands_in_its_way_but_that() -> None:
    directory = Directory()
    assert not directory.is_fresh(HOUSE.agency, NOW)
    assert directory.hindrance(HOUSE.agency, NOW) == ""


def test_a_device_is_shown_with_what_its_agency_says_of_it() -> None:
    directory = _directory(DESK, later=HOUR)
    desk, phone = (directory.device(HOUSE.agency, held.device) for held in (DESK, PHONE))
    assert desk is not None
    assert phone is not None
    assert (desk.agency_owned, desk.certified_at, desk.last_seen) == (True, NOW, NOW + HOUR)
    assert phone.last_seen == 0


@pytest.mark.parametrize("how", ["retired", "revoked"])
def test_how_a_device_stands_is_remembered_for_good(how: str) -> None:
    directory = _directory()
    assert directory.standing(HOUSE.agency, PHONE.device).name == "current"
    second = HOUSE.manifest(DESK, after=FIRST, departed=[_left(how)])
    assert serve(directory, HOUSE.agency, second) == ()
    third = HOUSE.manifest(DESK, after=second, now=NOW + DEPARTED_KEPT_MS)
    assert serve(directory, HOUSE.agency, third) == ()
    for known in (directory, Directory.restore(rows_of(directory))):
        standing = known.standing(HOUSE.agency, PHONE.device)
        assert (standing.name, standing.at) == (how, NOW)
        assert known.standing(HOUSE.agency, TABLET.device).name == "unknown"
        assert known.device(HOUSE.agency, PHONE.device) is None


def test_a_signer_that_left_is_judged_by_when_and_how() -> None:
    directory = _directory()
    second = HOUSE.manifest(DESK, after=FIRST, departed=[_left("retired")])
    serve(directory, HOUSE.agency, second)
    signer = directory.signer(HOUSE.agency, PHONE.device)
    assert signer is not None
    assert (signer.trusted_until, signer.program) == (NOW + 2 * HOUR, "HARBOR-DESK")
    third = HOUSE.manifest(DESK, after=second, departed=[_left("revoked", at=NOW + 1)], now=NOW + 1)
    serve(directory, HOUSE.agency, third)
    signer = directory.signer(HOUSE.agency, PHONE.device)
    assert signer is not None
    assert signer.trusted_until == 0
    assert signer.identity_key == PHONE.identity_key


def test_a_reader_that_never_saw_a_device_judges_it_by_what_the_manifest_says() -> None:
    directory = pinned(HOUSE)
    second = HOUSE.manifest(DESK, after=FIRST, departed=[_left("revoked")])
    assert serve(directory, HOUSE.agency, second) == ()
    signer = directory.signer(HOUSE.agency, PHONE.device)
    assert signer is not None
    assert (signer.suites, signer.program, signer.trusted_until) == ((1, 2), "", 0)


def test_who_is_silently_gone_after_a_long_absence_counts_as_revoked() -> None:
    directory = _directory()
    second = HOUSE.manifest(DESK, after=FIRST, departed=[_left("retired")])
    third = HOUSE.manifest(DESK, after=second, now=NOW + DEPARTED_KEPT_MS)
    assert serve(directory, HOUSE.agency, third) == ()
    assert directory.standing(HOUSE.agency, PHONE.device).name == "revoked"


def _bring_back(monkeypatch: pytest.MonkeyPatch | None = None) -> tuple[list[str], Directory]:
    """An agency forgets a departure, as it may, and later certifies the device once more."""
    directory = _directory()
    second = HOUSE.manifest(DESK, after=FIRST, departed=[_left("revoked")])
    third = HOUSE.manifest(DESK, after=second, now=NOW + DEPARTED_KEPT_MS)
    anew = HOUSE.certify(PHONE, issued=NOW + DEPARTED_KEPT_MS)
    back = HOUSE.manifest(DESK, anew, after=third, now=NOW + DEPARTED_KEPT_MS)
    if monkeypatch is not None:
        without(monkeypatch, "quietway.keyring.trust:Directory._check_nobody_is_back", _anybody)
    refused = [
        held.reason
        for signed in (second, third, back)
        for held in serve(directory, HOUSE.agency, signed)
        if isinstance(held, DirectoryRefused)
    ]
    return refused, directory


def _anybody(*_: object) -> None:
    return


def test_a_device_that_left_never_returns_not_even_with_approvals() -> None:
    refused, directory = _bring_back()
    assert refused == ["rolled_back"]
    assert directory.device(HOUSE.agency, PHONE.device) is None
    assert directory.manifest_version(HOUSE.agency) == 3


def test_neither_does_its_key_under_another_name() -> None:
    directory = _directory()
    second = HOUSE.manifest(DESK, after=FIRST, departed=[_left("revoked")])
    third = HOUSE.manifest(DESK, after=second, now=NOW + DEPARTED_KEPT_MS)
    renamed = HOUSE.certify(TABLET, identity_key=PHONE.identity_key)
    fourth = HOUSE.manifest(DESK, renamed, after=third, now=NOW + DEPARTED_KEPT_MS)
    serve(directory, HOUSE.agency, second)
    serve(directory, HOUSE.agency, third)
    (refused,) = serve(directory, HOUSE.agency, fourth)
    assert isinstance(refused, DirectoryRefused)
    assert refused.reason == "rolled_back"


def test_control_a_reader_without_memory_takes_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    refused, directory = _bring_back(monkeypatch)
    assert refused == []
    assert directory.device(HOUSE.agency, PHONE.device) is not None


def test_an_expired_manifest_is_still_the_newest_that_was_seen() -> None:
    """Or an old one could be served to whoever was away for 90 days."""
    directory = pinned(HOUSE)
    second = HOUSE.manifest(DESK, PHONE, after=FIRST, now=NOW + 1)
    late = NOW + 91 * DAY
    (refused,) = serve(directory, HOUSE.agency, second, now=late)
    assert isinstance(refused, DirectoryRefused)
    assert refused.reason == "expired"
    assert directory.devices_of(HOUSE.agency) == ()
    assert directory.manifest_version(HOUSE.agency) == 2
    (refused,) = serve(directory, HOUSE.agency, FIRST, now=late)
    assert isinstance(refused, DirectoryRefused)
    assert refused.reason == "rolled_back"
