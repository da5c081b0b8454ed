"""What a relay's files tell whoever seizes them: exactly the columns of the lock, and no order.

A real relay takes 1,000 submissions by four senders' devices through their lanes at three agencies,
single and in batches, over both doors, one after the other: each is a commit of its own, as on a
quiet relay, which is the worst case. The examiner gets copies of the files.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import sqlcipher3.dbapi2
from tests.controls import without
from tests.server import examiner
from tests.server.agency import Agency, now_ms
from tests.server.in_process import InProcessRelay
from tests.server.test_submit_socket import open_submission

from quietway_crypto.signing import SigningKey
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.ids import DeviceId, MailboxId
from quietway_schemas.instants import MINUTE
from quietway_server.services.enrolment import add_code
from quietway_server.services.sweeper import Sweeper, mix_all
from quietway_server.store import tables
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from quietway_schemas.envelope import SubmissionRecord
    from quietway_schemas.instants import Instant

SUBMISSIONS: Final = 1_000
SENDERS: Final = tuple(bytes((n,)) * 16 for n in range(1, 5))
SEED: Final = 20_261_127
LOCK: Final = Path(tables.__file__).with_name("metadata.lock")


@dataclass
class Truth:
    """What only the senders know.

    Attributes:
        batch_of: Which submission an envelope left with.
        sender_of: Whose it was.
        agency_of: Whose mailbox a mailbox is; that the file tells too.
    """

    batch_of: dict[bytes, int] = field(default_factory=dict)
    sender_of: dict[bytes, bytes] = field(default_factory=dict)
    agency_of: dict[bytes, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Seized:
    """Copies of a relay's files at three moments, and the truth.

    Attributes:
        truth: For the tests alone.
        at_once: Before anything was mixed, the log beside it.
        swept: After the sweep that follows the minute.
        ended: After an orderly end.
    """

    truth: Truth
    at_once: Path
    swept: Path
    ended: Path


class LaterClock:
    """The machine's clock, three minutes on: every minute in which something came is over."""

    def now(self) -> Instant:
        return now_ms() + 3 * MINUTE


def found_agency(store: SqliteStore, url: str, seed: int) -> tuple[Agency, list[MailboxId]]:
    """Enrol an agency with three devices, whose lanes are open to all senders."""
    agency = Agency(url, seed)
    devices = [agency.certificate()] + [
        agency.certificate(
            device_id=DeviceId(agency.draw(16)),
            identity_key=SigningKey(agency.draw(32)).public,
            listen_key=SigningKey(agency.draw(32)).public,
            mailbox=MailboxId(agency.draw(16)),
        )
        for _ in range(2)
    ]
    code = add_code(store, now=now_ms(), entropy=os.urandom(16))
    for answer in (
        agency.publish_manifest(code=code, devices=tuple(devices)),
        agency.publish_epochs(),
        agency.publish_lanes(list(SENDERS)),
    ):
        assert answer.status_code == 204, answer.text
    return agency, [device.mailbox for device in devices]


def submit_everything(
    relay: InProcessRelay, store: SqliteStore, truth: Truth, stack: ExitStack
) -> None:
    """Submit, one after the other; senders speak a few times in a row, as people do."""
    drawn = random.Random(SEED)
    places = [found_agency(store, relay.url, 70_000 + n) for n in range(3)]
    for agency, mailboxes in places:
        truth.agency_of |= {held.value: agency.agency_id.value for held in mailboxes}
    sockets = {
        (sender, n): stack.enter_context(open_submission(agency, agency.capability_for(sender)))
        for sender in SENDERS
        for n, (agency, _) in enumerate(places)
    }
    answered = dict.fromkeys(sockets, 0)
    sender = SENDERS[0]
    for number in range(SUBMISSIONS):
        if drawn.random() < 0.3:
            sender = drawn.choice(SENDERS)
        n = drawn.randrange(len(places))
        agency, mailboxes = places[n]
        records = draw_batch(drawn, agency, mailboxes)
        for record in records:
            truth.batch_of[record.header.envelope_id.value] = number
            truth.sender_of[record.header.envelope_id.value] = sender
        if drawn.random() < 0.5:
            answer = agency.submit(agency.capability_for(sender), *records)
            assert answer.status_code == 201, answer.text
        else:
            socket = sockets[sender, n]
            socket.send(b"".join(record.pack() for record in records))
            answered[sender, n] += 1
            told = json.loads(socket.recv(timeout=10))
            assert told.get("through") == answered[sender, n], told


