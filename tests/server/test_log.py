"""The relay's transparency log: what it appends, proves and refuses, and what survives."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
from tests.relay_process import RelayProcess
from tests.server.agency import CLIENT, Agency, problem_code
from tests.server.conftest import held_by, make_code

from quietway_crypto.encoding import decode_base64
from quietway_crypto.merkle import hash_leaf, root_of, verify_consistency
from quietway_crypto.signing import SigningKey
from quietway_protocol.checkpoints import Checkpoint, prove_logged, read_checkpoint
from quietway_protocol.manifests import hash_manifest
from quietway_schemas.directory import DirectoryPage
from quietway_schemas.ids import DeviceId
from quietway_schemas.instants import DAY
from quietway_schemas.log import (
    LogConsistency,
    LogLeaf,
    LogLeaves,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _page(agency: Agency, *, after: int = 0, size: int = 0) -> DirectoryPage:
    answer = agency.get(f"/v1/directory?after={after}&size={size}")
    assert answer.status_code == 200, answer.text
    return DirectoryPage.from_canonical(answer.content, max_bytes=2**24)


def _head(page: DirectoryPage) -> Checkpoint:
    return read_checkpoint(page.checkpoint, page.log_key)


def _leaves(agency: Agency) -> list[LogLeaf]:
    read: list[LogLeaf] = []
    more = True
    while more:
        answer = agency.get(f"/v1/log/leaves?after={len(read)}")
        page = LogLeaves.from_canonical(answer.content, max_bytes=2**20)
        read += page.leaves
        more = page.more
    return read


def test_each_manifest_of_a_page_is_proved_in_its_checkpoint(
    new_agency: Callable[[], Agency],
) -> None:
    first, second = new_agency(), new_agency()
    assert first.publish_manifest().status_code == 204
    after, more, proved = 0, True, set()
    while more:
        page = _page(second, after=after)
        head = _head(page)
        for entry in page.entries:
            assert (entry.log is not None) == (entry.kind == "manifest")
            if entry.log is not None:
                digest = hash_manifest(entry.object.payload)
                prove_logged(head, entry.agency_id, digest, entry.log)
                proved.add(entry.agency_id)
        after, more = page.next, page.more
    assert {first.agency_id, second.agency_id} <= proved


def test_a_page_shows_how_its_checkpoint_follows_the_readers(
    new_agency: Callable[[], Agency],
) -> None:
    agency = new_agency()
    seen = _head(_page(agency))
    for _ in range(3):
        assert agency.publish_manifest().status_code == 204
        page = _page(agency, size=seen.size)
        head = _head(page)
        assert head.size > seen.size
        verify_consistency(seen.size, head.size, page.consistency, seen.root, head.root)
        answer = agency.get(f"/v1/log/consistency?from={seen.size}&to={head.size}")
        assert (
            LogConsistency.from_canonical(answer.content, max_bytes=10**4).path == page.consistency
        )
    assert _page(agency, size=head.size).consistency == ()
    assert _page(agency).consistency == ()
    ahead = _page(agency, size=head.size + 1)
    assert (ahead.consistency, _head(ahead).size) == ((), head.size)


def test_the_openings_fold_into_the_head_and_name_every_version(
    new_agency: Callable[[], Agency],
) -> None:
    agency = new_agency()
    digests = [agency.digest]
    for _ in range(2):
        assert agency.publish_manifest().status_code == 204
        digests.append(agency.digest)
    answer = agency.get("/v1/log/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    head = read_checkpoint(answer.content.decode(), _page(agency).log_key)
    leaves = _leaves(agency)[: head.size]
    assert root_of(hash_leaf(leaf.to_bytes()) for leaf in leaves) == head.root
    mine = [leaf for leaf in leaves if leaf.agency_id == agency.agency_id]
    assert [(leaf.kind, leaf.manifest_hash) for leaf in mine] == [(1, each) for each in digests]
    assert len({leaf.nonce for leaf in leaves}) == len(leaves)
    beyond = agency.get(f"/v1/log/leaves?after={head.size + 10**6}")
    assert beyond.json() == {"leaves": [], "more": False}


def test_the_same_manifest_again_and_a_refused_one_append_nothing(
    relay: RelayProcess, codes: Callable[[], str]
) -> None:
    agency, code = Agency(relay.url, 30_001), codes()
    signed = agency.sign_manifest(agency.manifest())
    for _ in range(2):
        put = agency.put(agency.manifest_path, signed, {"Quietway-Enrolment": code})
        assert put.status_code == 204
    refused = agency.sign_manifest(agency.manifest(expires=agency.issued + DAY), key=agency.root)
    assert agency.put(agency.manifest_path, refused).status_code == 400
    mine = [leaf for leaf in _leaves(agency) if leaf.agency_id == agency.agency_id]
    assert [leaf.manifest_hash for leaf in mine] == [hash_manifest(signed.payload)]


@pytest.mark.parametrize(
    ("path", "problem", "field"),
    [
        ("/v1/log/consistency", "invalid_field", "from"),
        ("/v1/log/consistency?from=0", "invalid_field", "to"),
        ("/v1/log/consistency?from=1&to=0", "invalid_field", "from"),
        (f"/v1/log/consistency?from=0&to={2**53 - 1}", "invalid_field", "to"),
        ("/v1/log/consistency?from=0&to=0&to=0", "invalid_field", "to"),
        ("/v1/log/consistency?from=0&to=-1", "invalid_field", "to"),
        ("/v1/log/consistency?from=0&to=0&at=1", "unknown_field", None),
        ("/v1/log/leaves?after=x", "invalid_field", "after"),
        ("/v1/log/leaves?agency=x", "unknown_field", None),
        ("/v1/log/checkpoint?after=1", "unknown_field", None),
        ("/v1/directory?size=1e3", "invalid_field", "size"),
        ("/v1/directory?size=9007199254740993", "invalid_field", "size"),
        ("/v1/directory?from=1", "unknown_field", None),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(
    agency: Agency, path: str, problem: str, field: str | None
) -> None:
    answer = agency.get(path)
    assert (problem_code(answer), answer.json().get("field")) == (problem, field)


@pytest.mark.parametrize(
    "path", ["/v1/log/checkpoint", "/v1/log/consistency?from=0&to=0", "/v1/log/leaves"]
)
def test_the_log_is_read_by_devices_and_roots_alone(agency: Agency, path: str) -> None:
    assert problem_code(CLIENT.get(agency.url + path)) == "not_authenticated"
    stranger = agency.signature("GET", path, key_id=str(DeviceId(b"x" * 16)))
    listening = agency.signature(
        "GET", path, key=agency.listen, key_id=f"listen:{agency.device_id}"
    )
    for headers in (stranger, listening):
        refused = CLIENT.get(agency.url + path, headers=headers)
        assert problem_code(refused) == "not_authenticated"
    root = agency.signature("GET", path, key=agency.root, key_id=f"root:{agency.agency_id}")
    assert CLIENT.get(agency.url + path, headers=root).status_code == 200
    assert agency.get(path).status_code == 200


def test_the_log_goes_on_after_a_restart_and_its_key_is_only_in_its_file(tmp_path: Path) -> None:
    with RelayProcess(tmp_path) as relay:
        agency = Agency(relay.url, 30_002)
        assert agency.publish_manifest(code=make_code(relay)).status_code == 204
        before = _page(agency)
        relay.kill()
        relay.restart()
        again = _page(agency)
        assert (again.checkpoint, again.log_key) == (before.checkpoint, before.log_key)
        assert agency.publish_manifest().status_code == 204
        after = _page(agency, size=1)
        was, now = _head(before), read_checkpoint(after.checkpoint, before.log_key)
        assert (was.size, now.size) == (1, 2)
        verify_consistency(1, 2, after.consistency, was.root, now.root)
        path = tmp_path / "relay.db-log-key"
        line = path.read_bytes()
        seed = decode_base64(line.decode().removesuffix("\n"))
        assert SigningKey(seed).public == before.log_key
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        database_files = held_by(relay).replace(line, b"", 1)
        for secret in (seed, line.strip(), seed.hex().encode()):
            assert secret not in database_files
            assert secret.decode("latin-1") not in relay.output
