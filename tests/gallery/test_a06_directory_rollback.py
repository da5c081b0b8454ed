"""Row 6: the relay serves an old snapshot of the directory, in which a revoked key is alive again.

The attacker is the relay, or whoever has put an old backup of it back. It has everything that was
ever signed, and later an ops key too, with which it makes a version for one pair of eyes.
Defences: nobody goes back behind what was seen, neither a manifest nor the log; a manifest counts
only where its leaf lies in the log that everybody sees; what is refused moves no cursor.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from tests.controls import without
from tests.gallery.world import Staff, World
from tests.logged_pages import serve_logged

from quietway import DirectoryRefused, LogRolledBack, UnknownOwnVersion
from quietway.membership import renewed
from quietway.testing.relay_log import RelayLog

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from quietway.testing.relay_directory import RelayDirectory
    from quietway_schemas.directory import SignedObject

NOT_SEEN = b"n" * 32


def _copy_books(world: World) -> RelayDirectory:
    """Take a backup of all that the relay knows of the directory."""
    books = copy.copy(world.relay.books)
    books._entries, books._manifests = list(books._entries), dict(books._manifests)
    books.log = books.log.fork()
    return books


async def _revoke(folder: Path) -> tuple[World, Staff, Staff, Staff, RelayDirectory]:
    """An agency of two devices revokes the second, and its partner sees it.

    Returns:
        The world, the partner, the agency, the revoked device, and a backup from before.
    """
    world = World(folder)
    police = await world.found("POLICE-DESK")
    shelter = await world.found("SHELTER-DESK", police)
    stolen = await world.second(shelter)
    for staff in (shelter, stolen, police):
        await staff.client.sync()
    backup = _copy_books(world)
    await shelter.client.devices.revoke(stolen.device)
    await police.client.sync()
    assert not _is_alive(police, stolen)
    return world, police, shelter, stolen, backup


def _is_alive(police: Staff, stolen: Staff) -> bool:
    directory = police.client._agent.directory
    return directory.device(stolen.agency, stolen.device) is not None


def _former(backup: RelayDirectory, shelter: Staff) -> SignedObject:
    return backup._manifests[shelter.agency].signed


async def test_the_version_before_is_refused_although_it_is_in_the_log(tmp_path: Path) -> None:
    world, police, shelter, stolen, backup = await _revoke(tmp_path)
    serve_logged(world.relay.books, shelter.agency, _former(backup, shelter))
    (problem,) = (await police.client.sync()).problems
    assert isinstance(problem, DirectoryRefused)
    assert problem.reason == "rolled_back"
    assert not _is_alive(police, stolen)


async def test_a_backup_that_was_put_back_is_noticed_and_moves_nothing(tmp_path: Path) -> None:
    world, police, _, stolen, backup = await _revoke(tmp_path)
    seen = police.client._agent.log.size
    cursor = police.client._agent.directory.cursor
    world.relay.books = backup
    (problem,) = (await police.client.sync()).problems
    assert isinstance(problem, LogRolledBack)
    assert (problem.seen, problem.shown) == (seen, seen - 1)
    assert police.client._agent.directory.cursor == cursor
    assert not _is_alive(police, stolen)


async def test_a_backup_that_went_on_is_a_fork_and_proves_itself(tmp_path: Path) -> None:
    """The restored relay signs a second tree of a size that it had signed before."""
    world, police, _, stolen, backup = await _revoke(tmp_path)
    world.relay.books = backup
    world.relay.books.log.append_manifest(type(police.agency)(b"somebody else's "), NOT_SEEN)
    (problem,) = (await police.client.sync()).problems
    assert isinstance(problem, LogRolledBack)
    assert len(await police.client.log.evidence()) == 1
    assert not _is_alive(police, stolen)


async def test_the_newest_version_with_the_log_of_the_one_before_does_not_count(
    tmp_path: Path,
) -> None:
    """The manifest is n, the tail of the log is that of n - 1."""
    world, police, shelter, _, _ = await _revoke(tmp_path)
    own = shelter.client._agent.publisher.own_manifest
    ops = shelter.client._agent.keyring.ops
    assert own is not None
    assert ops is not None
    world.relay.books._enter(
        "manifest", shelter.agency, None, renewed(own, ops=ops, now=world.clock.now())
    )
    (problem,) = (await police.client.sync()).problems
    assert isinstance(problem, DirectoryRefused)
    assert problem.reason == "not_logged"
    held = police.client._agent.directory.manifest_version(shelter.agency)
    assert held == own.manifest.version


async def test_a_version_that_somebody_else_signed_is_an_alarm_on_the_agencys_own_devices(
    tmp_path: Path,
) -> None:
    """The thief has an ops key: what it signs must be logged to count, and is seen there."""
    world, police, shelter, _, _ = await _revoke(tmp_path)
    await shelter.client.sync()
    # Shown to the police alone, and hidden from the agency whose version it is.
    world.relay.books.log.append_manifest(shelter.agency, NOT_SEEN)
    index = world.relay.books.log.size - 1
    await shelter.client.sync()
    (alarm,) = await shelter.client.log.alarms()
    assert isinstance(alarm, UnknownOwnVersion)
    assert (alarm.index, alarm.manifest_hash) == (index, NOT_SEEN)
    await shelter.client.log.acknowledge(alarm)
    await shelter.client.sync()
    assert await shelter.client.log.alarms() == []
    assert await police.client.log.alarms() == []


async def test_openings_that_hide_a_leaf_do_not_make_the_tree(tmp_path: Path) -> None:
    world, _, shelter, _, _ = await _revoke(tmp_path)
    await shelter.client.sync()
    log = world.relay.books.log
    log.append_manifest(shelter.agency, NOT_SEEN)
    hidden, log._leaves[-1] = log._leaves[-1], log._leaves[0]
    problems = (await shelter.client.sync()).problems
    assert [type(problem) for problem in problems] == [LogRolledBack]
    log._leaves[-1] = hidden
    assert (await shelter.client.sync()).problems == ()
    assert len(await shelter.client.log.alarms()) == 1


async def test_versions_of_colleagues_that_were_missed_are_no_alarm(tmp_path: Path) -> None:
    """A device that rested sees the newest version only, and all their leaves."""
    world = World(tmp_path)
    shelter = await world.found("SHELTER-DESK")
    rested = await world.second(shelter)
    await rested.client.sync()
    agent = shelter.client._agent
    for _ in range(3):
        own, ops = agent.publisher.own_manifest, agent.keyring.ops
        assert own is not None
        assert ops is not None
        await agent.publisher.publish_manifest(renewed(own, ops=ops, now=world.clock.now()))
        await shelter.client.sync()
    for staff in (rested, shelter):
        assert (await staff.client.sync()).problems == ()
        assert await staff.client.log.alarms() == []


async def test_control_without_the_order_of_versions_the_stolen_device_lives_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, police, shelter, stolen, backup = await _revoke(tmp_path)
    without(monkeypatch, "quietway_protocol.manifests:check_follows", lambda *_, **__: None)
    without(monkeypatch, "quietway.keyring.trust:Directory._check_nobody_is_back", lambda *_: None)
    serve_logged(world.relay.books, shelter.agency, _former(backup, shelter))
    assert (await police.client.sync()).problems == ()
    assert _is_alive(police, stolen)


async def test_control_without_consistency_the_old_backup_passes_for_today(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reads on from there never hears of what was published meanwhile."""
    without(monkeypatch, "quietway.witnessing.view:check_continues", lambda *_: None)
    world, police, _, _, backup = await _revoke(tmp_path)
    world.relay.books = backup
    assert (await police.client.sync()).problems == ()
    assert police.client._agent.log.size == backup.log.size


async def test_control_without_inclusion_a_version_for_one_pair_of_eyes_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.witnessing.view:is_logged", lambda *_: True)
    world, police, shelter, _, _ = await _revoke(tmp_path)
    own = shelter.client._agent.publisher.own_manifest
    ops = shelter.client._agent.keyring.ops
    assert own is not None
    assert ops is not None
    world.relay.books._enter(
        "manifest", shelter.agency, None, renewed(own, ops=ops, now=world.clock.now())
    )
    assert (await police.client.sync()).problems == ()
    held = police.client._agent.directory.manifest_version(shelter.agency)
    assert held == own.manifest.version + 1
    assert isinstance(world.relay.books.log, RelayLog)


async def test_control_without_the_look_at_its_own_leaves_the_agency_learns_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.witnessing.leaves:OwnLeaves._is_known", lambda *_: True)
    world, _, shelter, _, _ = await _revoke(tmp_path)
    world.relay.books.log.append_manifest(shelter.agency, NOT_SEEN)
    await shelter.client.sync()
    assert await shelter.client.log.alarms() == []
