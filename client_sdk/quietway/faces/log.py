"""The transparency log: how it stands, what speaks against it, and the evidence for others.

Nobody needs this for daily work. It is for the day on which `sync` reports that the relay has shown
two directories, and for whoever wants to see that it has not.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.errors import EvidenceRefused, NotFound
from quietway.fingerprint import show_fingerprint, show_words
from quietway.reports import ForkEvidence, LogStanding
from quietway_protocol import evidence
from quietway_protocol.errors import EvidenceRefusedError

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.witnessing.alarms import LogAlarm
    from quietway_protocol.evidence import ProvedFork


class AsyncLog:
    """The relay's transparency log, as this device has verified it."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def standing(self) -> LogStanding:
        """Say which log is relied on, and how far it was verified."""
        log = self._agent.log
        return LogStanding(
            log_key=log.log_key,
            fingerprint=show_fingerprint(log.log_key) if log.log_key else "",
            words=show_words(log.log_key) if log.log_key else "",
            size=log.size,
            root=b"" if log.latest is None else log.latest.root,
            synced_at=log.synced or None,
            stopped=log.is_stopped,
        )

    async def alarms(self) -> list[LogAlarm]:
        """List the alarms that no person has acknowledged, the oldest first."""
        return list(self._agent.log.alarms())

    async def acknowledge(self, alarm: LogAlarm) -> None:
        """Say that a person has seen an alarm. It is not raised again.

        After a fork this also lets the directory go on: do it when you have shown the evidence to
        your partners and to the relay's operator, and have decided to stay with this relay.
        """
        self._agent.log.acknowledge(alarm)
        await self._agent.settle()

    async def evidence(self) -> list[ForkEvidence]:
        """List the proofs that the log showed two faces, acknowledged or not."""
        return [_show(fork) for fork in self._agent.log.forks()]

    async def export(self, fork_id: bytes) -> bytes:
        """Write one proof as a file that anybody can check: it names no agency and no device.

        Raises:
            NotFound: There is no such proof.
        """
        for fork in self._agent.log.forks():
            if fork.fork_id == fork_id:
                return fork.to_bytes()
        raise NotFound("That evidence")


def verify_evidence(raw: bytes) -> ForkEvidence:
    """Check an evidence file. It takes no store, no passphrase and no network.

    Args:
        raw: The file, as it was exported.

    Returns:
        What it proves. Compare its `log_key` with the one that you rely on.

    Raises:
        EvidenceRefused: It proves nothing.
    """
    try:
        return _show(evidence.verify_evidence(raw))
    except EvidenceRefusedError as refused:
        raise EvidenceRefused(refused.reason) from None


def _show(fork: ProvedFork) -> ForkEvidence:
    return ForkEvidence(
        fork_id=fork.fork_id,
        log_key=fork.log_key,
        fingerprint=show_fingerprint(fork.log_key),
        words=show_words(fork.log_key),
        first_size=fork.first.size,
        first_root=fork.first.root,
        second_size=fork.second.size,
        second_root=fork.second.root,
    )
