"""Two agencies become partners as people really do it: one of them a day after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.controls import without
from tests.gallery.world import World

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

WORDS = "We accepted your invitation."


async def _write_before_being_added(world: World) -> list[str]:
    shelter = await world.found("SHELTER-DESK")
    police = await world.found("POLICE-DESK")
    await police.client.partners.add(await shelter.client.partners.invite("police"))
    await police.client.messages.send(WORDS, to=["SHELTER"])
    for _ in range(6):
        await shelter.client.sync()
    assert await shelter.texts() == []

    await shelter.client.partners.add(await police.client.partners.invite("shelter"))
    return await shelter.texts()


async def test_what_a_partner_wrote_before_it_was_added_is_shown_once_it_is(tmp_path: Path) -> None:
    (text,) = await _write_before_being_added(World(tmp_path))
    assert WORDS in text


async def test_control_when_strangers_are_tried_and_dropped_their_mail_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.sealing:name_refusal_of_unknown", lambda *_: "pending")
    assert await _write_before_being_added(World(tmp_path)) == []
