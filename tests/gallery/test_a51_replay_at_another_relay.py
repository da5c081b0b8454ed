"""Gallery row 51, its part of several relays: a signed request is replayed at another relay.

(a) Two relays stand under one public address, on one database. Who has read a signed request sends
the very same bytes to the other relay. (b) It is refused as `not_authenticated`. (c) Control: where
each relay remembers by itself alone, the other one takes it.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without
from tests.server.agency import CLIENT, problem_code
from tests.server.in_process import InProcessRelay

from quietway_crypto.signing import SigningKey
from quietway_server.store.postgres import PostgresStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

PUBLIC: Final = "localhost:9"
KEY: Final = SigningKey(bytes(range(32)))
PATH: Final = "/v1/mailbox?after=0"


@pytest.fixture
def relays(empty_postgres: str) -> Iterator[list[InProcessRelay]]:
    options = {"database": empty_postgres, "public_url": f"http://{PUBLIC}"}
    with ExitStack() as stack:
        relays = [
            InProcessRelay(PostgresStore(empty_postgres), options=options, log_key=KEY)
            for _ in range(2)
        ]
        yield [stack.enter_context(relay.running()) for relay in relays]


def replay(relays: list[InProcessRelay]) -> list[httpx.Response]:
    """Send one signed request to one relay after the other."""
    agency = relays[0].new_agency()
    agency.url = f"http://{PUBLIC}"
    signed = {**agency.signature("GET", PATH), "Host": PUBLIC}
    return [CLIENT.get(relay.url + PATH, headers=signed) for relay in relays]


def test_a_request_that_one_relay_took_is_refused_by_the_other(
    relays: list[InProcessRelay],
) -> None:
    first, again = replay(relays)
    assert first.status_code == 200
    assert problem_code(again) == "not_authenticated"


def test_control_where_each_relay_remembers_alone_the_replay_is_taken(
    relays: list[InProcessRelay], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def take_all(*_: object, **__: object) -> None:
        return

    without(monkeypatch, "quietway_server.services.nonces:SharedNonces.take", take_all)
    assert [answer.status_code for answer in replay(relays)] == [200, 200]
