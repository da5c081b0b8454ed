"""What the product must not be able to say: no place, no presence, no habits, no telemetry.

A name of a field is where such a feature would begin, so the names are held to a list of words that
none of them may contain: in every exported schema, in the OpenAPI document, and in every table.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from tests.relay_process import RelayProcess
from tests.server.agency import CLIENT, PARTNER
from tests.server.asks import read_answer
from tests.server.in_process import InProcessRelay

from quietway_schemas.canonical import encode_canonical
from quietway_server.api.openapi import describe
from quietway_server.store import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server.agency import Agency

ROOT: Final = Path(__file__).resolve().parents[2]
PLACES: Final = {
    "accuracy", "altitude", "bearing", "coordinate", "coordinates", "country", "county",
    "geo", "geofence", "geohash", "gps", "lat", "latitude", "lng", "location", "lon", "long",
    "longitude", "map", "nearby", "place", "postcode", "radius", "region", "street", "town",
    "venue", "whereabouts", "zip",
}  # fmt: skip
WHO_CAME: Final = {
    "addr", "browser", "cookie", "forwarded", "hostname", "imei", "imsi", "ip", "ipv4",
    "ipv6", "mac", "msisdn", "peer", "platform", "referer", "session", "ua", "useragent",
}  # fmt: skip
PRESENCE: Final = {
    "active", "away", "availability", "available", "idle", "lastseen", "online", "presence",
    "reading", "seen", "typing",
}  # fmt: skip
CIRCLES: Final = {
    "circle", "circles", "contacts", "family", "follower", "followers", "following", "friend",
    "friends", "guardian", "household", "relative", "relatives", "trusted",
}  # fmt: skip
TRACKING: Final = {
    "analytics", "beacon", "behavior", "behaviour", "biometric", "checkin", "click", "face",
    "fingerprint", "monitor", "movement", "pixel", "profile", "route", "score", "steps",
    "survivor", "telemetry", "track", "tracker", "tracking", "utm", "visited",
}  # fmt: skip
PHRASES: Final = frozenset({"user_agent"})
FORBIDDEN: Final = PLACES | WHO_CAME | PRESENCE | CIRCLES | TRACKING
ALLOWED: Final = {
    "checkin_at": "when agencies talk again about an event; nobody's whereabouts",
    "country": "whose holidays an agency keeps, of its offices; nobody else's",
    "in_reply_place": "which of the messages of one moment is answered: a number",
    "no_checkin_reason": "why no such talk is planned, from a list of codes",
    "next_steps": "what an agency does next, from a list of codes",
    "survivor_choice": "what the survivor chose, from a list of codes",
    "survivor_preference": "what the survivor prefers, from a list of codes",
    "survivor_wants_contact": "whether the survivor wants an advocate: yes, no, undecided",
    "seen": "a table of ids that came before, against repetition",
}
"""Names that contain a forbidden word and mean something else, each with what it means."""


def find_forbidden(names: set[str]) -> set[str]:
    """Find the names that say, whole or in one of their words, what nothing here may say."""
    found = set()
    for name in names - set(ALLOWED):
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("-", "_")
        words = set(snake.split("_"))
        if words & FORBIDDEN or any(phrase in snake for phrase in PHRASES):
            found.add(name)
    return found


def _properties(schema: object) -> Iterator[str]:
    match schema:
        case dict():
            held: Any = schema.get("properties")
            if isinstance(held, dict):
                yield from held
            for value in schema.values():
                yield from _properties(value)
        case list():
            for value in schema:
                yield from _properties(value)


def _names() -> dict[str, set[str]]:
    described = describe()
    parameters = {
        parameter["name"]
        for item in described["paths"].values()
        for operation in item.values()
        for parameter in operation["parameters"]
    }
    exported = {
        name
        for path in (ROOT / "schemas/json").rglob("*.json")
        for name in _properties(json.loads(path.read_text(encoding="utf-8")))
    }
    columns = {column.name for table in tables.metadata.tables.values() for column in table.columns}
    return {
        "schemas": exported,
        "document": set(_properties(described)) | parameters,
        "headers": set(described["components"]["headers"]),
        "columns": columns | set(tables.metadata.tables),
    }


@pytest.mark.requirement("A05")
@pytest.mark.requirement("A31")
def test_no_field_of_any_schema_and_no_column_says_where_somebody_is_or_tracks_them() -> None:
    """A05: no field of a place, no address or user agent at rest. A31: no survivor is tracked."""
    names = _names()
    assert min(len(each) for each in names.values()) > 5
    assert {where: find_forbidden(each) for where, each in names.items()} == {
        where: set() for where in names
    }


@pytest.mark.parametrize(
    "name",
    ["latitude", "homeLocation", "last_seen", "client_ip", "user-agent", "isOnline", "gps_fix"],
)
def test_control_a_field_that_says_it_would_be_found(name: str) -> None:
    assert find_forbidden({name, "mailbox"}) == {name}


@pytest.fixture
def here() -> Iterator[InProcessRelay]:
    with InProcessRelay().running() as relay:
        yield relay


def _told_to_others(sender: Agency, receiver: Agency) -> list[object]:
    """Gather all that anybody but the receiver is told while they try what there is."""
    record = receiver.record()
    capability = receiver.capability_for(PARTNER)
    first, again = (receiver.submit(capability, record) for _ in range(2))
    stolen = sender.signature("GET", "/v1/mailbox", key_id=str(receiver.device_id))
    refused = CLIENT.get(sender.url + "/v1/mailbox", headers=stolen)
    page = sender.get("/v1/directory?after=0").json()
    return [
        read_answer(first),
        read_answer(again),
        read_answer(refused),
        encode_canonical(page["entries"]),
    ]


@pytest.mark.requirement("A06")
def test_no_answer_tells_whether_a_device_is_connected_or_reads(here: InProcessRelay) -> None:
    """A06: no presence, no typing, no last seen; no endpoint tells that a mailbox is online."""
    sender, receiver = here.new_agency(), here.new_agency()
    away = _told_to_others(sender, receiver)
    with receiver.open_socket() as socket:
        receiver.greet(socket)
        assert isinstance(socket.recv(timeout=10), bytes)
        online = _told_to_others(sender, receiver)
        socket.send('{"frame":"ack","through":9}')
        reading = _told_to_others(sender, receiver)
    left = _told_to_others(sender, receiver)
    assert away == online == reading == left


def _foreign_connections(pid: int) -> list[str]:
    """Give the far ends of a process's sockets that are not on this machine, and all of UDP."""
    inodes = {
        found[1]
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if (found := re.match(r"socket:\[(\d+)\]", str(link.readlink())))
    }
    told = []
    for kind in ("tcp", "tcp6", "udp", "udp6"):
        table = Path(f"/proc/{pid}/net/{kind}")
        for line in table.read_text(encoding="ascii").splitlines()[1:] if table.exists() else ():
            fields = line.split()
            far, state, inode = fields[2], fields[3], fields[9]
            is_listening = kind.startswith("tcp") and state == "0A"
            is_near = far.partition(":")[0].endswith("0100007F")
            if inode in inodes and not is_listening and not is_near:
                told.append(f"{kind} {far}")
    return told


@pytest.mark.requirement("A31")
def test_a_relay_calls_nobody_when_it_starts_and_while_it_serves(tmp_path: Path) -> None:
    """A31: there is no telemetry: the process opens no connection to anywhere."""
    with RelayProcess(tmp_path) as relay:
        assert _foreign_connections(relay.pid) == []
        assert CLIENT.get(relay.url + "/healthz").status_code == 200
        assert _foreign_connections(relay.pid) == []
