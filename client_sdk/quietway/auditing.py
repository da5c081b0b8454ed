"""The log's part of a synchronisation: read the leaves, judge what others said, show one's own.

It comes after the directory was read, and nothing else begins it: no message that arrives causes a
request here, so nobody can make this device speak. The relay's answers are proved by `witnessing`;
where it gives none, what waits goes on waiting, and becomes an alarm in its time.

Spec: docs/spec/transparency-log.md, "What a reader checks" and "Gossip".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.engine.inputs import Compose
from quietway.errors import LogRolledBack, RelayRefused
from quietway.witnessing.gossip import Verdict, judge, judge_by_path
from quietway.witnessing.leaves import fold
from quietway.witnessing.view import UNPROVEN_AFTER_MS
from quietway_protocol.checkpoints import Checkpoint
from quietway_schemas.content.log import MOST_PATH, LogCheckpoint
from quietway_schemas.content.registry import encode_content, find_class
from quietway_schemas.ids import ConversationId

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.errors import QuietwayError
    from quietway.witnessing.gossip import Noted
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.log import LogLeaf

MOST_PATHS_ASKED: Final = 16
"""So many paths are asked for in one synchronisation; the rest waits for the next."""
_ID_BYTES: Final = 16


async def audit(agent: Agent) -> list[QuietwayError]:
    """Do what a synchronisation owes the log; returns what the relay could not prove.

    Raises:
        RelayUnreachable: The rest is done the next time.
    """
    problems: list[QuietwayError] = []
    if not agent.log.is_stopped:
        note_own_versions(agent)
        problems += await _read_leaves(agent)
    await _judge_noted(agent)
    return problems


def note_own_versions(agent: Agent) -> None:
    """Remember what the agency's own versions are, as far as the directory has them."""
    held = agent.directory.manifest(agent.keyring.agency)
    if held is None:
        return
    version, log = held.manifest.version, agent.log
    log.note_own(version, held.hash)
    if version > 1:
        log.note_own(version - 1, held.manifest.prev_hash)


async def _read_leaves(agent: Agent) -> list[QuietwayError]:
    """Read the openings up to the verified size, fold them, and look at one's own among them."""
    log, now = agent.log, agent.clock.now()
    frontier = log.leaves.frontier
    read: list[LogLeaf] = []
    while log.latest is not None and frontier.size < log.latest.size:
        page = await agent.relay.log_leaves(frontier.size)
        leaves = page.leaves[: log.latest.size - frontier.size]
        if not leaves:
            return [LogRolledBack(log.latest.size, frontier.size)]
        frontier = fold(frontier, leaves)
        read += leaves
    if read and log.latest is not None:
        if frontier.root() != log.latest.root:
            return [LogRolledBack(log.latest.size, frontier.size)]
        log.read_leaves(read, agent.keyring.agency, frontier)
    log.look_at_own(agent.directory.manifest_version(agent.keyring.agency), now=now)
    return []


async def _judge_noted(agent: Agent) -> None:
    asked = 0
    for noted in agent.log.noted():
        latest = agent.log.latest
        if latest is None:
            return
        if not agent.log.waits(noted):
            continue
        path: tuple[bytes, ...] = ()
        verdict = judge(noted, agent.log.known, latest)
        if verdict is Verdict.ASKS_FOR_PATH:
            if asked >= MOST_PATHS_ASKED:
                continue
            asked += 1
            path = await _ask_path(agent, noted.size, latest.size)
            verdict = judge_by_path(noted, latest, path)
        await _conclude(agent, noted, verdict, path)


async def _conclude(agent: Agent, noted: Noted, verdict: Verdict, path: tuple[bytes, ...]) -> None:
    log, now = agent.log, agent.clock.now()
    if _proves_by_itself(agent, noted):
        log.settle(noted)
        await _show(agent, noted.agency, noted.old_size, ())
    elif verdict is Verdict.AGREES:
        log.settle(noted)
        log.learn(noted)
    elif verdict is Verdict.CONTRADICTS:
        if _proves(agent, noted, path):
            log.settle(noted)
        await _show(agent, noted.agency, noted.size, path)
    # What was settled here is no alarm, however long this device was switched off before.
    if log.waits(noted) and now >= noted.since + UNPROVEN_AFTER_MS:
        log.give_up(noted, now=now)


def _proves_by_itself(agent: Agent, noted: Noted) -> bool:
    """Say whether a note came with the path from a size at which this device saw another root."""
    mine = agent.log.known.get(noted.old_size)
    if not noted.note or not noted.path or mine is None:
        return False
    theirs = Checkpoint(noted.size, noted.root, noted.note)
    return agent.log.prove(mine, theirs, noted.path, now=agent.clock.now())


def _proves(agent: Agent, noted: Noted, path: tuple[bytes, ...]) -> bool:
    """Say whether a note and this device's own checkpoint prove a fork; gossip has no note."""
    mine = agent.log.known.get(noted.size, agent.log.latest)
    if mine is None:
        return False
    theirs = Checkpoint(noted.size, noted.root, noted.note)
    return agent.log.prove(mine, theirs, path, now=agent.clock.now())


async def _show(agent: Agent, agency: AgencyId, size: int, path: tuple[bytes, ...]) -> None:
    """Show an agency this device's own note for a size, once."""
    log = agent.log
    if log.latest is None or not log.say_once(agency, size):
        return
    mine = log.known.get(size)
    if mine is not None and mine.note:
        content = LogCheckpoint(note=mine.note)
    else:
        fits = 0 < len(path) <= MOST_PATH
        content = LogCheckpoint(note=log.latest.note, old_size=size, path=path if fits else None)
    await agent.settle(
        Compose(
            now=agent.clock.now(),
            local_id=agent.entropy.draw(_ID_BYTES),
            conversation=ConversationId(agent.entropy.draw(_ID_BYTES)),
            to=(agency,),
            kind=content.type,
            class_=find_class(content),
            content=encode_content(content),
        )
    )


async def _ask_path(agent: Agent, old: int, new: int) -> tuple[bytes, ...]:
    try:
        return await agent.relay.log_consistency(old, new)
    except RelayRefused:
        return ()
