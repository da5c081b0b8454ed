"""A file is cleaned, its name and words are read, and only then is anything of it sealed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.client_sdk.cleaning.photographs import find_place, take
from tests.controls import without

from quietway import AttachmentUnfit, LocationFound, TransferProgress
from quietway.attaching.staging import OUTGOING, open_new
from quietway.cleaning.cleaned import Cleaned
from quietway.cleaning.cleaning import CLEANING, clean

if TYPE_CHECKING:
    from pathlib import Path

    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient
    from quietway.attaching.sealed_file import Source

VIN: Final = "1M8GDM9AXKP042788"
HELD: Final = b"She left in a car, plate 7ABC123.\n"
INSPECT: Final = "quietway.guarding.asking:inspect"


@pytest.fixture
async def pair(agencies: Agencies) -> tuple[AsyncClient, AsyncClient]:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    return shelter, hospital


def list_left(client: AsyncClient) -> list[str]:
    ways = [client.home / way for way in (OUTGOING, CLEANING)]
    return [path.name for way in ways if way.is_dir() for path in way.iterdir()]


async def fetch(client: AsyncClient, folder: Path) -> bytes:
    await client.sync()
    held = (await client.attachments.list())[-1]
    fetched = await client.attachments.fetch(str(held.message_id), folder)
    return fetched.path.read_bytes()


async def take_as_it_is(source: Source, *, name: str, place: Path, **_: object) -> Cleaned:
    with source.opened() as plain, open_new(place) as file:
        file.write(plain.read())
    return Cleaned(place, source.length, name, "image/jpeg", (), ())


@pytest.mark.requirement("A26")
async def test_a_photograph_arrives_without_the_place_where_it_was_taken(
    pair: tuple[AsyncClient, AsyncClient], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A26: nothing that pinpoints a house travels in a file, and its sender is told."""
    shelter, hospital = pair
    photograph = take("JPEG")
    assert find_place(photograph)
    told: list[TransferProgress] = []
    sent = await shelter.attachments.send(
        photograph, to="MERCY", name="a.jpg", progress=told.append
    )
    assert "gps" in sent.removed
    assert sent.explain_removed("es") != sent.explain_removed()
    assert list(dict.fromkeys(held.stage for held in told)) == ["clean", "seal", "upload"]
    assert find_place(await fetch(hospital, tmp_path)) == set()
    assert list_left(shelter) == []
    # Control: without the cleaning the place arrives.
    without(monkeypatch, "quietway.faces.attachments:clean", take_as_it_is)
    await shelter.attachments.send(photograph, to="MERCY", name="b.jpg")
    assert find_place(await fetch(hospital, tmp_path))


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"\x00\x01\x02" * 99, "a.bin", "unknown_type"),
        (take("PNG"), "a.jpg", "mislabelled"),
        (b"x" * 1_000_000, "a.txt", "too_much_text"),
    ],
)
async def test_what_cannot_be_cleaned_is_refused_with_its_reason(
    pair: tuple[AsyncClient, AsyncClient],
    agencies: Agencies,
    content: bytes,
    name: str,
    reason: str,
) -> None:
    shelter, _ = pair
    with pytest.raises(AttachmentUnfit) as refused:
        await shelter.attachments.send(content, to="MERCY", name=name)
    assert refused.value.reason == reason
    assert (list_left(shelter), agencies.relay.blobs.held) == ([], {})


@pytest.mark.requirement("A26")
@pytest.mark.parametrize(
    ("content", "name", "field"),
    [
        (b"A bed is free.\n", f"car {VIN}.txt", "name"),
        (f"A bed is free.\nThe car: VIN {VIN}\n".encode(), "a.txt", "file.0"),
    ],
)
async def test_a_name_and_the_words_inside_are_read(
    pair: tuple[AsyncClient, AsyncClient],
    agencies: Agencies,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
    name: str,
    field: str,
) -> None:
    """A26: what no message may say no file says; the control shows that nothing else stops it."""
    shelter, _ = pair
    with pytest.raises(LocationFound) as refused:
        await shelter.attachments.send(content, to="MERCY", name=name)
    assert [held.field for held in refused.value.findings] == [field]
    assert VIN not in str(refused.value)
    assert (list_left(shelter), agencies.relay.blobs.held) == ([], {})
    without(monkeypatch, INSPECT, lambda *_, **__: ())
    await shelter.attachments.send(content, to="MERCY", name=name)
    assert len(agencies.relay.blobs.held) == 1


