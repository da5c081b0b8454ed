"""The log's view of one device: what it pins, admits, notes and brings back from the store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.logged_pages import make_page

from quietway.errors import AnotherLog, LogRolledBack
from quietway.events import LogUnproven, UnknownOwnVersion
from quietway.testing.relay_log import RelayLog
from quietway.witnessing.gossip import Noted, Verdict, judge, judge_by_path
from quietway.witnessing.leaves import OwnLeaves, fold
from quietway.witnessing.view import MOST_KNOWN, MOST_NOTED, MOST_NOTED_OF_ONE, LogView
from quietway_crypto.merkle import root_of
from quietway_protocol.checkpoints import Checkpoint
from quietway_schemas.content.log import LogCheckpoint
from quietway_schemas.envelope import ZERO_DIGEST
from quietway_schemas.ids import AgencyId
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway_schemas.log import LogLeaf

NOW = 1_795_377_600_000
US, THEM = AgencyId(b"u" * 16), AgencyId(b"t" * 16)


def hashed(number: int) -> bytes:
    return number.to_bytes(32, "big")


def grow(log: RelayLog, *agencies: AgencyId) -> RelayLog:
    for agency in agencies:
        log.append_manifest(agency, hashed(log.size + 1))
    return log


def read(view: LogView, log: RelayLog) -> None:
    view.admit(make_page(log=log, log_size=view.size), now=NOW)


def noted(size: int, root: bytes = ZERO_DIGEST, *, note: str = "") -> Noted:
    return Noted(THEM, size, root, NOW, note)


def bring_back(view: LogView) -> LogView:
    again = LogView.restore(view.rows())
    assert again.rows() == view.rows()
    return again


def test_the_first_page_pins_the_key_and_another_key_is_refused_from_then_on() -> None:
    view, log = LogView(), grow(RelayLog(), US)
    read(view, log)
    assert view.log_key == log.log_key
    assert view.gossip == (1, log.checkpoint().root)
    other = make_page(log=grow(RelayLog(b"another relay's seed, 32 bytes.."), US), log_size=1)
    before = view.rows()
    with pytest.raises(AnotherLog):
        view.admit(other, now=NOW)
    with pytest.raises(AnotherLog):
        # It may say that the pinned one is its key, and sign with its own.
        view.admit(other.model_copy(update={"log_key": log.log_key}), now=NOW)
    assert view.rows() == before


def test_a_key_that_was_handed_over_is_not_replaced_by_the_first_page() -> None:
    view, log = LogView(), grow(RelayLog(), US)
    view.pin(log.log_key, log.checkpoint().note, shown_by="offer")
    assert view.size == 1
    with pytest.raises(AnotherLog):
        view.admit(make_page(log=RelayLog(b"another relay's seed, 32 bytes..")), now=NOW)
    with pytest.raises(AnotherLog):
        view.pin(RelayLog(b"x" * 32).log_key, log.checkpoint().note, shown_by="offer")


def test_it_begins_where_the_offer_says_and_not_behind_it() -> None:
    view, log = LogView(), grow(RelayLog(), US, THEM, US)
    view.pin(log.log_key, log.checkpoint().note, shown_by="offer")
    younger = grow(RelayLog(), US)
    with pytest.raises(LogRolledBack):
        view.admit(make_page(log=younger, log_size=view.size), now=NOW)


def test_all_of_it_comes_back_from_the_store() -> None:
    view, log = LogView(), grow(RelayLog(), US, THEM)
    read(view, log)
    face = grow(log.fork(), US)
    grow(log, THEM)
    read(view, log)
    view.note(noted(9, hashed(9)))
    view.note(noted(3, face.checkpoint().root, note=face.checkpoint().note))
    view.note_own(1, hashed(1))
    leaves = log.leaves_after(0).leaves
    view.read_leaves(leaves, US, fold(view.leaves.frontier, leaves))
    view.give_up(noted(9, hashed(9)), now=NOW)
    view.say_once(THEM, 3)
    assert view.prove(log.checkpoint(), face.checkpoint(), (), now=NOW)
    again = bring_back(view)
    assert again.alarms() == view.alarms()
    assert len(again.forks()) == 1
    assert again.is_stopped
    assert again.latest == view.latest
    assert again.leaves.frontier.root() == log.checkpoint().root
    assert not again.say_once(THEM, 3)


def test_what_is_known_to_be_so_is_not_noted_and_what_waits_is_bounded() -> None:
    view, log = LogView(), grow(RelayLog(), US, THEM)
    read(view, log)
    view.note(noted(2, log.checkpoint().root))
    view.note(noted(0))
    assert view.noted() == ()
    for size in range(100, 100 + 2 * MOST_NOTED_OF_ONE):
        view.note(noted(size, hashed(size)))
        view.note(noted(size, hashed(size)))
    assert len(view.noted()) == MOST_NOTED_OF_ONE
    for number in range(2 * MOST_NOTED):
        agency = AgencyId(number.to_bytes(16, "big"))
        view.note(replace(noted(99, hashed(99)), agency=agency))
    assert len(view.noted()) == MOST_NOTED


def test_no_partner_keeps_out_what_the_others_say_nor_raises_an_alarm_for_each_lie() -> None:
    view, log = LogView(), grow(RelayLog(), US)
    read(view, log)
    lies = [noted(size, hashed(size)) for size in range(100, 100 + MOST_NOTED)]
    for lie in lies:
        view.note(lie)
    honest = replace(noted(7, hashed(7)), agency=US)
    view.note(honest)
    assert view.waits(honest)
    for lie in lies:
        view.give_up(lie, now=NOW)
    assert [alarm.agency for alarm in view.alarms() if isinstance(alarm, LogUnproven)] == [THEM]


def test_control_without_that_room_a_partner_keeps_the_others_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def has_any_room(view: LogView, _: AgencyId) -> bool:
        return len(view.noted()) < MOST_NOTED

    without(monkeypatch, "quietway.witnessing.view:LogView._has_room_for", has_any_room)
    view, log = LogView(), grow(RelayLog(), US)
    read(view, log)
    for size in range(100, 100 + MOST_NOTED):
        view.note(noted(size, hashed(size)))
    honest = replace(noted(7, hashed(7)), agency=US)
    view.note(honest)
    assert not view.waits(honest)


def test_the_checkpoints_that_are_kept_are_the_newest() -> None:
    view, log = LogView(), RelayLog()
    for _ in range(MOST_KNOWN + 5):
        read(view, grow(log, US))
    assert len(view.known) == MOST_KNOWN
    assert max(view.known) == log.size
    assert bring_back(view).known == view.known


def test_what_others_say_of_a_checkpoint_displaces_no_note_of_the_log() -> None:
    """Without the log's own signature under it this device could prove nothing any more."""
    view, log = LogView(), grow(RelayLog(), US, THEM)
    early = noted(2, log.checkpoint().root)
    view.note(early)
    read(view, log)
    view.learn(early)
    assert view.known[2].note == log.checkpoint().note
    again = bring_back(view)
    assert again.latest == view.latest
    face = grow(RelayLog(), US, US)
    assert again.prove(again.known[2], face.checkpoint(), (), now=NOW)


