"""The contact log as it is read from the store: from the newest message back, page by page.

What is kept while that goes on is the log's own lines, and a number for each conversation.

Spec: docs/spec/contacts.md, "The contact log".
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from quietway.exercises import keep_live
from quietway.history import walk_back
from quietway.roles import keep_readable
from quietway.views.contact_log import fold_contacts_back

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.records import StoredMessage
    from quietway.views.contact_log import ContactEntry, Later
    from quietway_schemas.ids import AgencyId


async def list_contacts(
    agent: Agent, *, agency: AgencyId | None = None, limit: int | None = None
) -> list[ContactEntry]:
    """List the contacts with other agencies, oldest first.

    Args:
        agent: Of this device.
        agency: Only those with this one.
        limit: Only so many, those that this store came to know last; None for all.
    """
    later: Later = {}
    found: list[ContactEntry] = []
    async with aclosing(walk_back(agent)) as pages:
        async for page in pages:
            entries = fold_contacts_back(keep_live(page), me=agent.keyring.agency, later=later)
            found += _keep_with(entries, agency)
            if limit is not None and len(found) >= limit:
                break
    return _sort(found, limit)


def list_contacts_of(
    agent: Agent,
    messages: Iterable[StoredMessage],
    *,
    agency: AgencyId | None = None,
    limit: int | None = None,
) -> list[ContactEntry]:
    """List the contacts among the messages of one case, in the same way."""
    back = keep_readable(agent, keep_live(messages))[::-1]
    entries = fold_contacts_back(back, me=agent.keyring.agency, later={})
    return _sort(_keep_with(entries, agency), limit)


def _keep_with(entries: Iterable[ContactEntry], agency: AgencyId | None) -> list[ContactEntry]:
    return [entry for entry in entries if agency is None or agency in entry.agencies]


def _sort(found: list[ContactEntry], limit: int | None) -> list[ContactEntry]:
    oldest_first = reversed(found[:limit])
    return sorted(oldest_first, key=lambda entry: entry.at)