async def test_an_override_of_a_file_outlives_a_restart_and_is_recorded(
    pair: tuple[AsyncClient, AsyncClient], agencies: Agencies, tmp_path: Path
) -> None:
    shelter, hospital = pair
    with pytest.raises(LocationFound) as refused:
        await shelter.attachments.send(HELD, to="MERCY", name="plate 7ABC123.txt")
    await shelter.guard.override(refused.value, "rule_mistaken")
    # The name was asked about first; now the words inside.
    with pytest.raises(LocationFound) as refused:
        await shelter.attachments.send(HELD, to="MERCY", name="plate 7ABC123.txt")
    assert {held.field for held in refused.value.findings} == {"name", "file.0"}
    await shelter.guard.override(refused.value, "rule_mistaken")
    agencies.clock.advance(90)
    agencies.relay.offline = True
    sent = await shelter.attachments.send(HELD, to="MERCY", name="plate 7ABC123.txt")
    assert sent.state == "not_yet_sent"
    await shelter.aclose()
    shelter = await agencies.reopen(SHELTER)
    agencies.relay.offline = False
    assert (await shelter.sync()).problems == ()
    assert await fetch(hospital, tmp_path) == HELD
    await shelter.sync()
    (record,) = (await shelter.guard.overrides()).records
    assert (record.kind, record.rules) == ("attachment.file", ("vehicle.plate",))
    assert record.message_id is not None


async def test_a_rule_that_came_meanwhile_stops_what_is_on_its_way(
    pair: tuple[AsyncClient, AsyncClient], agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, hospital = pair
    agencies.clock.advance(90)
    agencies.relay.offline = True
    with monkeypatch.context() as before:
        without(before, INSPECT, lambda *_, **__: ())
        await shelter.attachments.send(b"Free.", to="MERCY", name=f"car {VIN}.txt")
    agencies.relay.offline = False
    (problem,) = (await shelter.sync()).problems
    assert isinstance(problem, LocationFound)
    assert (await shelter.sync()).problems == ()
    await hospital.sync()
    assert await hospital.attachments.list() == []


async def test_cancelled_while_it_is_cleaned_nothing_is_left(
    pair: tuple[AsyncClient, AsyncClient], agencies: Agencies
) -> None:
    shelter, _ = pair
    task: asyncio.Task[object]

    def stop(progress: TransferProgress) -> None:
        if progress.stage == "clean":
            task.cancel()

    task = asyncio.ensure_future(
        shelter.attachments.send(take("JPEG"), to="MERCY", name="a.jpg", progress=stop)
    )
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (list_left(shelter), agencies.relay.blobs.held) == ([], {})


async def test_a_file_is_looked_through_in_the_devices_folder_and_leaves_nothing(
    pair: tuple[AsyncClient, AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a crash leaves there is removed at the next start; elsewhere nobody would look."""
    shelter, _ = pair
    places: list[Path] = []

    async def note_place(source: Source, *, name: str, place: Path, media_type: str) -> Cleaned:
        places.append(place)
        return await clean(source, name=name, media_type=media_type, place=place)

    without(monkeypatch, "quietway.checking:clean", note_place)
    report = await shelter.guard.check_file(HELD, name="417_Elm_Street.txt")
    assert [(held.part, held.rule) for held in report.findings] == [
        ("name", "street.numbered"),
        ("text", "vehicle.plate"),
    ]
    assert [place.parent for place in places] == [shelter.home / CLEANING]
    assert list_left(shelter) == []
    # What would be refused when it is sent is refused here.
    with pytest.raises(AttachmentUnfit) as refused:
        await shelter.guard.check_file(b"x" * 1_000_000, name="a.txt")
    assert refused.value.reason == "too_much_text"
    without(monkeypatch, "quietway.cleaning.cleaned:Cleaned.check_words", lambda _: None)
    assert (await shelter.guard.check_file(b"x" * 1_000_000, name="a.txt")).findings == ()
