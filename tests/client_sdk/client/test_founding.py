"""Founding: what a person does who typed something wrong, or whose relay was away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, Agencies, invite
from tests.client_sdk.agent.faults import LOST, Fate, connect_faulty
from tests.controls import without

from quietway.client import AsyncClient
from quietway.errors import (
    ClockError,
    RelayRefused,
    RelayUnreachable,
    SecretAwaited,
    StoreExists,
)
from quietway.store.memory import MemoryStore
from quietway.testing.clock import FakeClock
from quietway.testing.sandbox import FAST, PASSPHRASE, RELAY_URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from quietway.founding import ConnectRelay
    from quietway.reports import OpeningProgress
    from quietway.testing.relay import InMemoryRelay

HOUR = 3_600


class Init:
    """A person at a new machine who may try several times."""

    def __init__(self, agencies: Agencies) -> None:
        self.agencies = agencies
        self.folder: Path = agencies.folder / "new"
        self.store: MemoryStore | None = MemoryStore()
        self.clock: FakeClock = agencies.clock
        self.relay: InMemoryRelay = agencies.relay
        self.connect: ConnectRelay = agencies.relay.connect

    async def run(self, code: str, *, program: str = SHELTER, url: str = RELAY_URL) -> AsyncClient:
        return await AsyncClient.found(
            self.folder,
            passphrase=PASSPHRASE,
            relay=url,
            enrolment_code=code,
            agency_code=program.partition("-")[0],
            program=program,
            parameters=FAST,
            relay_port=self.connect,
            clock=self.clock,
            entropy=self.agencies.entropy,
            store=self.store,
        )


@pytest.fixture
async def init(agencies: Agencies) -> AsyncIterator[Init]:
    return Init(agencies)


async def test_a_relay_that_is_away_leaves_nothing_behind(init: Init) -> None:
    init.relay.offline = True
    with pytest.raises(RelayUnreachable):
        await init.run("code")
    assert not init.folder.exists()


async def test_a_clock_three_hours_off_founds_nothing(init: Init) -> None:
    init.clock = FakeClock()
    init.clock.advance(3 * HOUR)
    code = init.relay.enrolment_code()
    with pytest.raises(ClockError, match="Set the clock"):
        await init.run(code)
    assert not init.folder.exists()
    init.clock.advance(-3 * HOUR)
    assert (await (await init.run(code)).sync()).problems == ()


async def test_after_a_wrong_code_the_right_one_goes_on_with_the_same_agency(init: Init) -> None:
    with pytest.raises(RelayRefused, match="not_authenticated"):
        await init.run("wrong")
    before = (init.folder / "keyring").read_bytes()
    founded = await init.run(init.relay.enrolment_code())
    assert (await founded.sync()).problems == ()
    assert before != b""
    hospital = await init.agencies.found(HOSPITAL)
    await invite(hospital, founded)
    assert (await founded.messages.send("It works.", to="MERCY")).state == "stored_at_relay"


async def test_what_the_relay_refused_may_be_another_program_or_address_the_next_time(
    init: Init,
) -> None:
    with pytest.raises(RelayRefused):
        await init.run("wrong", program="HARBUOR-SHELTER", url="https://reley.example")
    founded = await init.run(init.relay.enrolment_code())
    assert (founded.program, founded.relay_url) == (SHELTER, RELAY_URL)
    assert founded._agent.directory.agency_code(founded.agency_id) == "HARBOR"


async def test_a_code_that_is_taken_by_another_agency_is_chosen_anew(init: Init) -> None:
    await init.agencies.found(SHELTER)
    code = init.relay.enrolment_code()
    with pytest.raises(RelayRefused, match="invalid_field"):
        await init.run(code)
    founded = await init.run(code, program="HAVEN-SHELTER")
    assert (await founded.sync()).problems == ()


async def test_where_the_relay_may_know_the_agency_nothing_is_changed_about_it(init: Init) -> None:
    code = init.relay.enrolment_code()
    fate = Fate()
    init.connect = connect_faulty(init.relay, fate)
    fate.order(LOST, 3, of_store=False)
    with pytest.raises(RelayUnreachable):
        await init.run(code)
    assert init.relay.books.page(0).entries != ()
    with pytest.raises(StoreExists):
        await init.run(code, program="HAVEN-SHELTER")
    assert (await (await init.run(code)).sync()).problems == ()


async def test_a_device_that_never_was_enrolled_says_what_to_do(init: Init) -> None:
    with pytest.raises(RelayRefused):
        await init.run("wrong")
    opened = await AsyncClient.open(
        init.folder,
        passphrase=PASSPHRASE,
        relay_port=init.relay.connect,
        clock=init.clock,
        entropy=init.agencies.entropy,
        store=init.store,
    )
    report = await opened.sync()
    assert any("quietway init" in str(problem) for problem in report.problems)


async def test_an_opening_says_how_far_it_is_in_order_and_to_the_end(init: Init) -> None:
    founded = await init.run(init.relay.enrolment_code())
    await founded.aclose()
    told: list[OpeningProgress] = []
    opened = await AsyncClient.open(
        init.folder,
        passphrase=PASSPHRASE,
        progress=told.append,
        relay_port=init.relay.connect,
        clock=init.clock,
        entropy=init.agencies.entropy,
        store=init.store,
    )
    await opened.aclose()
    assert list(dict.fromkeys(held.stage for held in told)) == ["keyring", "store", "erase"]
    for stage in ("keyring", "store", "erase"):
        steps = [held.done for held in told if held.stage == stage]
        total = {held.total for held in told if held.stage == stage}
        assert steps == list(range(steps[-1] + 1))
        assert total == {steps[-1]}


async def test_an_opening_that_is_broken_off_leaves_a_device_that_opens(init: Init) -> None:
    init.store = None
    founded = await init.run(init.relay.enrolment_code())
    await founded.aclose()

    async def open_until(stage: str) -> AsyncClient:
        def stop(progress: OpeningProgress) -> None:
            if progress.stage == stage:
                raise InterruptedError

        return await AsyncClient.open(
            init.folder,
            passphrase=PASSPHRASE,
            progress=stop,
            relay_port=init.relay.connect,
            clock=init.clock,
            entropy=init.agencies.entropy,
        )

    for stage in ("keyring", "store", "erase"):
        with pytest.raises(InterruptedError):
            await open_until(stage)
    assert (await (await open_until("none")).sync()).problems == ()


async def test_a_device_that_is_founded_is_not_founded_again(init: Init) -> None:
    founded = await init.run(init.relay.enrolment_code())
    await founded.aclose()
    init.relay.offline = True
    with pytest.raises(StoreExists):
        await init.run("code")


async def test_who_asked_to_be_linked_and_founds_instead_waits_for_nobody(
    init: Init, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def found(program: str) -> AsyncClient:
        init.folder, init.store = init.agencies.folder / program, MemoryStore()
        await AsyncClient.request_link(
            init.folder,
            passphrase=PASSPHRASE,
            agency_owned=True,
            parameters=FAST,
            entropy=init.agencies.entropy,
        )
        client = await init.run(init.relay.enrolment_code(), program=program)
        init.agencies.keep_open(client)
        return client

    await (await found(SHELTER)).partners.invite("A partner")
    # Control: with the request still there, the agency awaits a secret that only it could send.
    without(monkeypatch, "quietway.founding:forget_pending", lambda _: None)
    hospital = await found(HOSPITAL)
    with pytest.raises(SecretAwaited):
        await hospital.partners.invite("A partner")
