"""The log as far as this device has verified it: one key, one tree, and what speaks against it.

Theory of operation: the relay is believed in nothing. A log key is pinned once. Each page must show
a tree that begins with the one that was verified before, and only manifests that lie in it; so the
relay can't show this device a past or a private directory without making a second tree. What others
were shown comes with their messages. Two trees under one key are evidence, which is kept for good,
and stops the directory until a person has acknowledged it.

Pure: bytes in, refusals out, the time as an argument. `rows` and `restore` carry it through the
store. `touched` says that something is not in the store yet.

Spec: docs/spec/transparency-log.md, "What a reader checks" to "Alarms".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.engine.codec import Fields, rows_under, write_row
from quietway.errors import AnotherLog, DirectoryRefused, LogRolledBack
from quietway.events import ForkFound, LogUnproven, UnknownOwnVersion
from quietway.witnessing.alarms import LogAlarm, name_alarm, read_alarm, write_alarm
from quietway.witnessing.gossip import Noted
from quietway.witnessing.leaves import OwnLeaves
from quietway.witnessing.pages import NOT_LOGGED, check_continues, check_note, is_logged
from quietway_protocol.checkpoints import Checkpoint
from quietway_protocol.errors import EvidenceRefusedError
from quietway_protocol.evidence import ProvedFork, make_evidence, verify_evidence
from quietway_schemas.envelope import ZERO_DIGEST
from quietway_schemas.instants import DAY, MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway.errors import TrustError
    from quietway.witnessing.leaves import Frontier
    from quietway_schemas.content.log import LogCheckpoint
    from quietway_schemas.directory import DirectoryEntry, DirectoryPage
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant
    from quietway_schemas.log import LogLeaf

UNPROVEN_AFTER_MS: Final = DAY
SYNCED_STEP_MS: Final = 10 * MINUTE
"""What nothing else is written with is not worth a commit more often than this."""
MOST_NOTED: Final = 64
MOST_NOTED_OF_ONE: Final = 16
"""So that no partner that says much, or lies, keeps out what the others say."""
MOST_KNOWN: Final = 32
MOST_FORKS: Final = 32
_MOST_SAID: Final = 256
_SIZE_BYTES: Final = 8
_KEY: Final = b"key"
_LATEST: Final = b"latest"
_KNOWN: Final = b"known/"
_NOTED: Final = b"noted/"
_SAID: Final = b"said/"
_FORK: Final = b"fork/"
_ALARM: Final = b"alarm/"
_SEEN: Final = b"seen/"
_LEAVES: Final = b"leaves"
_YES: Final = b"\x01"


class LogView:
    """What one device knows of the log. Empty when made; `restore` brings a former one back.

    Attributes:
        touched: True while something of it is not in the store yet.
        log_key: The pinned log key, 32 bytes; empty before it was pinned.
        latest: The verified checkpoint; None before the first.
        synced: When a page was last taken in; 0 before the first.
        leaves: The leaves that were read, and those in the agency's own name.
        new_alarms: What is to be told to the program; the row of each is in `rows` already.
    """

    def __init__(self) -> None:
        self.touched = False
        self.log_key = b""
        self.latest: Checkpoint | None = None
        self.synced: Instant = 0
        self.leaves = OwnLeaves()
        self.new_alarms: list[LogAlarm] = []
        self._known: dict[int, Checkpoint] = {}
        self._noted: dict[bytes, Noted] = {}
        self._said: dict[bytes, None] = {}
        self._forks: dict[bytes, ProvedFork] = {}
        self._alarms: dict[bytes, LogAlarm] = {}
        self._seen: dict[bytes, None] = {}

    @property
    def gossip(self) -> tuple[int, bytes]:
        """What stands in the cores of this device: size and root of the verified checkpoint."""
        if self.latest is None or self.latest.size == 0:
            return 0, ZERO_DIGEST
        return self.latest.size, self.latest.root

    @property
    def size(self) -> int:
        """How large the verified tree is; 0 before the first."""
        return 0 if self.latest is None else self.latest.size

    @property
    def known(self) -> Mapping[int, Checkpoint]:
        """The checkpoints that were verified lately, by size."""
        return self._known

    @property
    def is_stopped(self) -> bool:
        """Whether a fork was proved that no person has acknowledged yet."""
        return any(isinstance(alarm, ForkFound) for alarm in self._alarms.values())

    def pin(self, log_key: bytes, note: str, *, shown_by: str) -> None:
        """Pin the log key and the first checkpoint that were handed over, or compare them.

        Raises:
            AnotherLog: Another key was pinned before, or the note is not by this one. That stays.
        """
        self._check_key(log_key, shown_by)
        checkpoint = check_note(note, log_key, shown_by=shown_by)
        self._pin_key(log_key)
        if self.latest is None:
            self._take(checkpoint)

    def compare(self, log_key: bytes, note: str, *, shown_by: str) -> Checkpoint:
        """Check what somebody handed over against the pinned log key.

        Raises:
            AnotherLog: It is another log's.
        """
        self._check_key(log_key, shown_by)
        return check_note(note, log_key, shown_by=shown_by)

    def meet(self, agency: AgencyId, log_key: bytes, shown: Checkpoint, *, now: Instant) -> None:
        """Take what an agency's invitation showed, and `compare` has found to be of this log.

        It is where a device begins that has seen nothing yet; for others it is judged like gossip.
        """
        self._pin_key(log_key)
        if self.latest is None:
            self._take(shown)
        self.note(Noted(agency, shown.size, shown.root, now, shown.note))

    def admit(
        self, page: DirectoryPage, *, now: Instant
    ) -> tuple[DirectoryPage, tuple[TrustError, ...]]:
        """Let of a page through what the log proves.

        Args:
            page: As it came.
            now: Milliseconds.

        Returns:
            The page without what is not logged, and what was refused of it.

        Raises:
            AnotherLog, LogRolledBack: Nothing of it may be used.
        """
        log_key = self.log_key or page.log_key
        checkpoint = check_note(page.checkpoint, log_key, shown_by="relay")
        try:
            check_continues(self.latest, checkpoint, page.consistency)
        except LogRolledBack:
            self._compare_forked(checkpoint, page.consistency, now)
            raise
        self._pin_key(log_key)
        self._take(checkpoint)
        if now >= self.synced + SYNCED_STEP_MS:
            self.synced, self.touched = now, True
        through: list[DirectoryEntry] = []
        refused: list[TrustError] = []
        for entry in page.entries:
            if entry.kind != "manifest" or is_logged(entry, checkpoint):
                through.append(entry)
            else:
                refused.append(DirectoryRefused(str(entry.agency_id), NOT_LOGGED))
        return page.model_copy(update={"entries": tuple(through)}), tuple(refused)

    def note(self, noted: Noted) -> None:
        """Keep what somebody says of the log until it is judged, unless it is known to be so."""
        same = self._known.get(noted.size)
        agrees = same is not None and same.root == noted.root and not noted.old_size
        if noted.size == 0 or agrees or noted.key in self._noted:
            return
        # Whoever is told of the same contradiction again has nothing new to say.
        if (not noted.note and self._was_told(noted)) or not self._has_room_for(noted.agency):
            return
        self._noted[noted.key] = noted
        self.touched = True

    def hear(self, agency: AgencyId, told: LogCheckpoint, *, now: Instant) -> None:
        """Keep a note that a device of an agency has shown, where the pinned log signed it."""
        if not self.log_key:
            return
        try:
            said = check_note(told.note, self.log_key, shown_by="partner")
        except AnotherLog:
            # Whoever has pinned another log is told so by the invitation, and shows nothing here.
            return
        path = told.path or ()
        noted = Noted(agency, said.size, said.root, now, said.note, told.old_size or 0, path)
        self.note(noted)

    def noted(self) -> tuple[Noted, ...]:
        """Give what waits to be judged, the oldest first."""
        return tuple(sorted(self._noted.values(), key=lambda held: held.since))

    def waits(self, noted: Noted) -> bool:
        """Say whether something was not judged yet."""
        return noted.key in self._noted

    def settle(self, noted: Noted) -> None:
        """Let go of what was judged."""
        if self._noted.pop(noted.key, None) is not None:
            self.touched = True

    def give_up(self, noted: Noted, *, now: Instant) -> None:
        """Raise the alarm about what could not be proved in its time, one for each agency."""
        self.settle(noted)
        waiting = (held for held in self._alarms.values() if isinstance(held, LogUnproven))
        if all(held.agency != noted.agency for held in waiting):
            self._alarm(LogUnproven(noted.agency, noted.size, now))

    def say_once(self, agency: AgencyId, size: int) -> bool:
        """Say whether an agency was not shown this device's note for a size yet, and note it."""
        key = agency.value + size.to_bytes(_SIZE_BYTES, "big")
        if key in self._said:
            return False
        self._said = dict.fromkeys([*list(self._said)[1 - _MOST_SAID :], key])
        self.touched = True
        return True

    def prove(
        self, one: Checkpoint, other: Checkpoint, path: tuple[bytes, ...], *, now: Instant
    ) -> bool:
        """Keep two checkpoints that prove a fork; says whether they do.

        Without the log's signature under both nothing is proved.
        """
        if not one.note or not other.note:
            return False
        try:
            fork = make_evidence(self.log_key, one, other, path)
        except EvidenceRefusedError:
            return False
        for noted in self.noted():
            if (noted.size, noted.root) in {(one.size, one.root), (other.size, other.root)}:
                self.settle(noted)
        if fork.fork_id not in self._forks and len(self._forks) < MOST_FORKS:
            self._forks[fork.fork_id] = fork
            self._alarm(ForkFound(fork.fork_id, now))
        return True

    def learn(self, noted: Noted) -> None:
        """Remember that a checkpoint was proved to be of the verified tree."""
        self._remember(Checkpoint(noted.size, noted.root, noted.note))

    def note_own(self, version: int, manifest_hash: bytes) -> None:
        """Remember what a version of the agency's own manifest is."""
        if self.leaves.note_known(version, manifest_hash):
            self.touched = True

    def read_leaves(self, leaves: Iterable[LogLeaf], agency: AgencyId, frontier: Frontier) -> None:
        """Take in leaves that were folded and found to make the verified tree."""
        self.leaves.read(leaves, agency, frontier)
        self.touched = True

    def look_at_own(self, held_version: int, *, now: Instant) -> None:
        """Raise an alarm for each leaf in the agency's name that is none of its versions."""
        for leaf in self.leaves.find_unknown(held_version):
            self._alarm(UnknownOwnVersion(leaf.index, leaf.manifest_hash, now))

    def alarms(self) -> tuple[LogAlarm, ...]:
        """List what nobody has acknowledged, the oldest first."""
        return tuple(sorted(self._alarms.values(), key=lambda alarm: alarm.at))

    def acknowledge(self, alarm: LogAlarm) -> None:
        """Note that a person has seen an alarm. It is not raised again."""
        name = name_alarm(alarm)
        if self._alarms.pop(name, None) is not None:
            self._seen[name] = None
            self.touched = True

    def forks(self) -> tuple[ProvedFork, ...]:
        """Give all evidence, acknowledged or not."""
        return tuple(self._forks.values())

    def rows(self) -> Mapping[bytes, bytes]:
        """Return all of it as rows for the store."""
        latest = self.latest
        return {
            **({_KEY: self.log_key} if self.log_key else {}),
            **({} if latest is None else {_LATEST: write_row(size=latest.size, at=self.synced)}),
            **{
                _KNOWN + size.to_bytes(_SIZE_BYTES, "big"): write_row(
                    size=size, root=held.root, note=held.note
                )
                for size, held in self._known.items()
            },
            **{_NOTED + key: held.to_row() for key, held in self._noted.items()},
            **{_SAID + key: _YES for key in self._said},
            **{_FORK + key: held.to_bytes() for key, held in self._forks.items()},
            **{_ALARM + key: write_alarm(held) for key, held in self._alarms.items()},
            **{_SEEN + key: _YES for key in self._seen},
            **({_LEAVES: self.leaves.to_row()} if self.leaves.known or self.size else {}),
        }

    @classmethod
    def restore(cls, rows: Mapping[bytes, bytes]) -> LogView:
        """Bring back what `rows` gave.

        Raises:
            SchemaError, CryptoError, ProtocolError, ValueError: It is not what this room writes.
        """
        made = cls()
        made.log_key = rows.get(_KEY, b"")
        for _, raw in rows_under(_KNOWN, rows):
            held = Fields(raw)
            known = Checkpoint(held.number("size"), held.raw("root"), held.text("note"))
            made._known[known.size] = known
        if _LATEST in rows:
            held = Fields(rows[_LATEST])
            made.latest, made.synced = made._known[held.number("size")], held.number("at")
        made._noted = {key: Noted.from_row(raw) for key, raw in rows_under(_NOTED, rows)}
        made._said = dict.fromkeys(key for key, _ in rows_under(_SAID, rows))
        made._forks = {key: verify_evidence(raw) for key, raw in rows_under(_FORK, rows)}
        made._alarms = {key: read_alarm(key, raw) for key, raw in rows_under(_ALARM, rows)}
        made._seen = dict.fromkeys(key for key, _ in rows_under(_SEEN, rows))
        if _LEAVES in rows:
            made.leaves = OwnLeaves.from_row(rows[_LEAVES])
        return made

    def _check_key(self, log_key: bytes, shown_by: str) -> None:
        if self.log_key and self.log_key != log_key:
            raise AnotherLog(shown_by)

    def _pin_key(self, log_key: bytes) -> None:
        if not self.log_key:
            self.log_key, self.touched = log_key, True

    def _take(self, checkpoint: Checkpoint) -> None:
        self.latest = checkpoint
        self._remember(checkpoint)

    def _remember(self, checkpoint: Checkpoint) -> None:
        held = self._known.get(checkpoint.size)
        if held == checkpoint or (held is not None and held.note and not checkpoint.note):
            # What others said of it has no signature of the log: it must not displace one.
            return
        self._known[checkpoint.size] = checkpoint
        self._known = {size: self._known[size] for size in sorted(self._known)[-MOST_KNOWN:]}
        self.touched = True

    def _compare_forked(self, shown: Checkpoint, path: tuple[bytes, ...], now: Instant) -> None:
        """Keep what is shown where it and what was verified are a proof by themselves."""
        held = self._known.get(shown.size, self.latest)
        if held is not None:
            self.prove(held, shown, path, now=now)

    def _has_room_for(self, agency: AgencyId) -> bool:
        of_one = sum(held.agency == agency for held in self._noted.values())
        return len(self._noted) < MOST_NOTED and of_one < MOST_NOTED_OF_ONE

    def _was_told(self, noted: Noted) -> bool:
        return noted.agency.value + noted.size.to_bytes(_SIZE_BYTES, "big") in self._said

    def _alarm(self, alarm: LogAlarm) -> None:
        name = name_alarm(alarm)
        if name in self._alarms or name in self._seen:
            return
        self._alarms[name] = alarm
        self.new_alarms.append(alarm)
        self.touched = True
