from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.server.agency import PARTNER, Agency, now_ms, problem_code
from websockets.exceptions import ConnectionClosed

from quietway_crypto.encoding import TAG_EPOCH_BATCH, TAG_MANIFEST
from quietway_crypto.signing import SigningKey
from quietway_schemas.directory import DirectoryPage, SignedObject
from quietway_schemas.ids import DeviceId, MailboxId
from quietway_schemas.instants import DAY, HOUR, WEEK, iso_week

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.relay_process import RelayProcess


def _read_all(agency: Agency) -> list[tuple[str, str, int]]:
    entries, after, more = [], 0, True
    while more:
        answer = agency.get(f"/v1/directory?after={after}")
        assert answer.status_code == 200, answer.text
        page = DirectoryPage.from_canonical(answer.content, max_bytes=2**24)
        entries += [(entry.kind, str(entry.agency_id), entry.seq) for entry in page.entries]
        after, more = page.next, page.more
    return entries


def test_the_directory_shows_the_newest_of_each_kind_in_the_order_of_change(
    new_agency: Callable[[], Agency],
) -> None:
    first, second = new_agency(), new_agency()
    assert first.publish_manifest().status_code == 204
    mine = [entry for entry in _read_all(second) if entry[1] == str(first.agency_id)]
    assert [kind for kind, _, _ in mine] == ["epochs", "manifest"]
    seqs = [seq for _, _, seq in _read_all(second)]
    assert seqs == sorted(set(seqs))


def test_an_enrolment_code_is_good_once(relay: RelayProcess, codes: Callable[[], str]) -> None:
    code = codes()
    first, second = Agency(relay.url, 10_001), Agency(relay.url, 10_002)
    assert problem_code(first.publish_manifest()) == "not_authenticated"
    assert problem_code(first.publish_manifest(code="a" * 26)) == "not_authenticated"
    assert first.publish_manifest(code=code).status_code == 204
    assert problem_code(second.publish_manifest(code=code)) == "not_authenticated"


def test_the_same_manifest_again_is_answered_like_the_first_time(
    relay: RelayProcess, codes: Callable[[], str]
) -> None:
    agency, code = Agency(relay.url, 10_003), codes()
    signed = agency.sign_manifest(agency.manifest())
    for _ in range(2):
        answer = agency.put(agency.manifest_path, signed, {"Quietway-Enrolment": code})
        assert answer.status_code == 204


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"version": 3}, "stale_version"),
        ({"prev_hash": b"\x01" * 32}, "stale_version"),
        ({"root_key": SigningKey(b"r" * 32).public}, "refused_signature"),
        ({"issued": 4_000_000_000_000, "expires": 4_000_000_000_000 + DAY}, "clock_skew"),
        ({"issued": 1_000, "expires": 1_000 + DAY}, "invalid_field"),
    ],
    ids=["a version left out", "another past", "another root", "from the future", "expired"],
)
def test_a_manifest_that_does_not_follow_is_refused(
    agency: Agency, changes: dict[str, object], problem: str
) -> None:
    assert problem_code(agency.publish_manifest(**changes)) == problem
    assert agency.publish_manifest().status_code == 204


def test_a_new_root_that_signs_itself_is_refused(agency: Agency) -> None:
    thief = SigningKey(agency.draw(32))
    signed = agency.sign_manifest(agency.manifest(root_key=thief.public), key=thief)
    assert problem_code(agency.put(agency.manifest_path, signed)) == "refused_signature"


def test_a_device_or_mailbox_of_another_agency_cant_be_claimed(
    new_agency: Callable[[], Agency],
) -> None:
    mine, other = new_agency(), new_agency()
    for stolen in ({"device_id": other.device_id}, {"mailbox": other.mailbox}):
        answer = mine.publish_manifest(devices=(mine.certificate(**stolen),))
        assert problem_code(answer) == "invalid_field"


def test_an_agency_code_belongs_to_who_showed_it_first(
    relay: RelayProcess, agency: Agency, codes: Callable[[], str]
) -> None:
    other = Agency(relay.url, 10_004)
    other.code = agency.code
    answer = other.publish_manifest(code=codes())
    assert (problem_code(answer), answer.json()["field"]) == ("invalid_field", "agency_code")


def test_a_small_order_key_is_refused_at_publication(agency: Agency) -> None:
    small = bytes([1]) + bytes(31)
    answer = agency.publish_manifest(devices=(agency.certificate(identity_key=small),))
    assert problem_code(answer) == "refused_signature"


def test_a_manifest_goes_only_under_its_own_agency(new_agency: Callable[[], Agency]) -> None:
    mine, other = new_agency(), new_agency()
    signed = mine.sign_manifest(mine.manifest())
    assert problem_code(mine.put(other.manifest_path, signed)) == "invalid_field"


def test_an_epoch_batch_must_be_newer_and_name_the_current_manifest(agency: Agency) -> None:
    assert problem_code(agency.publish_epochs(issued=now_ms() - HOUR)) == "stale_version"
    wrong = agency.publish_epochs(manifest_hash=b"\x01" * 32)
    assert problem_code(wrong) == "stale_version"
    assert problem_code(agency.publish_epochs(issued=now_ms() + 3 * HOUR)) == "clock_skew"
    assert agency.publish_epochs(issued=now_ms() + HOUR).status_code == 204


def test_an_object_signed_under_another_tag_is_refused(agency: Agency) -> None:
    payload = agency.epochs(issued=now_ms() + HOUR).payload
    for tag in (TAG_MANIFEST, TAG_EPOCH_BATCH):
        signed = SignedObject(payload=payload, signature=agency.identity.sign(tag, payload))
        answer = agency.put(f"/v1/agencies/{agency.agency_id}/epochs", signed)
        assert (answer.status_code == 204) == (tag == TAG_EPOCH_BATCH)


def test_lanes_are_taken_for_one_week_behind_to_three_ahead(agency: Agency) -> None:
    for away, taken in ((-2, False), (-1, True), (3, True), (4, False)):
        week = iso_week(now_ms() + away * WEEK)
        answer = agency.publish_lanes([PARTNER], week=week, version=7)
        assert (answer.status_code == 204) == taken
        if not taken:
            assert answer.json()["field"] == "week"


def test_a_week_of_lanes_only_goes_up(agency: Agency) -> None:
    assert agency.publish_lanes([PARTNER], version=5).status_code == 204
    assert problem_code(agency.publish_lanes([agency.draw(16)], version=5)) == "stale_version"
    assert problem_code(agency.publish_lanes([agency.draw(16)], version=4)) == "stale_version"


def test_a_device_that_left_its_manifest_loses_mailbox_keys_and_socket(agency: Agency) -> None:
    agency.submit(agency.capability_for(PARTNER), agency.record())
    with agency.open_socket() as socket:
        agency.greet(socket)
        socket.recv(timeout=10)
        successor = agency.certificate(
            device_id=DeviceId(agency.draw(16)),
            mailbox=MailboxId(agency.draw(16)),
            identity_key=SigningKey(agency.draw(32)).public,
        )
        assert agency.publish_manifest(devices=(successor,)).status_code == 204
        assert json.loads(socket.recv(timeout=10))["problem"] == "not_found"
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=10)
    assert problem_code(agency.get("/v1/mailbox")) == "not_authenticated"
    gone = agency.submit(agency.capability_for(PARTNER), agency.record())
    assert problem_code(gone) == "not_found"
