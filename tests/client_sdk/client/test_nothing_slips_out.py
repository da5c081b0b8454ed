"""No secret leaves by way of `repr`, `pickle`, `copy` or `asdict`, and no error carries content."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import logging
import pickle
import traceback
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, WHOLE_REFERRAL, Agencies
from tests.client_sdk.folders import found
from tests.controls import without

from quietway.client import AsyncClient
from quietway.content import MessageText
from quietway.errors import ContentRefused, QuietwayError, StoreDamaged, WrongPassphrase
from quietway.partners import Invitation
from quietway.ports import Put
from quietway.testing.sandbox import PASSPHRASE
from quietway_crypto.secret import Secret
from quietway_schemas.content.registry import parse_content
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.errors import SchemaError
from quietway_schemas.ids import AgencyId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CANARY = "canary-of-somebodys-story"


def chain_of(problem: BaseException | None) -> Iterator[BaseException]:
    """An error and everything that stands behind it, suppressed or not."""
    while problem is not None:
        yield problem
        problem = problem.__cause__ or problem.__context__


def everything_in(problem: BaseException) -> str:
    """All that a crash reporter could find in an error, its text and its attributes."""
    told = [
        repr((held, held.args, vars(held), getattr(held, "object", ""), getattr(held, "doc", "")))
        + repr(getattr(held, "errors", list)())
        for held in chain_of(problem)
    ]
    return "\n".join((*told, *traceback.format_exception(problem)))


async def refuse(attempt: Callable[[], object]) -> BaseException:
    try:
        result = attempt()
        if hasattr(result, "__await__"):
            await result
    except (QuietwayError, SchemaError) as refused:
        return refused
    pytest.fail("It was not refused.")


async def test_what_is_refused_is_neither_in_the_error_nor_behind_it(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    long = CANARY * 100
    fields = {**WHOLE_REFERRAL, "purpose_text": long}
    attempts: tuple[Callable[[], object], ...] = (
        lambda: shelter.messages.send(long, to="MERCY"),
        lambda: shelter.referrals.send("MERCY", **fields),
        lambda: shelter.referrals.send("MERCY", **{**WHOLE_REFERRAL, "purpose_code": CANARY}),
        lambda: shelter.status.set(CANARY, to="MERCY"),
        lambda: shelter.status.set("safety_plan_active", to="MERCY", state=CANARY),
        lambda: shelter.referrals.acknowledge(CANARY),
        lambda: MessageText(text=long),
        lambda: MessageText.model_validate({"text": 7, "more": CANARY}),
        lambda: parse_content(b'{"text":"%b"' % CANARY.encode(), EnvelopeClass.FLASH),
        lambda: parse_content(b'{"text":"%b\xff"}' % CANARY.encode(), EnvelopeClass.FLASH),
        lambda: parse_content(b'{"text":"%b\\ud800"}' % CANARY.encode(), EnvelopeClass.FLASH),
        lambda: parse_content(b'{"text":["%b"]}' % CANARY.encode(), EnvelopeClass.FLASH),
    )
    for place, attempt in enumerate(attempts):
        assert CANARY not in everything_in(await refuse(attempt)), place


async def test_control_an_error_that_was_only_chained_away_still_holds_the_text() -> None:
    def chained() -> None:
        try:
            int(CANARY)
        except ValueError:
            raise ContentRefused("text", "is too long.") from None

    assert CANARY in everything_in(await refuse(chained))


def test_a_damaged_store_does_not_say_what_was_in_it(tmp_path: Path) -> None:
    opened = found(tmp_path / "device")
    opened.store._engine.dispose()
    (tmp_path / "device" / "store.db").write_bytes(b"x" * 8_192)

    async def write() -> None:
        await opened.store.commit([Put("message", b"key", CANARY.encode())])

    with pytest.raises(StoreDamaged) as refused:
        asyncio.run(write())
    assert CANARY not in everything_in(refused.value)
    opened.store.close()


async def test_whatever_holds_a_secret_neither_prints_nor_is_copied(
    agencies: Agencies, caplog: pytest.LogCaptureFixture
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    agent = shelter._agent
    keyring = agent.keyring
    epoch = EnvelopeClass.CASE.epoch_of(agencies.clock.now())
    pair = keyring.epoch_pair(EnvelopeClass.CASE, epoch, 2)
    invitation = await shelter.partners.invite("Mercy")
    assert pair is not None
    secrets = [
        invitation.lane.reveal(),
        pair.private.reveal(),
        keyring.agency_secret.reveal(),
        keyring.store_key.reveal(),
        keyring.identity._secret.reveal(),
        PASSPHRASE.encode(),
    ]
    holders: list[object] = [
        shelter, agent, keyring, keyring._held, keyring._vault, keyring.identity, pair,
        keyring.store_key, invitation, agent.lanes, agent.publisher, agent.answers,
    ]  # fmt: skip
    for holder in holders:
        seen = holder if isinstance(holder, Secret) else vars_of(holder)
        logging.getLogger("test").warning("%r %s", holder, seen)
        for copying in (pickle.dumps, copy.deepcopy):
            with pytest.raises((TypeError, pickle.PicklingError, AttributeError)):
                copying(holder)
        if dataclasses.is_dataclass(holder) and not isinstance(holder, type):
            with pytest.raises(TypeError):
                dataclasses.asdict(holder)
    for secret in secrets:
        for form in (repr(secret)[2:-1], secret.hex(), str(list(secret))):
            assert form not in caplog.text
    assert await hospital.inbox() == []


def vars_of(holder: object) -> dict[str, object]:
    names = getattr(holder, "__dict__", None) or getattr(type(holder), "__slots__", ())
    return {name: getattr(holder, name, None) for name in names}


def test_two_invitations_compare_their_lanes_in_constant_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[int] = []

    def note(one: bytes, other: bytes) -> bool:
        compared.append(len(one))
        return one == other

    without(monkeypatch, "quietway_crypto.secret:constant_time_equal", note)
    assert make_invitation(1) != make_invitation(2)
    assert make_invitation(1) == make_invitation(1)
    assert compared == [32, 32]


def make_invitation(lane: int) -> Invitation:
    return Invitation(
        relay="https://relay.example",
        agency_id=AgencyId(bytes(16)),
        agency_code="HARBOR",
        root_key=bytes(32),
        partner=bytes(16),
        lane=Secret(bytes([lane]) * 32),
    )


async def test_a_passphrase_is_kept_by_nothing(agencies: Agencies) -> None:
    await agencies.found(SHELTER)
    again = await agencies.reopen(SHELTER)
    seen: set[int] = set()
    waiting: list[object] = [again]
    while waiting:
        held = waiting.pop()
        if id(held) in seen or isinstance(held, type) or callable(held):
            continue
        seen.add(id(held))
        assert held not in (PASSPHRASE, PASSPHRASE.encode())
        waiting += list(vars_of(held).values())
        if isinstance(held, dict):
            waiting += [*held.keys(), *held.values()]
        elif isinstance(held, list | tuple | set | frozenset):
            waiting += list(held)
    assert len(seen) > 100


async def test_a_wrong_passphrase_is_not_in_the_error(agencies: Agencies) -> None:
    await agencies.found(SHELTER)
    problem = await refuse(
        lambda: AsyncClient.open(
            agencies.folder / SHELTER,
            passphrase=CANARY,
            relay_port=agencies.relay.connect,
            clock=agencies.clock,
            entropy=agencies.entropy,
            store=agencies.stores[SHELTER],
        )
    )
    assert isinstance(problem, WrongPassphrase)
    assert CANARY not in everything_in(problem)
