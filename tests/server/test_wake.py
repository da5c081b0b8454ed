"""`PUT /v1/wake`: what a device may leave, that it lies sealed, and who is woken then."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from tests.relay_process import RelayProcess, run_relay, wait_until
from tests.server.agency import CLIENT, JSON, PARTNER, Agency, join, problem_code
from tests.server.conftest import held_by, make_code
from tests.server.providers import MailProvider, Provider

from quietway_crypto.encoding import encode_base64
from quietway_schemas.canonical import encode_canonical
from quietway_schemas.wake import WAKE_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

SECRET = "up/canary-5e1f-topic"


@dataclasses.dataclass
class House:
    """A relay with providers around it."""

    relay: RelayProcess
    provider: Provider
    mail: MailProvider
    seed: int = 90_000

    def new_agency(self) -> Agency:
        self.seed += 1
        return join(self.relay.url, make_code(self.relay), self.seed)

    @property
    def operator(self) -> str:
        marker = "operator's listener on "
        line = next(line for line in self.relay.output.splitlines() if marker in line)
        return line.partition(marker)[2].strip()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with Provider() as provider, MailProvider() as mail:
        options = {
            "wake_own_hosts": provider.origin,
            "wake_canaries": f"push={provider.url('canary')}",
            "mail_server": f"127.0.0.1:{mail.port}",
            "mail_sender": "relay@relay.example",
            "operator_port": "0",
        }
        with RelayProcess(tmp_path_factory.mktemp("house"), options=options) as relay:
            yield House(relay, provider, mail)


def put(agency: Agency, body: object, **changes: object) -> httpx.Response:
    raw = body if isinstance(body, bytes) else encode_canonical(body)  # type: ignore[arg-type]  # JSON
    headers = {"Content-Type": JSON, **agency.signature("PUT", "/v1/wake", raw, **changes)}
    return CLIENT.put(agency.url + "/v1/wake", content=raw, headers=headers)


def webhook(target: str) -> dict[str, str]:
    return {"kind": "webhook", "target": target}


def test_an_envelope_through_a_crisis_lane_wakes_the_device(house: House) -> None:
    agency = house.new_agency()
    topic = house.provider.url("up/first")
    address = "lead@agency.example"
    left = {"endpoints": [webhook(topic), {"kind": "email", "target": address}]}
    for _ in range(2):
        assert put(agency, left).status_code == 204
    capability = agency.capability_for(PARTNER, kind="crisis")
    assert agency.submit(capability, agency.record()).status_code == 201
    wait_until(lambda: any("/up/first" in came.head for came in house.provider.came))
    (came,) = [came for came in house.provider.came if "/up/first" in came.head]
    assert came.body == WAKE_TEXT.encode()


def test_an_empty_list_deletes(house: House) -> None:
    agency = house.new_agency()
    assert put(agency, {"endpoints": [webhook(house.provider.url("up/second"))]}).status_code == 204
    assert put(agency, {"endpoints": []}).status_code == 204
    agency.submit(agency.capability_for(PARTNER, kind="crisis"), agency.record())
    other = house.new_agency()
    put(other, {"endpoints": [webhook(house.provider.url("up/third"))]})
    other.submit(other.capability_for(PARTNER, kind="crisis"), other.record())
    wait_until(lambda: any("/up/third" in came.head for came in house.provider.came))
    assert not any("/up/second" in came.head for came in house.provider.came)


@pytest.mark.parametrize(
    ("endpoints", "field"),
    [
        ([webhook("https://not-allowed.example/x")], "target"),
        ([webhook("http://127.0.0.1:1/x")], "target"),
        ([webhook("nonsense")], "target"),
        ([{"kind": "email", "target": "a@b.example,c@d.example"}], "target"),
        ([{"kind": "email", "target": "a@b.example"}] * 2, "endpoints"),
        ([{"kind": "email", "target": f"a{n}@b.example"} for n in range(5)], "endpoints"),
    ],
)
def test_what_will_never_be_used_is_refused_and_nothing_of_it_repeated(
    house: House, endpoints: list[dict[str, str]], field: str
) -> None:
    agency = house.new_agency()
    answer = put(agency, {"endpoints": endpoints})
    assert problem_code(answer) == "invalid_field"
    assert answer.json()["field"] == field
    assert "example" not in answer.text


def test_strict_json_and_no_query(house: House) -> None:
    agency = house.new_agency()
    for body, code in (
        (b'{"endpoints":[],"endpoints":[]}', "malformed_json"),
        (b'{"endpoints":[],"sound":"siren"}', "unknown_field"),
        (b'{"endpoints":[{"kind":"sms","target":"a@b.example"}]}', "invalid_field"),
        (b"{}", "invalid_field"),
        (b"[]", "malformed_json"),
        (b" " * 20_000, "too_large"),
    ):
        assert problem_code(put(agency, body)) == code, body
    assert CLIENT.get(agency.url + "/v1/wake").status_code == 405


def test_nobody_but_the_device_itself_leaves_endpoints(house: House) -> None:
    agency, other = house.new_agency(), house.new_agency()
    left = {"endpoints": [webhook(house.provider.url("up/thief"))]}
    for changes in (
        {"key": agency.listen, "key_id": f"listen:{agency.device_id}"},
        {"key": agency.root, "key_id": f"root:{agency.agency_id}"},
        {"key": other.identity},
    ):
        assert put(agency, left, **changes).status_code == 401
    unsigned = CLIENT.put(agency.url + "/v1/wake", json=left)
    assert problem_code(unsigned) == "not_authenticated"


def test_endpoints_lie_sealed_on_the_disk(house: House) -> None:
    agency = house.new_agency()
    body = {
        "endpoints": [
            webhook(house.provider.url(SECRET)),
            {"kind": "email", "target": "canary-7a2c@agency.example"},
        ]
    }
    assert put(agency, body).status_code == 204
    held = held_by(house.relay)
    assert agency.mailbox.value in held
    for told in (SECRET.encode(), b"canary-7a2c", str(house.provider.port).encode() + b"/up"):
        assert told not in held
    assert SECRET not in house.relay.output
    key = house.relay.database.with_name("relay.db-wake-key")
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_canary_that_was_received_is_reported_on_the_operators_listener(house: House) -> None:
    wait_until(lambda: any("/canary" in came.head for came in house.provider.came))
    path = f"{house.operator}/wake/canary/"
    assert CLIENT.post(path + "push").status_code == 204
    assert CLIENT.post(path + "other").status_code == 404
    assert CLIENT.get(path + "push").status_code == 405
    assert CLIENT.post(house.relay.url + "/wake/canary/push").status_code == 404


def test_a_relay_does_not_start_without_the_key_of_the_endpoints_it_keeps(tmp_path: Path) -> None:
    with Provider() as provider:
        relay = RelayProcess(tmp_path, options={"wake_own_hosts": provider.origin})
        with relay:
            agency = join(relay.url, make_code(relay), 77)
            assert put(agency, {"endpoints": [webhook(provider.url())]}).status_code == 204
    named = ("--database", str(relay.database))
    key = relay.database.with_name("relay.db-wake-key")
    right = key.read_bytes()
    key.write_text(f"{encode_base64(bytes(32))}\n", "ascii")
    done = run_relay("serve", "--port", "0", *named)
    assert (done.returncode, "is not the one under which" in done.stderr) == (2, True)
    key.write_bytes(right)
    relay.database.with_name("relay.db-wake-key").unlink()
    done = run_relay("serve", "--port", "0", *named)
    assert done.returncode == 2
    assert "wake key" in done.stderr
    assert "forget-wake-ups" in done.stderr
    done = run_relay("forget-wake-ups", *named)
    assert (done.returncode, done.stdout) == (
        0,
        "quietway-relay: forgot where 1 devices are woken\n",
    )
    with relay:
        assert put(agency, {"endpoints": []}).status_code in {204, 401}
