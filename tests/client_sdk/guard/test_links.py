"""Links: every host of the table in many shapes, hosts by name, and what passes."""

from __future__ import annotations

import re
from typing import Final

import pytest
from tests.controls import without

from quietway.guard.reading import Reading
from quietway.guard.rule_file import read_rule_file
from quietway.guard.rules import link, three_words

HOSTS: Final = tuple(
    (f"link.{rule}", entry)
    for rule, entries in read_rule_file("link").tables["hosts"].items()
    for entry in entries
)
SCHEMES: Final = tuple(read_rule_file("link").tables["schemes"]["names"])
SHAPES: Final = (
    "https://{}",
    "http://www.{}",
    "Look at {} and call.",
    "hxxps://{}",
    "({}).",
    "El enlace: HTTPS://{}, dice.",
    "https://example.org/?next=https%3A%2F%2F{}",
)
COUNTRIES: Final = ("com", "es", "co.uk", "com.mx", "fr", "ca", "com.au", "de", "co.jp", "ru")
NAMED: Final = (
    *(f"https://www.google.{country}/maps/place/x" for country in COUNTRIES),
    *(f"maps.google.{country}/?q=x" for country in COUNTRIES),
    "https://maps.app.goo.gl/AbC123",
    "https://goo.gl/maps/AbC123",
    "https://g.co/kgs/AbC123",
    "https://maps.apple.com/?ll=1,2",
    "https://maps.apple/p/AbC",
    "https://waze.com/ul?ll=1",
    "https://ul.waze.com/ul?x",
    "https://www.openstreetmap.org/#map=1/2/3",
    "https://osm.org/go/x",
    "https://share.here.com/l/1,2",
    "https://wego.here.com/directions",
    "https://her.is/AbC",
    "https://yandex.com/maps/1/x",
    "https://yandex.ru/maps/-/x",
    "https://2gis.com/firm/1",
    "https://2gis.ae/geo/1",
    "https://www.bing.com/maps?cp=1",
    "https://map.baidu.com/poi/x",
    "https://j.map.baidu.com/x",
    "https://www.mapquest.com/us/x",
    "https://citymapper.com/trip/x",
    "https://moovitapp.com/x",
    "https://www.komoot.com/tour/1",
    "https://www.strava.com/activities/1",
    "https://trip.uber.com/AbC",
    "https://m.uber.com/ul/x",
    "https://www.lyft.com/ride/AbC",
    "https://share.bolt.eu/AbC",
    "https://www.icloud.com/find",
    "https://www.icloud.com/#find",
    "https://life360.com/x",
    "https://i.life360.com/AbC",
    "https://glympse.com/AbC",
    "https://found.apple.com/airtag?pid=1",
    "https://map.snapchat.com/@1,2",
    "https://share.garmin.com/x",
    "https://livetrack.garmin.com/x",
    "https://w3w.co/filled.count.soap",
    "https://what3words.com/filled.count.soap",
    "https://plus.codes/849VCWC8+R9",
    "https://whatsapp.com/location/x",
    "https://t.me/location/x",
    "gmaps://?q=x",
    "comgooglemaps://?q=x",
    "maps://?q=x",
    "waze://?ll=1,2",
)
PLAIN: Final = (
    "https://www.google.com/search?q=shelter+rights",
    "https://www.womenslaw.org/laws/general/restraining-orders",
    "www.courts.ca.gov/selfhelp-domesticviolence.htm",
    "https://www.apple.com/legal/privacy",
    "https://support.google.com/accounts/answer/1",
    "https://www.thehotline.org/get-help",
    "https://yandex.com/search?x",
    "https://www.bing.com/search?q=x",
    "ncadv.org",
    "https://en.wikipedia.org/wiki/Stalking",
    "https://www.gov.uk/injunction-domestic-violence",
)


def _write(entry: str) -> str:
    """Write an address that an entry of the table stands for."""
    host, slash, path = entry.partition("/")
    path = re.sub(r"\(\?:([^|)]*)[^)]*\)", r"\1", path)
    path = re.sub(r"\[[^\]]*\](?:[+]|\{\d,?\d?\})?", "abcd12" if "{4" in path else "ca", path)
    return host.replace("*", "com.mx") + slash + path.replace("?", "")


def _rules(text: str) -> set[str]:
    return {hit.rule for view in Reading(text).views for hit in link.find(view)}


@pytest.mark.requirement("A26")
@pytest.mark.parametrize("shape", SHAPES)
def test_every_listed_host_is_found_in_every_shape(shape: str) -> None:
    """A26: no link that pinpoints a house or street passes, however it is written."""
    missed = [
        text
        for rule, entry in HOSTS
        if rule not in _rules(text := shape.format(_write(entry) + "/x7"))
        and not (rule == "link.shortener" and _rules(text))
    ]
    assert missed == []


@pytest.mark.requirement("A26")
def test_links_of_maps_rides_and_trackers_are_found_by_name() -> None:
    """A26: the services that are named in the brief, each in its own form."""
    assert [text for text in NAMED if not _rules(text) & {"link.map", "link.tracking"}] == []


@pytest.mark.parametrize("mask", ["{}[.]{}", "{} . {}", "{} dot {}", "{}(.){}", "{}[dot]{}"])
def test_a_host_with_disguised_dots_is_found(mask: str) -> None:
    missed = []
    for host in ("maps.google.com", "maps.apple.com", "glympse.com", "osm.org", "waze.com"):
        text = host
        while "." in text:
            text = mask.format(*text.rsplit(".", 1)).replace("[.]", "\0").replace("(.)", "\1")
            if mask == "{} . {}":
                text = text.replace(" . ", "\2")
        text = text.replace("\0", "[.]").replace("\1", "(.)").replace("\2", " . ")
        missed += [] if _rules(f"open {text} / x now") else [text]
    assert missed == []


def test_every_scheme_of_a_map_is_found() -> None:
    assert [name for name in SCHEMES if not _rules(f"Open {name}://?q=x now")] == []


@pytest.mark.parametrize("text", PLAIN)
def test_a_page_that_shows_no_place_passes(text: str) -> None:
    assert _rules(f"Read {text} before the meeting.") == set()


def test_an_unknown_shortener_is_held() -> None:
    assert _rules("https://zq9.io/aB3xY7") == {"link.shortener"}
    assert _rules("https://usa.gov/help") == set()


def test_control_without_the_table_every_link_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "quietway.guard.rules.link:_look_up", lambda *_: None)
    assert _rules("https://www.google.com/maps/place/x") == set()


@pytest.mark.parametrize(
    "text", ["filled.count.soap", "///filled.count.soap", "w3w: filled count soap"]
)
def test_three_words_are_found(text: str) -> None:
    assert list(three_words.find(Reading(text).plain))


@pytest.mark.parametrize(
    "text",
    ["docs.python.org", "intake.final.docx", "www.agency.help", "a.m. and p.m.", "U.S.A. law"],
)
def test_three_words_that_are_a_name_pass(text: str) -> None:
    assert list(three_words.find(Reading(text).plain)) == []


def test_control_without_its_endings_a_file_is_three_words(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "quietway.guard.rules.three_words:_is_address", lambda *_: True)
    assert list(three_words.find(Reading("intake.final.docx").plain))