def test_a_note_of_the_log_takes_the_place_of_what_others_said() -> None:
    view, log = LogView(), grow(RelayLog(), US, THEM)
    older = log.checkpoint()
    grow(log, US)
    read(view, log)
    view.learn(noted(2, older.root))
    assert view.known[2].note == ""
    view.learn(noted(2, older.root, note=older.note))
    assert view.known[2].note == older.note


def test_a_note_by_another_key_is_not_heard() -> None:
    view, log = LogView(), grow(RelayLog(), US)
    read(view, log)
    other = grow(RelayLog(b"another relay's seed, 32 bytes.."), US, US)
    for note in (other.checkpoint().note, "no note at all"):
        view.hear(THEM, LogCheckpoint(note=note), now=NOW)
    assert view.noted() == ()
    grow(log, US)
    view.hear(THEM, LogCheckpoint(note=log.checkpoint().note), now=NOW)
    assert [held.size for held in view.noted()] == [2]


def test_the_verdicts() -> None:
    log = grow(RelayLog(), US, THEM, US, THEM, US)
    face = grow(log.fork(), US)
    grow(log, THEM, THEM)
    latest = log.checkpoint()
    known = {5: log.checkpoint(5), latest.size: latest}
    five, six, seven = noted(5, known[5].root), noted(6, face.checkpoint().root), noted(7)
    assert judge(five, known, latest) is Verdict.AGREES
    assert judge(replace(five, root=hashed(5)), known, latest) is Verdict.CONTRADICTS
    assert judge(seven, known, latest) is Verdict.CONTRADICTS
    assert judge(replace(seven, size=8), known, latest) is Verdict.WAITS
    assert judge(six, known, latest) is Verdict.ASKS_FOR_PATH
    path = log.consistency(6, 7)
    assert judge_by_path(six, latest, path) is Verdict.CONTRADICTS
    assert judge_by_path(noted(6, log.checkpoint(6).root), latest, path) is Verdict.AGREES
    # A path that does not compute what was verified says nothing about anybody.
    for useless in ((), path[:-1], (hashed(1), *path[1:]), log.consistency(5, 7)):
        assert judge_by_path(six, latest, useless) is Verdict.WAITS


