"""Telling the agency's other devices something, which no other agency is ever told.

It goes through the outbox like everything else, so it waits for a device that is switched off or
has not published a key yet. It is written in the same commit as the rows that it is about.

Spec: docs/spec/keys.md, "Messages within an agency".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.engine.inputs import Compose
from quietway.ports import Put
from quietway_schemas.content.registry import encode_content, find_class
from quietway_schemas.ids import ConversationId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.engine.inputs import Input
    from quietway.keyring.standing import VerifiedDevice
    from quietway.ports import Delete
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import DeviceId

BOARD: Final = "board"
_ID_BYTES: Final = 16


async def tell_own(
    agent: Agent,
    *contents: ContentModel,
    devices: tuple[DeviceId, ...] = (),
    also: Iterable[Put | Delete] = (),
    first: Iterable[Input] = (),
    at_once: bool = True,
) -> None:
    """Tell the agency's other devices, and write these rows in the same commit.

    Args:
        agent: Of this device.
        contents: What; types that begin with `agency.`.
        devices: Only these, which need not be certified yet; empty for all the others there are.
        also: Rows that belong into the same commit. Where there is nobody to tell, only they are
            written.
        first: What happens to this device's own state in the same commit, before they are told.
        at_once: Whether to send it now; else it goes with what is sent next.

    Raises:
        StorageFull: Nothing was written, and nobody is told.
    """
    if not contents or not (devices or list_colleagues(agent)):
        await agent.settle(*first, also=also)
        return
    conversation = await _find_conversation(agent)
    composed = [_compose(agent, content, conversation, devices) for content in contents]
    await agent.settle(*first, *composed, also=also)
    if at_once:
        await agent.send_what_waits()


def list_colleagues(agent: Agent) -> tuple[VerifiedDevice, ...]:
    """List the agency's other devices, as the manifest held has them."""
    keyring = agent.keyring
    own = agent.directory.devices_of(keyring.agency)
    return tuple(held for held in own if held.device != keyring.device)


def _compose(
    agent: Agent,
    content: ContentModel,
    conversation: ConversationId,
    devices: tuple[DeviceId, ...],
) -> Compose:
    return Compose(
        now=agent.clock.now(),
        local_id=agent.entropy.draw(_ID_BYTES),
        conversation=conversation,
        to=(agent.keyring.agency,),
        kind=content.type,
        class_=find_class(content),
        content=encode_content(content),
        devices=devices,
    )


async def _find_conversation(agent: Agent) -> ConversationId:
    # One for all that this device ever tells the others.
    key = agent.keyring.agency.value
    held = await agent.store.read(BOARD, key)
    if held is not None:
        return ConversationId(held)
    drawn = agent.entropy.draw(_ID_BYTES)
    await agent.settle(also=[Put(BOARD, key, drawn)])
    return ConversationId(drawn)
