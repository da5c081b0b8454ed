"""A relay whose files were damaged while it was down, and what it gives out afterwards.

A relay with envelopes in its database and in its log, and with a file, is killed. For each trial
its files are copied, one bit is flipped or one file is cut short, and the relay starts on the copy.
What then happens is one of these: it refuses to start, or to answer, with a sentence; it logs that
something is damaged, and withholds it; it gives out bytes that their reader refuses, because they
are not what was signed or committed to; or nothing, because the bit lay where nothing lies. That
something was altered or is gone and nobody was told must not happen.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx
from tests.faults.handover import OPTIONS
from tests.journeys.conftest import enroll
from tests.relay_process import PRODUCT, RelayProcess, wait_until
from tests.server.agency import PARTNER, join
from tests.server.test_blobs import ROW, Upload

from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.frames import MailboxPage

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

REFUSED: Final = "refused to start or to answer"
WITHHELD: Final = "withheld, and logged"
FOR_THE_READER: Final = "left to the reader, who refuses it"
HARMLESS: Final = "without effect"
SILENT: Final = "silent"
DATABASE, LOG = "relay.db", "relay.db-wal"
BIT, CUT = "a flipped bit", "a file cut short"
_LOGGED: Final = re.compile("row_withheld|database_damaged|log_cut_short|storage_failed")
_ENVELOPES: Final = 40


@dataclass(frozen=True)
class Damage:
    """What was done to which file."""

    how: str
    file: str
    at: int
    bit: int


class Patient:
    """A dead relay's files, and the knowledge of what they hold."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._template = folder / "template"
        relay = RelayProcess(self._template, options=OPTIONS)
        with relay:
            self.agency = join(relay.url, enroll(relay), seed)
            capability = self.agency.capability_for(PARTNER)
            self.blob = Upload(relay.url, capability, self.agency.draw(2 * ROW))
            assert self.blob.put().is_success
            self._sealed = dict[bytes, bytes]()
            for number in range(_ENVELOPES):
                of = EnvelopeClass.CASE if number % 4 == 0 else EnvelopeClass.FLASH
                record = self.agency.record(of)
                assert self.agency.submit(capability, record).status_code == 201
                self._sealed[record.header.pack()] = record.sealed
                if number == _ENVELOPES // 2:
                    # Half stands in the database by now, the other half in the log.
                    relay.sweep()
            relay.kill()
        self._port = relay.port

    def draw(self, draw: Random) -> Damage:
        """Draw what is done to which file, anywhere in it."""
        name, how = draw.choice((DATABASE, LOG)), draw.choice((BIT, BIT, BIT, CUT))
        size = (self._template / name).stat().st_size
        return Damage(how, name, draw.randrange(size), draw.randrange(8))

    def find_sealed(self, name: str = DATABASE) -> Damage:
        """Choose a bit within the sealed bytes of an envelope in a file."""
        held = (self._template / name).read_bytes()
        at = next(
            place for sealed in self._sealed.values() if (place := held.find(sealed[:64])) > 0
        )
        return Damage(BIT, name, at + 32, 0)

    def cut_log(self) -> Damage:
        """Cut the log short in its middle."""
        return Damage(CUT, LOG, (self._template / LOG).stat().st_size // 2, 0)

    def copy(self, damage: Damage) -> Path:
        """Copy the files, and damage one of them."""
        copy = self._folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self._template, copy, ignore=shutil.ignore_patterns("*-reserve"))
        with (copy / damage.file).open("r+b") as file:
            if damage.how == CUT:
                file.truncate(damage.at)
            else:
                file.seek(damage.at)
                (held,) = file.read(1)
                file.seek(damage.at)
                file.write(bytes((held ^ (1 << damage.bit),)))
        return copy

    def examine(self, copy: Path, *, module: str = PRODUCT, careless: str = "") -> str:
        """Start a relay on damaged files; tell what came of it."""
        relay = RelayProcess(copy, options=OPTIONS, environment={"CARELESS": careless})
        relay.module, relay.port = module, self._port
        relay.begin()
        try:
            wait_until(lambda: relay.has_spoken)
            if relay.url:
                return self._read(relay)
            assert relay.wait() == 2, relay.output
            assert "Traceback" not in relay.output, relay.output
            return REFUSED
        finally:
            relay.kill()

    def _read(self, relay: RelayProcess) -> str:
        given, is_answered = self._ask_everything()
        blob = self._fetch()
        told = _LOGGED.search(relay.output) is not None
        if any(sealed not in self._sealed.values() for _, sealed in given):
            return SILENT
        if any(self._sealed.get(header) != sealed for header, sealed in given):
            # A header is bound to what is sealed: who opens it notices.
            return FOR_THE_READER
        if not is_answered or blob is None:
            return REFUSED
        if len(given) < len(self._sealed):
            return WITHHELD if told else SILENT
        if blob != self.blob.body:
            return FOR_THE_READER
        return WITHHELD if told else HARMLESS

    def _ask_everything(self) -> tuple[set[tuple[bytes, bytes]], bool]:
        given, after = set[tuple[bytes, bytes]](), 0
        while True:
            answer = self.agency.get(f"/v1/mailbox?after={after}")
            if answer.status_code != 200:
                return given, False
            entries = MailboxPage.unpack(answer.content).entries
            if not entries:
                return given, True
            given |= {(entry.header.pack(), entry.sealed) for entry in entries}
            after = entries[-1].seq

    def _fetch(self) -> bytes | None:
        try:
            answer = self.blob.get()
        except httpx.HTTPError:
            return None
        return answer.content if answer.status_code == 200 else None