def draw_batch(
    drawn: random.Random, agency: Agency, mailboxes: list[MailboxId]
) -> list[SubmissionRecord]:
    """Draw one envelope to one device, or one or two to each device, as messages are sealed."""
    of = drawn.choice(list(EnvelopeClass))
    shape = drawn.random()
    if shape < 0.4:
        return [agency.record(of, to=drawn.choice(mailboxes))]
    return [agency.record(of, to=to) for _ in range(1 if shape < 0.8 else 2) for to in mailboxes]


def copy_files(folder: Path, name: str) -> Path:
    """Copy the database and its log; no reserve."""
    made = folder / name
    made.mkdir()
    for path in folder.glob("relay.db*"):
        if not path.name.endswith("-reserve"):
            shutil.copy(path, made / path.name)
    return made / "relay.db"


@pytest.fixture(scope="module")
def seized(tmp_path_factory: pytest.TempPathFactory) -> Seized:
    folder, truth = tmp_path_factory.mktemp("seized"), Truth()
    store = SqliteStore(folder / "relay.db")
    relay = InProcessRelay(store)
    with relay.running():
        with ExitStack() as stack:
            submit_everything(relay, store, truth, stack)
        at_once = copy_files(folder, "at_once")
        sweeper = Sweeper(relay.relay.writer, store, LaterClock())
        asyncio.run_coroutine_threadsafe(sweeper.sweep(), relay._loop).result(60)
        swept = copy_files(folder, "swept")
    return Seized(truth, at_once, swept, copy_files(folder, "ended"))


def examine(database: Path, truth: Truth) -> dict[str, examiner.Score]:
    """Try every order that the file has, for batches and for senders."""
    envelopes = examiner.read_envelopes(database)
    orders = {
        "numbers": examiner.group_by_minute(envelopes),
        "pages": examiner.order_by_place(database, envelopes, examiner.TABLE_LEAF),
        "memory": examiner.order_by_place(database, envelopes, examiner.INDEX_LEAF),
    }
    return {
        f"{what} by {name}": examiner.judge_neighbours(groups, known)
        for name, groups in orders.items()
        for what, known in (("batch", truth.batch_of), ("sender", truth.sender_of))
    }


@pytest.mark.requirement("D01")
@pytest.mark.parametrize("moment", ["at_once", "swept", "ended"])
def test_the_file_has_the_columns_of_the_lock_and_no_other(seized: Seized, moment: str) -> None:
    """D01: the relay stores sealed envelopes and routing metadata only."""
    database = getattr(seized, moment)
    locked = {line.partition(" | ")[0] for line in LOCK.read_text("utf-8").splitlines()}
    assert examiner.read_columns(database) == locked
    assert examiner.read_other_objects(database) == set()


@pytest.mark.parametrize(
    "planted",
    [
        "ALTER TABLE flash_envelopes ADD COLUMN sender BLOB",
        "ALTER TABLE case_envelopes ADD COLUMN lane BLOB",
        "CREATE TABLE arrivals (at INTEGER, envelope_id BLOB)",
    ],
)
def test_control_a_planted_column_is_found(seized: Seized, tmp_path: Path, planted: str) -> None:
    database = tmp_path / "relay.db"
    shutil.copy(seized.ended, database)
    connection = sqlcipher3.dbapi2.connect(str(database))
    connection.execute(planted)
    connection.close()
    locked = {line.partition(" | ")[0] for line in LOCK.read_text("utf-8").splitlines()}
    assert examiner.read_columns(database) - locked


