"""What each caller asks of sealed files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.server.asks import ALLOWED, NOTHING, Ask
from tests.server.strangers import ROW

from quietway_crypto.blob_rights import hash_opening
from quietway_crypto.encoding import encode_base64
from quietway_server.api.bodies import OCTETS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.server.strangers import Caller, World

LANES: Final = frozenset({"sender", "sender to another"})


def ask_for_blob(method: str) -> Callable[[World, Caller, str], Ask]:
    def ask(world: World, caller: Caller, what: str) -> Ask:
        second, main = world.files["second"], world.files["main"]
        has_one = caller.name in {"sender", "reader of another file"}
        mine = caller.file if has_one else main
        others = second if caller.name == "sender" else main
        held = {
            "own": mine,
            "other": others,
            "deleted": world.files["deleted"],
            "expired": world.files["expired"],
        }.get(what)
        # Of what is gone, everybody shows the right secrets: they are of no use any more.
        secrets = held if held is not None and what in {"deleted", "expired"} else caller.file
        blob = "'; DROP TABLE blobs; --" if what == "malformed" else ""
        target = "/v1/blobs/" + (blob or encode_base64(held.blob if held else world.draw(16)))
        if method == "GET":
            return Ask(method, target, {"Quietway-Blob-Opening": encode_base64(secrets.opening)})
        headers = {"Quietway-Blob-Writer": encode_base64(secrets.writer)}
        if method != "PUT":
            return Ask(method, target, headers)
        headers |= {
            "Content-Type": OCTETS,
            "Content-Range": f"bytes 0-{ROW - 1}/{ROW}",
            "Quietway-Lane": encode_base64(caller.lane),
            "Quietway-Blob": encode_base64(hash_opening(secrets.opening)),
        }
        return Ask(method, target, headers, bytes(ROW))

    return ask


def expect_blob(caller: str, what: str) -> str:
    has_one = caller in {"sender", "reader of another file"}
    return ALLOWED if has_one and what == "own" else NOTHING


def expect_upload(caller: str, what: str) -> str:
    if caller not in LANES or what == "malformed":
        return NOTHING
    if what == "absent" or (caller, what) == ("sender", "own"):
        return ALLOWED
    return "conflict"
