"""Writing down what is new of who is on call, and telling the agency's other devices.

The book is gone by once its rows are on the disk, and not before.

Spec: docs/spec/on-call.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.own.telling import tell_own

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from quietway.agent import Agent
    from quietway.oncall.book import OnCallBook
    from quietway.ports import Delete, Put
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import DeviceId


async def change_book(
    agent: Agent,
    change: Callable[[OnCallBook], Sequence[Put | Delete]],
    *contents: ContentModel,
    devices: tuple[DeviceId, ...] = (),
) -> bool:
    """Change what is known, and say these contents in the same commit; says whether it changed.

    Raises:
        StorageFull: Nothing was changed or said.
    """
    async with agent.cover.turn:
        book = agent.oncall.copy()
        rows = change(book)
        if rows or contents:
            await tell_own(agent, *contents, devices=devices, also=rows, at_once=False)
        agent.oncall = book
        if book.has_rota:
            agent.cover.has_rota.set()
    return bool(rows)
