"""What partners said of consent that nobody waits for: kept out, counted, and told.

A partner's device could fill the store with orders, attestations and releases about nothing. What
goes beyond any use is not kept; how often that happened is a row for each agency, and `doctor` says
so.

Spec: docs/spec/consent.md, "What counts" and "Rollback".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.engine.codec import Fields, write_row
from quietway.ports import Put
from quietway.reports import Finding
from quietway_schemas.ids import AgencyId
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from quietway.agent import Agent

KEPT_OUT: Final = "kept_out"
TOLD_FOR_MS: Final = 30 * DAY
"""So long after the last of it `doctor` tells of an agency."""


async def keep_out(agent: Agent, agency: AgencyId) -> Put:
    """Give the row that counts one more that was kept out."""
    held = Fields(await agent.store.read(KEPT_OUT, agency.value) or b"{}")
    row = write_row(count=held.number("count") + 1, last=agent.clock.now())
    return Put(KEPT_OUT, agency.value, row)


async def count_kept_out(agent: Agent) -> dict[AgencyId, int]:
    """Count what was kept out, by agency, of those of which something was lately."""
    found = {AgencyId(row.key): Fields(row.value) for row in await agent.store.scan(KEPT_OUT)}
    since = agent.clock.now() - TOLD_FOR_MS
    return {
        agency: held.number("count")
        for agency, held in found.items()
        if held.number("last") > since
    }


async def look_at_orders(agent: Agent) -> Finding:
    """See that no partner sent orders, or other words of consent, that nobody waits for."""
    found = await count_kept_out(agent)
    if not found:
        return Finding("orders to delete", True, "Nothing was kept out.")  # noqa: FBT003 - `ok` reads well
    named = sorted(agent.directory.agency_code(held) or str(held) for held in found)
    return Finding(
        "orders to delete",
        False,  # noqa: FBT003 - as above
        f"{sum(found.values())} were kept out that nobody waits for: {', '.join(named)}.",
        "Ask them what their program does; pause the partner if they don't know.",
    )
