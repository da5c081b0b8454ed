from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.server.agency import CLIENT, PARTNER, Agency, now_ms, problem_code
from tests.server.in_process import InProcessRelay
from websockets.exceptions import ConnectionClosed

from quietway_crypto.encoding import TAG_CERTIFICATE, TAG_EPOCH_BATCH, TAG_MANIFEST
from quietway_crypto.signing import SigningKey
from quietway_protocol.manifests import hash_manifest
from quietway_schemas.directory import (
    MOST_BATCHES,
    Approval,
    CertifiedDevice,
    DirectoryPage,
    EpochBatch,
    EpochKeys,
    SignedObject,
)
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.ids import DeviceId, MailboxId
from quietway_schemas.instants import DAY, HOUR, WEEK, iso_week

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from tests.relay_process import RelayProcess
    from websockets.sync.client import ClientConnection

    from quietway_schemas.directory import Certificate


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
        ({"issued": 4_000_000_000_000, "expires": 4_000_000_000_000 + DAY}, "clock_skew"),
        ({"issued": 1_000, "expires": 1_000 + DAY}, "invalid_field"),
    ],
    ids=["a version left out", "another past", "from the future", "expired"],
)
def test_a_manifest_that_does_not_follow_is_refused(
    agency: Agency, changes: dict[str, object], problem: str
) -> None:
    assert problem_code(agency.publish_manifest(**changes)) == problem
    assert agency.publish_manifest().status_code == 204


def test_a_new_root_that_signs_itself_is_refused(agency: Agency) -> None:
    thief = SigningKey(agency.draw(32))
    signed = agency.sign_manifest(agency.manifest(ops_list=agency.ops_list(root=thief)))
    assert problem_code(agency.put(agency.manifest_path, signed)) == "refused_signature"


def test_a_device_or_mailbox_of_another_agency_cant_be_claimed(
    new_agency: Callable[[], Agency],
) -> None:
    mine, other = new_agency(), new_agency()
    fresh = SigningKey(mine.draw(32)).public
    for stolen in (
        {"device_id": other.device_id, "identity_key": fresh},
        {"mailbox": other.mailbox, "issued": mine.issued + 1},
    ):
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


def _keys(agency: Agency, *ahead: int) -> tuple[EpochKeys, ...]:
    today = EnvelopeClass.FLASH.epoch_of(now_ms())
    return tuple(
        EpochKeys(class_="flash", epoch=today + days, keys={"1": agency.draw(32)}) for days in ahead
    )


def _closing_of(socket: ClientConnection) -> str:
    """Read a socket to its end, and give what the relay said last."""
    said = "{}"
    with contextlib.suppress(ConnectionClosed):
        while True:
            heard = socket.recv(timeout=30)
            said = heard if isinstance(heard, str) else said
    return str(json.loads(said).get("problem"))


def _batches_of(agency: Agency) -> list[EpochBatch]:
    page = DirectoryPage.from_canonical(agency.get("/v1/directory").content, max_bytes=2**24)
    return [
        EpochBatch.from_canonical(entry.object.payload, max_bytes=200_000)
        for entry in page.entries
        if entry.kind == "epochs" and entry.object and entry.agency_id == agency.agency_id
    ]


def test_batches_of_a_device_add_up_until_one_replaces_them(agency: Agency) -> None:
    first, more = _keys(agency, 1), _keys(agency, 2, 3)
    for count, epochs in enumerate((first, more), start=2):
        assert agency.publish_epochs(epochs=epochs, issued=now_ms() + count).status_code == 204
        assert len(_batches_of(agency)) == count
    # The same keys may stand in it again, and it may list nothing; others may not.
    again = agency.publish_epochs(epochs=(*first, *more), issued=now_ms() + 10)
    assert again.status_code == 204
    assert agency.publish_epochs(epochs=(), issued=now_ms() + 20).status_code == 204
    swapped = agency.publish_epochs(epochs=_keys(agency, 2), issued=now_ms() + 30)
    assert (problem_code(swapped), swapped.json()["field"]) == ("invalid_field", "epochs")
    anew = agency.publish_epochs(epochs=_keys(agency, 2), issued=now_ms() + 40, replaces=True)
    assert anew.status_code == 204
    assert [held.replaces for held in _batches_of(agency)] == [True]


