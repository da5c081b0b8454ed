"""Preferring: how a survivor may be reached, said to a partner, and noted as it was said.

Spec: docs/spec/consent.md, "Asking".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.consent.asking import ask
from quietway.consent.deciding import Place, note_preferences
from quietway.naming import find_alias
from quietway.speaking import speak

if TYPE_CHECKING:
    from collections.abc import Callable

    from quietway.agent import Agent
    from quietway.reports import Sent
    from quietway_schemas.content.consent import ConsentPreferences
    from quietway_schemas.ids import AgencyId, CaseRef


async def say_preferences(
    agent: Agent, case: CaseRef, agency: AgencyId, make: Callable[[CaseRef], ConsentPreferences]
) -> Sent:
    """Tell a partner how a survivor may be reached; see `AsyncConsent.preferences`.

    Args:
        agent: Of this device.
        case: By one's own reference.
        agency: The partner.
        make: Gives the content, for what the partner calls the case.
    """
    place = Place(case, agency, await find_alias(agent, case, agency))
    content = make(place.alias)
    async with agent.consent_turn:
        # As it will travel: its name is that of the whole.
        said = (await ask(agent, content, agency)).content
    sent = await speak(agent, said, to=[agency])
    await note_preferences(agent, place, said)
    return sent
