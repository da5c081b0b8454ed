"""One agency at one relay on a bad disk: what is handed over, and what came of it.

Every request is noted by how it ended: answered well, refused, or cut off because the relay died.
What was answered well is a promise, and is held against what the next relay gives out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httpx
from tests.faults.account import Account
from tests.journeys.conftest import enroll
from tests.server.agency import PARTNER, join, problem_code

from quietway_schemas.frames import MailboxPage

if TYPE_CHECKING:
    from tests.relay_process import RelayProcess
    from tests.server.agency import Agency

    from quietway_schemas.envelope import SubmissionRecord

CUT_OFF: Final = "cut off"
ACCEPTED: Final = "accepted"
OPTIONS: Final = {"lane_envelopes": "1000000", "lane_crisis_envelopes": "1000000"}


class Handover:
    """An agency that sends to itself, and an account of it.

    Attributes:
        answers: How each request ended: `accepted`, `cut off`, or a problem.
        acknowledged: The highest number whose acknowledgement was answered.
    """

    def __init__(self, agency: Agency) -> None:
        self.agency = agency
        self.account = Account()
        self.answers: list[str] = []
        self.acknowledged = 0
        self._asked = 0

    @classmethod
    def at(cls, relay: RelayProcess, seed: int) -> Handover:
        """Enrol an agency at a relay that serves."""
        return cls(join(relay.url, enroll(relay), seed))

    def submit(self, *records: SubmissionRecord, kind: str = "normal") -> str:
        """Submit records, none to let one be drawn; tell how it ended."""
        sent = records or (self.agency.record(),)
        ids = self.account.offer(sent)
        try:
            answer = self.agency.submit(self.agency.capability_for(PARTNER, kind=kind), *sent)
        except httpx.HTTPError:
            return self._note(CUT_OFF)
        if answer.status_code == 201:
            self.account.accept(ids)
            return self._note(ACCEPTED)
        return self._note(problem_code(answer))

    def acknowledge(self, through: int) -> str:
        """Acknowledge up to a number; tell how it ended."""
        self._asked = max(self._asked, through)
        try:
            answer = self.agency.post("/v1/mailbox/ack", {"frame": "ack", "through": through})
        except httpx.HTTPError:
            return self._note(CUT_OFF)
        if answer.status_code == 204:
            self.acknowledged = max(self.acknowledged, through)
            return self._note(ACCEPTED)
        return self._note(problem_code(answer))

    def read(self) -> int | None:
        """Read everything that waits; give the mailbox's latest number, None where it can't be.

        What was never acknowledged, and only that, must come.
        """
        after = 0
        while True:
            try:
                answer = self.agency.get(f"/v1/mailbox?after={after}")
            except httpx.HTTPError:
                return None
            if answer.status_code != 200:
                self.answers.append(problem_code(answer))
                return None
            page = MailboxPage.unpack(answer.content)
            for entry in page.entries:
                self.account.arrive(entry.seq, entry.header, entry.sealed)
                after = entry.seq
            if not page.entries:
                return page.latest

    def take(self) -> None:
        """Read all, and acknowledge it."""
        latest = self.read()
        if latest:
            self.acknowledge(latest)
            self.account.release(self.agency.mailbox.value, range(1, self.acknowledged + 1))

    def judge(self) -> dict[str, int]:
        """Count the broken promises."""
        judged = self.account.judge()
        del judged["refused"], judged["missing"]
        return {name: count for name, count in judged.items() if count}

    def _note(self, answer: str) -> str:
        self.answers.append(answer)
        return answer