def test_a_batch_that_vouches_only_gives_way_to_the_next(agency: Agency) -> None:
    for later in (1, 2, 3):
        assert agency.publish_epochs(epochs=(), issued=now_ms() + later).status_code == 204
    assert [len(held.epochs) for held in _batches_of(agency)] == [1, 0]


def test_a_device_has_so_many_batches_and_no_more(agency: Agency) -> None:
    for days in range(1, MOST_BATCHES):
        later = now_ms() + 1_000 * days
        assert agency.publish_epochs(epochs=_keys(agency, days), issued=later).status_code == 204
    late = now_ms() + HOUR
    refused = agency.publish_epochs(epochs=_keys(agency, 30), issued=late)
    assert (problem_code(refused), refused.json()["field"]) == ("invalid_field", "epochs")
    replaced = agency.publish_epochs(epochs=_keys(agency, 30), issued=late, replaces=True)
    assert replaced.status_code == 204


def test_a_page_is_canonical_whatever_is_in_it(agency: Agency) -> None:
    raw = agency.get("/v1/directory").content
    page = DirectoryPage.from_canonical(raw, max_bytes=2**24)
    assert {entry.kind for entry in page.entries} >= {"manifest", "epochs"}


def test_an_agency_that_was_removed_is_gone_for_all_and_its_sockets_end(
    relay: RelayProcess, new_agency: Callable[[], Agency], codes: Callable[[], str]
) -> None:
    gone, other = new_agency(), new_agency()
    assert gone.submit(gone.capability_for(PARTNER), gone.record()).status_code == 201
    with gone.open_socket() as socket:
        gone.greet(socket)
        command = [sys.executable, "-m", "quietway_server", "remove", gone.code]
        options = ["--database", str(relay.database)]
        wrong = subprocess.run(
            [*command, *options], input="YES\n", text=True, capture_output=True, check=False
        )
        assert (wrong.returncode, "Nothing was removed" in wrong.stderr) == (2, True)
        done = subprocess.run(
            [*command, *options], input=f"{gone.code}\n", text=True, capture_output=True, check=True
        )
        assert str(gone.agency_id) in done.stdout
        assert _closing_of(socket) == "not_found"
    assert problem_code(gone.post("/v1/mailbox/hello", gone.hello(now=bytes(16)))) == (
        "not_authenticated"
    )
    assert problem_code(other.submit(gone.capability_for(PARTNER), gone.record())) == "not_found"
    # Its devices learn of it where everybody does, and nobody takes its place.
    for reader in (gone, other):
        mine = [entry[0] for entry in _read_all(reader) if entry[1] == str(gone.agency_id)]
        assert mine == ["removed"]
    assert problem_code(gone.publish_manifest(code=codes())) == "invalid_field"
    namesake = Agency(relay.url, 10_077)
    namesake.code = gone.code
    assert problem_code(namesake.publish_manifest(code=codes())) == "invalid_field"
    namesake = Agency(relay.url, 10_078)
    stolen = namesake.certificate(device_id=gone.device_id)
    answer = namesake.publish_manifest(code=codes(), devices=(stolen,))
    assert (problem_code(answer), answer.json()["field"]) == ("invalid_field", "devices")


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


def test_a_device_that_leaves_must_be_named_as_departed(agency: Agency) -> None:
    successor = agency.certificate(
        device_id=DeviceId(agency.draw(16)),
        mailbox=MailboxId(agency.draw(16)),
        identity_key=SigningKey(agency.draw(32)).public,
    )
    answer = agency.publish_manifest(devices=(successor,), departed=())
    assert (problem_code(answer), answer.json()["field"]) == ("invalid_field", "departed")
    assert agency.get("/v1/mailbox").status_code == 200
    assert agency.publish_manifest(devices=(successor,)).status_code == 204


