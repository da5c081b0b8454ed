"""What each caller asks of what agencies sign: manifests, epoch batches, lanes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.server.agency import JSON, now_ms
from tests.server.asks import ALLOWED, NOTHING, Ask

from quietway_schemas.instants import DAY, WEEK, iso_week

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.server.strangers import Caller, World

    from quietway_schemas.directory import SignedObject


def put_object(
    path: str, write: Callable[[World, Caller, str], tuple[str, SignedObject]]
) -> Callable[[World, Caller, str], Ask]:
    def ask(world: World, caller: Caller, what: str) -> Ask:
        name, signed_object = write(world, caller, what)
        code = {"Quietway-Enrolment": caller.code} if caller.code else {}
        body = signed_object.to_canonical()
        return Ask("PUT", path.format(name), {"Content-Type": JSON, **code}, body)

    return ask


def write_manifest(world: World, caller: Caller, what: str) -> tuple[str, SignedObject]:
    harbor = world.harbor
    match what:
        case "absent":
            return str(world.stranger.agency_id), world.stranger.sign_manifest(
                world.stranger.manifest()
            )
        case "deleted":
            return str(world.gone.agency_id), world.gone.sign_manifest(world.gone.manifest())
        case "expired":
            old = now_ms() - 40 * DAY
            manifest = harbor.manifest(issued=old, expires=old + DAY, departed=())
            return str(harbor.agency_id), harbor.sign_manifest(manifest, key=caller.key)
        case "other":
            other = world.willow if caller.agency == harbor.agency_id else harbor
            return str(other.agency_id), other.sign_manifest(other.manifest(), key=caller.key)
    name = "agy_nonsense" if what == "malformed" else str(harbor.agency_id)
    return name, harbor.sign_manifest(world.held, key=caller.key)


def expect_manifest(caller: str, what: str) -> str:
    special = {
        "malformed": "not_found",
        "expired": "invalid_field",
        "absent": "not_authenticated",
        "deleted": "not_authenticated",
    }
    if what in special:
        return special[what]
    return ALLOWED if (caller, what) == ("ops holder", "own") else NOTHING


def write_epochs(world: World, caller: Caller, what: str) -> tuple[str, SignedObject]:
    harbor, willow, gone = world.harbor, world.willow, world.gone
    claims = {
        "own": (harbor, world.harbor.device_id),
        "other": (willow, willow.device_id),
        "absent": (world.stranger, world.stranger.device_id),
        "deleted": (gone, gone.device_id),
        "expired": (harbor, world.devices["revoked"]),
    }
    agency, device = claims.get(what, claims["own"])
    changes = {
        "agency_id": agency.agency_id,
        "device_id": device,
        "manifest_version": max(agency.version, 1),
    }
    batch = agency.epochs(**changes)
    signature = caller.key.sign("quietway/v1/epoch-batch", batch.payload)
    name = "agy_nonsense" if what == "malformed" else str(agency.agency_id)
    if (caller.name, what) == ("owner", "own"):
        return name, world.epochs
    return name, replace_signature(batch, signature)


def write_lanes(world: World, caller: Caller, what: str) -> tuple[str, SignedObject]:
    week = iso_week(now_ms() - 5 * WEEK) if what == "expired" else world.later
    agency = {"other": world.willow, "absent": world.stranger, "deleted": world.gone}.get(
        what, world.harbor
    )
    lanes = agency.week_of_lanes([b"p" * 16], week=week, version=1)
    if (caller.name, what) == ("owner", "own"):
        return week, world.lanes
    signature = caller.key.sign("quietway/v1/week-of-lanes", lanes.payload)
    name = "2026-W99" if what == "malformed" else week
    return name, replace_signature(lanes, signature)


def replace_signature(held: SignedObject, signature: bytes) -> SignedObject:
    """Give an object with another signature."""
    return held.model_copy(update={"signature": signature})


def expect_object(own: str, **special: str) -> Callable[[str, str], str]:
    def expect(caller: str, what: str) -> str:
        if what in special:
            return special[what]
        is_neighbours = (caller, what) == ("neighbour", "other")
        # A neighbour's device signs for its own agency: the object is its own.
        if (caller, what) == (own, "own") or is_neighbours:
            return ALLOWED
        return NOTHING

    return expect
