"""Telephone numbers, e-mail addresses, numbers of persons and of devices."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from tests.controls import without

from quietway.guard.checksums import is_french, is_luhn, is_spanish
from quietway.guard.inspecting import inspect
from quietway.guard.lists import Lists
from quietway.guard.plans import REGIONS
from quietway.guard.reading import Reading
from quietway.guard.rules import acp, device, email, identity, phone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from quietway.guard.finding import Hit
    from quietway.guard.view import View

COUNT: Final = 200
FREE_REGIONS: Final = ("US", "CA", "GB", "FR", "ES", "AU", "DE", "IT", "NZ", "IE", "BR")
PASSING: Final = (
    "Call 911, 988, 211 or 112.",
    "1-800-799-7233 and (800) 799-7233",
    "On 2026-05-12 from 10:30 to 11:45.",
    "12/05/2026, 13.05.2026, 2026 05 12",
    "Case no. 2024-001-2345, docket 24-1234567.",
    "Costs: $1,234,567.89 or 1.234.567,89 euros.",
    "ISBN 978-0-306-40615-7",
    "Penal Code 273.5, 18 U.S.C. 2261, 45 CFR 164.512",
    "Between 2015-2016, 2017-2018 and 2019-2020.",
    "Ages 10-12, 13-15 and 16-18; 24/7/365.",
    "ZIP+4 is none of this class: 12345-6789",
    "Invoice 4471123344 and account 998877665544",
    "Version 10.2.1.44, build 20240512.",
    "There were 1200000 people, 3400 calls.",
)


def _rules(find: Callable[[View], Iterator[Hit]], text: str) -> set[str]:
    return {hit.rule for view in Reading(text).views for hit in find(view)}


def _write_mobile(region: str) -> list[str]:
    number = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    assert number is not None
    written = {
        form: phonenumbers.format_number(number, form)
        for form in (PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164)
    }
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    return [f"It is {one}, she says." for one in written.values()] + [
        f"Call her at {national} after six.",
        f"Su teléfono es {national}.",
        f"Son portable : {national}",
        f"{national} is her mobile",
    ]


@pytest.mark.parametrize("region", REGIONS)
def test_a_mobile_number_is_found_as_its_country_writes_it(region: str) -> None:
    texts = _write_mobile(region)
    assert [text for text in texts if not _rules(phone.find, text)] == []


def test_american_numbers_are_found_in_every_grouping() -> None:
    random = Random(17)
    missed = []
    for _ in range(COUNT):
        area, exchange, line = (
            random.randint(201, 799),
            random.randint(200, 999),
            random.randint(0, 9999),
        )
        for form in (
            "({}) {}-{:04d}",
            "{}-{}-{:04d}",
            "{}.{}.{:04d}",
            "{} {} {:04d}",
            "1-{}-{}-{:04d}",
            "+1{}{}{:04d}",
            "({}){}-{:04d}",
            "{}/{}-{:04d}",
        ):
            text = f"Try {form.format(area, exchange, line)} first."
            missed += [] if _rules(phone.find, text) else [text]
    assert missed == []


@pytest.mark.parametrize("region", FREE_REGIONS)
def test_what_is_free_to_call_passes(region: str) -> None:
    number = phonenumbers.example_number_for_type(region, PhoneNumberType.TOLL_FREE)
    assert number is not None
    for form in (PhoneNumberFormat.NATIONAL, PhoneNumberFormat.INTERNATIONAL):
        text = f"Call {phonenumbers.format_number(number, form)}, day and night."
        assert _rules(phone.find, text) == set(), text


@pytest.mark.parametrize("text", PASSING)
def test_other_numbers_are_no_telephone_numbers(text: str) -> None:
    assert _rules(phone.find, text) == set()


def test_control_if_every_number_were_in_a_plan_other_numbers_would_be_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "There were 4000000000 entries."
    assert _rules(phone.find, text) == set()
    without(monkeypatch, "quietway.guard.rules.phone:is_valid_somewhere", lambda *_: True)
    assert _rules(phone.find, text) == {"phone.private"}


def test_an_agencys_own_number_passes_by_its_list() -> None:
    lists = Lists(allowed=("(617) 555-0142", "help@agency.example"))
    assert inspect("Our office: 617-555-0142 or (617) 555-0142.") != ()
    assert inspect("Our office: (617) 555-0142, help@agency.example.", lists=lists) == ()


def test_in_the_field_for_an_offices_contact_number_and_address_pass() -> None:
    text = "617-555-0142, help@agency.example"
    assert inspect(text, field="professional_contact") == ()
    assert {finding.rule for finding in inspect(text)} == {"phone.private", "email.address"}


def test_social_security_numbers_are_found_by_their_range() -> None:
    random = Random(9)
    for _ in range(COUNT):
        area = random.choice([*range(1, 666), *range(667, 900)])
        text = f"On file: {area:03d}-{random.randint(1, 99):02d}-{random.randint(1, 9999):04d}."
        assert "identity.ssn" in _rules(identity.find, text), text
    for never in ("000-12-3456", "666-12-3456", "912-34-5678", "123-00-4567", "123-45-0000"):
        assert "identity.ssn" not in _rules(identity.find, f"Not one: {never}.")


def test_numbers_with_a_check_are_found_only_if_it_holds() -> None:
    random = Random(10)
    for _ in range(COUNT):
        digits = random.randint(10_000_000, 99_999_999)
        for letter in "TRWAGMYFPDXBNJZSQVHLCKE":
            written = f"{digits}{letter}"
            is_right = "TRWAGMYFPDXBNJZSQVHLCKE"[digits % 23] == letter
            assert is_spanish(written.lower()) is is_right
        right = "TRWAGMYFPDXBNJZSQVHLCKE"[digits % 23]
        assert "identity.national" in _rules(identity.find, f"DNI {digits}-{right}")


def test_the_french_key_is_ninety_seven_less_the_rest() -> None:
    assert is_french("269054958815780")
    assert not is_french("269054958815781")
    body = 1_84_12_19_451_089  # 2A is read as 19
    assert is_french(f"184122a451089{97 - body % 97:02d}")


def test_control_without_the_letter_any_digits_are_a_dni(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _rules(identity.find, "Form 12345678A is due.") == set()
    without(monkeypatch, "quietway.guard.rules.identity:_is_right", lambda *_: True)
    assert _rules(identity.find, "Form 12345678A is due.") == {"identity.national"}


def test_luhn_holds_for_numbers_that_are_known() -> None:
    assert is_luhn("490154203237518")
    assert is_luhn("046454286")
    assert not is_luhn("490154203237519")


def test_an_imei_proves_itself() -> None:
    random = Random(11)
    for _ in range(COUNT):
        body = f"35{random.randint(0, 10**12 - 1):012d}"
        check = next(digit for digit in "0123456789" if is_luhn(body + digit))
        assert "device.serial" in _rules(device.find, f"It says {body}{check} inside.")


def test_addresses_of_networks_are_found_and_versions_pass() -> None:
    random = Random(12)
    for _ in range(COUNT):
        four = ".".join(str(random.randint(11, 223)) for _ in range(4))
        six = ":".join(f"{random.randint(1, 65535):x}" for _ in range(8))
        mac = ":".join(f"{random.randint(0, 255):02x}" for _ in range(6))
        for text in (f"The mail came from {four}.", f"login {six} seen", f"tablet {mac.upper()}"):
            assert "device.address" in _rules(device.find, text), text
        assert _rules(device.find, f"Update to version {four} today.") == set()


@pytest.mark.parametrize(
    "text",
    [
        "jane.doe+x@example.org",
        "JANE@EXAMPLE.CO.UK",
        "jane[at]example[dot]org",
        "ana arroba correo punto mx",
    ],
)
def test_an_email_address_is_found_however_it_is_written(text: str) -> None:
    assert _rules(email.find, f"Write to {text}, please.") == {"email.address"}


def test_a_participants_number_blocks_even_where_the_box_is_allowed() -> None:
    lists = Lists(allowed=("PO Box 1110", "Safe at Home PMB 1234"))
    (finding,) = inspect("Send it to Safe at Home PMB 1234.", lists=lists)
    assert (finding.rule, finding.action) == ("acp.participant", "block")
    assert _rules(acp.find, "The ACP has a PO Box 1110 for mail.") == set()