def test_a_device_that_left_does_not_come_back(agency: Agency) -> None:
    first = agency.certificate()
    successor = agency.certificate(
        device_id=DeviceId(agency.draw(16)),
        mailbox=MailboxId(agency.draw(16)),
        identity_key=SigningKey(agency.draw(32)).public,
    )
    assert agency.publish_manifest(devices=(successor,)).status_code == 204
    answer = agency.publish_manifest(devices=tuple(_both(successor, first)), departed=())
    assert problem_code(answer) == "stale_version"


def _both(one: Certificate, other: Certificate) -> list[Certificate]:
    return sorted((one, other), key=lambda device: device.device_id)


def test_a_certificate_without_its_approvals_is_refused(agency: Agency) -> None:
    stranger = SigningKey(agency.draw(32))
    payload = agency.certificate().to_canonical()
    approval = Approval(key=stranger.public, signature=stranger.sign(TAG_CERTIFICATE, payload))
    device = CertifiedDevice(certificate=payload, approvals=(approval,))
    manifest = agency.manifest().model_copy(update={"devices": (device,)})
    answer = agency.put(agency.manifest_path, agency.sign_manifest(manifest))
    assert (problem_code(answer), answer.json()["field"]) == ("refused_signature", "approvals")


def test_a_manifest_signed_by_a_key_of_no_list_is_refused(agency: Agency) -> None:
    stranger = SigningKey(agency.draw(32))
    manifest = agency.manifest(signed_by=stranger.public)
    answer = agency.put(agency.manifest_path, agency.sign_manifest(manifest, key=stranger))
    assert (problem_code(answer), answer.json()["field"]) == ("refused_signature", "signed_by")


def _ask_as_root(agency: Agency, path: str, key: SigningKey, who: object) -> httpx.Response:
    headers = agency.signature("GET", path, key=key, key_id=f"root:{who}")
    return CLIENT.get(agency.url + path, headers=headers)


def test_a_root_key_reads_the_directory_and_nothing_else(
    new_agency: Callable[[], Agency],
) -> None:
    agency, other = new_agency(), new_agency()
    answer = _ask_as_root(agency, "/v1/directory?after=0", agency.root, agency.agency_id)
    assert answer.status_code == 200, answer.text
    for path, key, who in (
        ("/v1/mailbox", agency.root, agency.agency_id),
        ("/v1/directory?after=0", agency.ops, agency.agency_id),
        ("/v1/directory?after=0", agency.identity, agency.agency_id),
        ("/v1/directory?after=0", agency.root, other.agency_id),
        ("/v1/directory?after=0", agency.root, agency.device_id),
        ("/v1/directory?after=0", agency.root, "agy_"),
    ):
        assert problem_code(_ask_as_root(agency, path, key, who)) == "not_authenticated"


def test_a_relay_goes_on_from_a_manifest_of_the_former_form() -> None:
    """Its own columns say what it was: version, hash, root and code."""
    with InProcessRelay().running() as relay:
        agency = relay.new_agency()
        old = b'{"agency_code":"OLD"}'
        with relay.store.writing() as transaction:
            held = transaction.find_manifest(agency.agency_id.value)
            assert held is not None
            device = transaction.find_devices([agency.device_id.value])[agency.device_id.value]
            former = replace(held, version=7, digest=hash_manifest(old), payload=old)
            transaction.replace_manifest(former, [device])
        agency.version, agency.digest = 7, hash_manifest(old)
        thief = SigningKey(agency.draw(32))
        signed = agency.sign_manifest(agency.manifest(ops_list=agency.ops_list(root=thief)))
        assert problem_code(agency.put(agency.manifest_path, signed)) == "refused_signature"
        assert agency.publish_manifest().status_code == 204
