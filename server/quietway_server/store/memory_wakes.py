"""Wake-ups in memory: the same promises, except that nothing outlives the process.

Spec: docs/spec/wake-ups.md.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from quietway_schemas.instants import SECOND, Instant
from quietway_server.core.waking import LONGEST_WAIT_MS, NO_MAILBOX
from quietway_server.rows import DueWake

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from quietway_server.rows import MailboxRow

WAKE_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Pending:
    """One pending wake-up; `due` is a whole second, in milliseconds."""

    wake_id: bytes
    due: Instant
    attempt: int = 0
    taken: bool = False


@dataclass(slots=True)
class WakeState:
    """What is kept of wake-ups."""

    endpoints: dict[bytes, bytes] = field(default_factory=dict)
    pending: dict[bytes, Pending] = field(default_factory=dict)

    def copy(self) -> WakeState:
        """Give a copy that may be changed."""
        return WakeState(dict(self.endpoints), dict(self.pending))


class MemoryWakes:
    """The wake-ups' part of a transaction on a state.

    Args:
        held: What is kept of wake-ups.
        mailboxes: The mailboxes that exist, by id.
    """

    def __init__(self, held: WakeState, mailboxes: Mapping[bytes, MailboxRow]) -> None:
        self._wakes = held
        self._boxes = mailboxes

    def replace_endpoints(self, mailbox: bytes, sealed: bytes | None) -> None:
        """Put a mailbox's endpoints in the place of those before; None takes them away."""
        if sealed is None:
            self._wakes.endpoints.pop(mailbox, None)
            self._wakes.pending.pop(mailbox, None)
        else:
            self._wakes.endpoints[mailbox] = sealed

    def find_wakeable(self, wanted: Collection[bytes]) -> set[bytes]:
        """Tell which of these mailboxes have endpoints."""
        return {of for of in wanted if of in self._wakes.endpoints}

    def find_any_endpoints(self) -> tuple[bytes, bytes] | None:
        """Give a mailbox that has endpoints, and these; None where none has."""
        return next(iter(self._wakes.endpoints.items()), None)

    def forget_endpoints(self) -> int:
        """Take away all endpoints and pending wake-ups; tell how many mailboxes had some."""
        had = len(self._wakes.endpoints.keys() - {NO_MAILBOX})
        self._wakes.endpoints.clear()
        self._wakes.pending.clear()
        return had

    def queue_wakes(
        self, mailboxes: Collection[bytes], *, due: Instant, emptied: Collection[bytes] = ()
    ) -> None:
        """Let mailboxes be woken at a time; one pending each, the earlier time counts."""
        when = _round_up(due)
        for of in self.find_wakeable(mailboxes):
            if of in emptied:
                self._wakes.pending.pop(of, None)
            held = self._wakes.pending.get(of) or Pending(secrets.token_bytes(WAKE_ID_BYTES), when)
            self._wakes.pending[of] = replace(held, due=min(held.due, when))

    def claim_wakes(self, *, now: Instant, until: Instant, limit: int) -> list[DueWake]:
        """Take wake-ups that are due; drop those of mailboxes in which nothing waits."""
        due = [of for of, held in self._wakes.pending.items() if _is_due(held, now)]
        claimed: list[DueWake] = []
        for of in sorted(due, key=lambda of: self._wakes.pending[of].due)[:limit]:
            held = self._wakes.pending[of]
            if self._boxes[of].waiting <= 0:
                del self._wakes.pending[of]
                continue
            self._wakes.pending[of] = replace(held, due=_round_up(until))
            sealed = self._wakes.endpoints[of]
            claimed.append(
                DueWake(of, held.wake_id, held.attempt, held.taken, sealed, _round_up(until))
            )
        return claimed

    def settle_wake(self, wake: DueWake, *, due: Instant | None) -> None:
        """Write down what became of a wake-up that was claimed; one that is due anew stays so."""
        held = self._wakes.pending.get(wake.mailbox)
        if held is None or held.wake_id != wake.wake_id or held.due > wake.until:
            return
        is_due_anew = held.due < wake.until
        if due is not None:
            when = held.due if is_due_anew else _round_up(due)
            tried = Pending(held.wake_id, when, wake.attempt, wake.taken)
            self._wakes.pending[wake.mailbox] = tried
        elif is_due_anew:
            fresh = Pending(secrets.token_bytes(WAKE_ID_BYTES), held.due)
            self._wakes.pending[wake.mailbox] = fresh
        else:
            del self._wakes.pending[wake.mailbox]

    def count_due_wakes(self, *, now: Instant) -> int:
        """Count the wake-ups whose time has come."""
        return sum(_is_due(held, now) for held in self._wakes.pending.values())


def _is_due(held: Pending, now: Instant) -> bool:
    # Nothing is put off for so long: the clock stood ahead when it was written, and was put back.
    return held.due <= now or held.due > now + LONGEST_WAIT_MS


def _round_up(instant: Instant) -> Instant:
    return -(-instant // SECOND) * SECOND