@pytest.mark.parametrize("moment", ["swept", "ended"])
def test_from_the_files_nobody_tells_what_left_together_or_who_sent(
    seized: Seized, moment: str
) -> None:
    database, truth = getattr(seized, moment), seized.truth
    envelopes = examiner.read_envelopes(database)
    assert {held.envelope_id for held in envelopes} == truth.batch_of.keys()
    scores = examine(database, truth)
    assert {name: score for name, score in scores.items() if not score.is_chance} == {}
    assert all(score.guesses > 300 for score in scores.values()), scores
    log = database.with_name("relay.db-wal")
    assert not log.exists() or log.stat().st_size == 0


def test_the_counters_of_lanes_are_sums_that_name_no_envelope(seized: Seized) -> None:
    """Guessing the busiest lane is the best that sums allow, and it names one in a few."""
    envelopes = examiner.read_envelopes(seized.swept)
    for agency, counters in examiner.read_lanes(seized.swept).items():
        there = [held for held in envelopes if seized.truth.agency_of[held.mailbox] == agency]
        assert sum(counters) == len(there)
        used = sorted((count for count in counters if count), reverse=True)
        # In the order of the file, cut into blocks as long as the counters say: largest first.
        ordered = sorted(there, key=lambda held: (held.minute, held.table, held.number))
        blocks, at = [], 0
        for count in used:
            blocks.append(ordered[at : at + count])
            at += count
        groups = [[held.envelope_id for held in block] for block in blocks]
        score = examiner.judge_neighbours(groups, seized.truth.sender_of)
        assert score.is_chance, score


def test_within_the_minute_the_files_do_tell_and_the_page_says_so(seized: Seized) -> None:
    """The limit that what-the-relay-sees.md publishes, and the control of the test above."""
    scores = examine(seized.at_once, seized.truth)
    assert scores["batch by numbers"].precision > 20 * scores["batch by numbers"].chance
    assert scores["batch by pages"].precision > 20 * scores["batch by pages"].chance
    assert not scores["sender by numbers"].is_chance
    envelopes = examiner.read_envelopes(seized.at_once)
    commits = examiner.list_commits(seized.at_once.with_name("relay.db-wal"), envelopes)
    whole = [{seized.truth.batch_of[name] for name in commit} for commit in commits[1:]]
    # What is left of the log are the last commits, and each is one batch.
    assert whole
    assert sum(len(batches) == 1 for batches in whole) > 0.9 * len(whole)


def test_numbers_in_the_mailboxes_line_up_and_the_page_says_so(seized: Seized) -> None:
    """What mixing can't hide: a message to all devices of an agency has one rank in each."""
    envelopes = examiner.read_envelopes(seized.ended)
    score = examiner.judge_ranks(envelopes, seized.truth.batch_of, seized.truth.agency_of)
    assert score.precision > 5 * score.chance


@pytest.mark.parametrize(
    ("defence", "replacement"),
    [
        ("quietway_server.store.sql_transaction:SqlTransaction.mix", lambda *_, **__: 0),
        ("quietway_server.store.mixing:shuffle", lambda _: None),
    ],
)
def test_control_without_mixing_or_shuffling_the_examiner_succeeds(
    seized: Seized,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    defence: str,
    replacement: Callable[..., object],
) -> None:
    for path in seized.at_once.parent.iterdir():
        shutil.copy(path, tmp_path / path.name)
    without(monkeypatch, defence, replacement)
    store = SqliteStore(tmp_path / "relay.db")
    mix_all(store)
    store.tidy()
    store.close()
    scores = examine(tmp_path / "relay.db", seized.truth)
    assert not scores["batch by numbers"].is_chance
    assert not scores["batch by pages"].is_chance
