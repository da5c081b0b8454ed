"""What is played: the scenes in their order, or the one that was asked for, or a referral file.

It reads SCENE and REFERRAL, and turns every end that the story can have into an exit code.

Spec: docs/tutorial/first-referral.md.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ending import (
    DEADLINE_SECONDS,
    Deadline,
    StoppedError,
    closed_at_the_end,
    stoppable,
    temporary_folder,
)
from listener import StartFailedError
from scenes import (
    agreed,
    alert,
    chaos,
    closed,
    consented,
    corroborated,
    expired,
    founding,
    gap,
    guarded,
    huddle,
    imported,
    lost_laptop,
    paused,
    referral,
    restart,
    second_device,
    status,
    taken_back,
    two_faces,
    who_sees_what,
)
from tell import Teller
from world import World

from quietway import ImportRefused, QuietwayError
from quietway.interop.files import read_import_file

if TYPE_CHECKING:
    from types import ModuleType

SCENES: Final[dict[str, ModuleType]] = {
    "founding": founding,
    "referral": referral,
    "status": status,
    "guarded": guarded,
    "agreed": agreed,
    "consented": consented,
    "taken_back": taken_back,
    "restart": restart,
    "paused": paused,
    "gap": gap,
    "second_device": second_device,
    "lost_laptop": lost_laptop,
    "alert": alert,
    "corroborated": corroborated,
    "huddle": huddle,
    "closed": closed,
    "two_faces": two_faces,
    "expired": expired,
    "who_sees_what": who_sees_what,
}
LONG_SECONDS: Final = 400
ALONE: Final[dict[str, ModuleType]] = {"chaos": chaos}
"""What is played only where it is asked for by name: it takes as long as all the others."""
NOT_TAKEN: Final = 2
WENT_WRONG: Final = 1
UNREAD: Final = 141


def play_wanted() -> int:
    """Play what the environment asks for, and return the exit code."""
    tell = Teller()
    wanted, path = os.environ.get("SCENE", ""), os.environ.get("REFERRAL", "")
    scenes = SCENES | ALONE
    if wanted and wanted not in scenes:
        tell.raw(f"There is no scene of that name. SCENE is one of: {', '.join(scenes)}.")
        return NOT_TAKEN
    try:
        raw = _read_referral(Path(path)) if path else None
    except ImportRefused as refused:
        tell.raw(str(refused))
        tell.raw(f"reason: {refused.reason}")
        tell.raw(f"field: {refused.field}")
        return NOT_TAKEN
    return _run(tell, wanted, raw)


def _read_referral(path: Path) -> bytes:
    raw = read_import_file(path)
    # It is judged before anything starts, so that a refusal comes at once.
    imported.import_file(raw)
    return raw


def _run(tell: Teller, wanted: str, raw: bytes | None) -> int:
    try:
        seconds = LONG_SECONDS if wanted in ALONE else DEADLINE_SECONDS
        with stoppable(Deadline(seconds)), temporary_folder() as folder:
            _play_in(folder, tell, wanted, raw)
    except StoppedError as stopped:
        tell.raw(stopped.sentence)
        return stopped.status
    except BrokenPipeError:
        # Whoever read along has gone; nothing more can be told, and all is tidied up.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - open until the end
        return UNREAD
    except (QuietwayError, StartFailedError, AssertionError) as problem:
        tell.raw(f"The demo did not come out as it must: {problem}")
        return WENT_WRONG
    return 0


def _play_in(folder: Path, tell: Teller, wanted: str, raw: bytes | None) -> None:
    # Whatever a library wants to keep, it keeps in the folder that goes away.
    os.environ.update(HOME=str(folder), XDG_DATA_HOME=str(folder), QUIETWAY_HOME=str(folder))
    world = World(folder, tell)
    world.referral_file = raw
    with closed_at_the_end(world):
        tell.raw("quietway: three agencies, and a relay that cannot read")
        _play(world, wanted)
        tell.say("That was all. Everything the demo made is removed now.")


def _play(world: World, wanted: str) -> None:
    if world.referral_file is not None:
        _play_scene(world, founding, hushed=True)
        _play_scene(world, imported)
        return
    scenes = SCENES | ALONE
    needed = (*scenes[wanted].NEEDS, wanted) if wanted else tuple(SCENES)
    for name in needed:
        _play_scene(world, scenes[name], hushed=bool(wanted) and name != wanted)


def _play_scene(world: World, scene: ModuleType, *, hushed: bool = False) -> None:
    if hushed:
        with world.tell.hushed():
            scene.play(world)
        return
    world.tell.title(scene.TITLE)
    scene.play(world)