def test_a_checkpoint_without_a_signature_proves_nothing() -> None:
    view, log = LogView(), grow(RelayLog(), US)
    read(view, log)
    bare = Checkpoint(1, hashed(7), "")
    assert not view.prove(log.checkpoint(), bare, (), now=NOW)
    assert view.forks() == ()


def test_an_alarm_is_told_once_and_not_again_after_it_was_seen() -> None:
    view = LogView()
    alarm = LogUnproven(THEM, 3, NOW)
    view.give_up(noted(3), now=NOW)
    view.give_up(noted(3), now=NOW + DAY)
    assert view.alarms() == (alarm,)
    assert view.new_alarms == [alarm]
    view.acknowledge(alarm)
    view.give_up(noted(3), now=NOW + DAY)
    assert view.alarms() == ()
    again = bring_back(view)
    again.give_up(noted(3), now=NOW + DAY)
    assert again.alarms() == ()


def read_own(leaves: Iterable[LogLeaf], **known: bytes) -> OwnLeaves:
    made = OwnLeaves()
    for version, manifest_hash in known.items():
        made.note_known(int(version.removeprefix("v")), manifest_hash)
    held = list(leaves)
    made.read(held, US, fold(made.frontier, held))
    return made


def test_the_folded_leaves_make_the_tree() -> None:
    log = RelayLog()
    made = OwnLeaves()
    for number in range(1, 40):
        grow(log, US if number % 3 else THEM)
        leaves = log.leaves_after(made.frontier.size).leaves
        made.read(leaves, US, fold(made.frontier, leaves))
        assert made.frontier.root() == log.checkpoint().root
    assert OwnLeaves.from_row(made.to_row()) == made
    assert made.frontier.root() != root_of([])


def test_the_kth_leaf_of_the_agency_is_version_k() -> None:
    log = grow(RelayLog(), US, THEM, US, US)
    own = read_own(log.leaves_after(0).leaves, v1=hashed(1), v3=hashed(4))
    # The second was skipped, and is vouched for by those around it.
    assert own.find_unknown(3) == []
    assert [leaf.index for leaf in own.find_unknown(2)] == [3]
    own = read_own(log.leaves_after(0).leaves, v1=hashed(1), v2=hashed(99))
    assert [(leaf.version, leaf.index) for leaf in own.find_unknown(3)] == [(2, 2)]


def test_a_log_that_began_later_begins_with_the_version_of_that_day() -> None:
    log = grow(RelayLog(), THEM, US, US)
    own = read_own(log.leaves_after(0).leaves, v6=hashed(3), v5=hashed(2))
    assert own.find_unknown(6) == []
    assert own.count == 6


def test_after_a_removal_versions_are_counted_anew() -> None:
    log = grow(RelayLog(), US, US)
    log.append_removal(US)
    grow(log, US)
    own = read_own(log.leaves_after(0).leaves, v1=hashed(4))
    assert own.find_unknown(1) == []
    assert own.count == 1


def test_an_unknown_version_is_an_alarm_with_its_place() -> None:
    view, log = LogView(), grow(RelayLog(), US, THEM, US)
    read(view, log)
    view.note_own(1, hashed(1))
    leaves = log.leaves_after(0).leaves
    view.read_leaves(leaves, US, fold(view.leaves.frontier, leaves))
    view.look_at_own(1, now=NOW)
    assert view.alarms() == (UnknownOwnVersion(2, hashed(3), NOW),)
