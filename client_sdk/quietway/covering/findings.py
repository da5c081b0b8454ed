"""What of being on call needs a person: for the list of what is due, and for `doctor`.

Spec: docs/spec/on-call.md, "Gaps" and "Heartbeats".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.covering.judging import list_gaps
from quietway.oncall.gaps import GAP_WORDS
from quietway.oncall.heard import SHOWN_AWAKE_MS, tell_state
from quietway.oncall.tiers import BACKUP, PRIMARY
from quietway.reports import Finding
from quietway.views.due import Due
from quietway_schemas.content.oncall import TIERS
from quietway_schemas.content.roles import ON_CALL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from quietway.agent import Agent
    from quietway_schemas.ids import DeviceId
    from quietway_schemas.instants import Instant

_ROLES: Final = tuple(sorted(ON_CALL))
_NAME: Final = "on call"
_WORDS: Final = {
    "locked_unwakeable": "Whoever is on call has locked, and can't be woken: call them.",
    "silent": "Whoever is on call was not heard for half an hour: call them.",
    "unheard": "Whoever is on call was not heard yet: call them.",
}
_UNREACHABLE: Final = (
    "You are on call, and no alert would arrive here: call whoever is next, and look at the "
    "network."
)
_CROSSED: Final = "Two rotas were set at the same time, and both count: set the one that you mean."
_OFFERED: Final = "A colleague offers you a swap: accept it, or tell them that you can't."


async def list_due_on_call(agent: Agent, *, now: Instant) -> Iterable[Due]:
    """List gaps, colleagues on call who are silent, swaps to answer, and rotas that cross."""
    if not agent.oncall.has_rota:
        return []
    gaps = [_show("fill_gap", gap.tier, gap.starts, GAP_WORDS[gap.why]) for gap in list_gaps(agent)]
    return [*gaps, *_list_own(agent, now), *_list_silent(agent, now)]


async def look_at_on_call(agent: Agent) -> Finding:
    """Say whether somebody is on call for the next two weeks, and alerts would arrive here."""
    if not agent.oncall.has_rota:
        return Finding(_NAME, True, "There is no rota: alerts reach whoever has the role.")  # noqa: FBT003 - `ok` reads well
    if agent.cover.is_unreachable(agent.clock):
        detail, _, what_next = _UNREACHABLE.partition(": ")
        return Finding(_NAME, False, f"{detail}.", f"{what_next[0].upper()}{what_next[1:]}")  # noqa: FBT003 - as above
    gaps = list_gaps(agent)
    if gaps:
        return Finding(
            _NAME,
            False,  # noqa: FBT003 - as above
            f"{len(gaps)} gaps within two weeks.",
            f"{GAP_WORDS[gaps[0].why]} See: quietway oncall gaps",
        )
    return Finding(_NAME, True, "Somebody is on call for the next two weeks, with a backup.")  # noqa: FBT003 - as above


def list_silent(agent: Agent, now: Instant) -> Iterator[tuple[DeviceId, int, Instant]]:
    """List the primaries and backups who should have been heard, with their tier and since when."""
    book, me = agent.oncall, agent.keyring.device
    # Whoever came on call a moment ago had no time to say so.
    layout = book.lay_out(now - SHOWN_AWAKE_MS, now + 1)
    for place in (PRIMARY, BACKUP):
        for device in layout[-1].tiers[place]:
            long = all(device in (*held.tiers[PRIMARY], *held.tiers[BACKUP]) for held in layout)
            heard = book.heard.get(device)
            if device != me and (long or (heard is not None and heard.locking)):
                yield device, place, layout[0].starts if heard is None else heard.at


def _list_silent(agent: Agent, now: Instant) -> Iterator[Due]:
    for device, place, since in list_silent(agent, now):
        state = tell_state(agent.oncall.heard.get(device), now)
        if state in _WORDS:
            yield _show(f"call_{TIERS[place]}", str(device), since, _WORDS[state])


def _list_own(agent: Agent, now: Instant) -> Iterator[Due]:
    book, cover = agent.oncall, agent.cover
    if cover.awaited is not None and cover.is_unreachable(agent.clock):
        yield _show("unreachable", str(agent.keyring.device), cover.awaited.wall, _UNREACHABLE)
    if len(book.known.current) > 1:
        yield _show("join_rotas", agent.keyring.agency_code, now, _CROSSED)
    for held in book.list_changes():
        if held.state == "offered" and held.on == agent.keyring.device and now < held.ends:
            yield _show("answer_swap", held.change_id.hex(), held.starts, _OFFERED)


def _show(kind: str, subject: str, at: Instant, words: str) -> Due:
    return Due(
        source="on_call",
        kind=kind,
        subject=subject,
        at=at,
        turn="ours",
        roles=_ROLES,
        words=words,
    )
