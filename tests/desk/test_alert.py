"""Alerts at the desk: sent without a word, taken in three steps, verified by somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.desk.night import CODE, Night, begin_night, read_json
from tests.desk.terminal import Terminal
from tests.relay_process import RelayProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.desk.conftest import Desk


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    folder = tmp_path_factory.mktemp("night")
    with RelayProcess(folder / "relay") as relay:
        yield begin_night(relay, folder, agencies=("shelter", "hospital"))


def show(desk: Desk, name: str, *options: str) -> str:
    ran = desk.run("alert", "show", name, *options)
    assert ran.returncode == 0, ran.stderr
    return f"{ran.stderr}\n{ran.stdout}"


def take(desk: Desk, name: str) -> None:
    assert desk.run("alert", "claim", name).returncode == 0


@pytest.mark.requirement("B17")
def test_somebody_who_was_woken_takes_an_alert_with_one_command_and_a_digit(night: Night) -> None:
    """B17: usable under pressure: a card, and at most three actions to acknowledge and lead."""
    name = night.raise_alert()
    with Terminal(night.primary, "alert", "show") as terminal:
        card = terminal.read_until("Number")
        terminal.type("1\n")
        terminal.read_until("delivered to the relay")
        assert terminal.wait() == 0

    assert "ALERT: A lead is needed now" in card
    assert "NOBODY YET" in card
    assert "NO. Unverified" in card
    assert "NEXT, in" in card
    assert "Barrier: Not enough money" in card
    shown = show(night.shelter, name)
    assert "MERCY-SOCIALWORK (" in shown
    assert "took it at" in shown
    assert "not called: somebody has it" in shown


@pytest.mark.requirement("B17")
def test_a_card_says_what_not_to_do_and_names_no_place(night: Night) -> None:
    """B17: the card marks unsafe ways in words, and says how a place is passed: by voice."""
    name = night.raise_alert()
    sender, called = show(night.shelter, name), show(night.primary, name)

    for card in (sender, called):
        assert "Tell no other agency of it" in card
        assert "A place is said by phone" in card
        assert "May I share this?" in card
    assert "UNSAFE Voicemail" in sender
    assert "UNSAFE Text message" in sender
    # The way that is marked unsafe is never offered as a safe one.
    assert "safe Voicemail     yes" not in sender
    # Whoever was not called can't take it; the sender is offered the telephone alone.
    assert "alert claim" not in sender
    assert "alert claim" in called
    take(night.primary, name)


@pytest.mark.requirement("A45")
def test_it_takes_another_person_and_a_class_of_source_to_corroborate(night: Night) -> None:
    """A45: a threat is verified through trusted contacts, and not by whoever raised it."""
    name = night.raise_alert()
    take(night.primary, name)
    says = ("alert", "verify", name, "--source=trusted_contact", "--result=supports")
    own = night.shelter.run(*says)
    assert (own.returncode, "ask somebody else" in own.stderr) == (1, True)
    checked = night.primary.run(*says)
    assert (checked.returncode, "It is now: Corroborated." in checked.stdout) == (0, True)
    shown = show(night.shelter, name)
    assert "Yes. Corroborated: A trusted contact supports it." in shown
    assert "Tell no other agency of it" not in shown


@pytest.mark.requirement("A45")
def test_judgement_takes_two_people(night: Night) -> None:
    """A45: where no source can be asked, two people stand for it, and it is said to be that."""
    name = night.raise_alert()
    take(night.primary, name)
    judged = night.primary.run(
        "alert", "verify", name, "--source=record", "--result=supports", "--judgement"
    )
    assert "It is now: Unverified." in judged.stdout
    alone = night.primary.run("alert", "second", name)
    assert alone.returncode == 1
    # Once it is claimed, the ladder's other devices have it too.
    seconded = night.backup.run("alert", "second", name)
    assert "It is now: Corroborated." in seconded.stdout, seconded.stderr
    assert "by judgement of two" in show(night.primary, name)


def test_declining_is_all_right_and_releasing_lets_it_climb_again(night: Night) -> None:
    name = night.raise_alert()
    declined = night.primary.run("alert", "decline", name, "--reason=conflict_of_interest")
    assert declined.returncode == 0, declined.stderr
    assert "A conflict of interest" in show(night.shelter, name)
    take(night.primary, name)
    assert night.primary.run("alert", "release", name).returncode == 0
    (before,) = [
        alert
        for alert in read_json(night.shelter, "alert", "list", "--all")
        if alert["name"] == name
    ]
    assert (before["state"], before["round"], before["claims"]) == ("released", 1, [])
    take(night.backup, name)
    assert "took it at" in show(night.shelter, name)


def test_it_is_passed_on_to_whoever_is_called_next_and_has_to_be_taken_there(night: Night) -> None:
    name = night.raise_alert()
    passed = night.primary.run("alert", "pass", name)
    assert passed.returncode == 0, passed.stderr
    assert "It has to be taken there." in passed.stderr
    assert "NOBODY YET" in show(night.backup, name)
    take(night.backup, name)
    assert "took it at" in show(night.primary, name)


@pytest.mark.requirement("B17")
def test_without_the_network_it_is_said_loudly_and_the_card_is_shown(night: Night) -> None:
    """B17: the card works offline, and says in capitals what was not delivered."""
    name = night.raise_alert()
    show(night.primary, name)
    night.relay.stop()
    try:
        claimed = night.primary.run("alert", "claim", name)
        card = show(night.primary, name)
        phone = night.primary.run("alert", "call", name)
    finally:
        night.relay.restart()

    assert claimed.returncode == 0
    assert "NOT DELIVERED" in claimed.stderr
    assert "NOT DELIVERED" in card
    assert "ALERT: A lead is needed now" in card
    assert phone.returncode == 0
    assert f"Both sides call this alert {name}" in phone.stdout
    assert night.primary.run("inbox").returncode == 0
    assert "NOT DELIVERED" not in show(night.primary, name)
    assert "took it at" in show(night.shelter, name)


def test_a_drill_says_so_first_and_stands_in_no_list_of_what_is_real(night: Night) -> None:
    name = night.raise_alert("--exercise")
    card = show(night.primary, name)
    real = night.primary.run("alert", "list").stdout
    drills = night.primary.run("alert", "list", "--exercise").stdout
    phone = night.shelter.run("alert", "call", name).stdout

    assert card.startswith("EXERCISE.")
    assert "EXERCISE: ALERT" in card
    assert name not in real
    assert drills.startswith("EXERCISE  ")
    assert phone.startswith("EXERCISE.")
    take(night.primary, name)


def test_its_sender_is_told_whom_to_phone_and_then_who_has_it(night: Night) -> None:
    case = night.cases["shelter"]
    other = night.raise_alert("--ladder=0,1", "--no-wait")
    sent = ("alert", "send", case, f"--code={CODE}", "--ladder=0,2", "--wait")
    with Terminal(night.shelter, *sent) as terminal:
        called = terminal.read_until("Waiting until somebody has it")
        name = called.split("is called ")[1].split(".")[0]
        # What becomes of another one meanwhile is told as well.
        terminal.read_until(f"Both sides call this alert {other}")
        rung = terminal.read_until(f"Both sides call this alert {name}")
        take(night.primary, other)
        take(night.primary, name)
        terminal.read_until("MERCY-SOCIALWORK has it.")
        assert terminal.wait() == 0

    assert "\a" in rung
    assert "PHONE NOW" in rung
    assert "Say no name and no place" in rung


def test_watching_rings_and_says_nothing_of_the_case(night: Night) -> None:
    with Terminal(night.primary, "watch") as terminal:
        terminal.read_until("Watching.")
        # Drills have a budget of their own, which no other test here uses up.
        name = night.raise_alert("--exercise")
        shown = terminal.read_until(f"Look: quietway alert show {name}")
    take(night.primary, name)

    assert "\a" in shown
    assert "lead is needed" not in shown
    assert night.cases["hospital"] not in shown


def test_what_can_t_be_is_a_sentence(night: Night) -> None:
    name = night.raise_alert()
    refused = {
        "unknown": night.shelter.run("alert", "show", "00000000"),
        "short": night.shelter.run("alert", "show", "00"),
        "code": night.shelter.run("alert", "send", night.cases["shelter"]),
        "ladder": night.shelter.run(
            "alert", "send", night.cases["shelter"], f"--code={CODE}", "--ladder=now"
        ),
        "theirs": night.shelter.run("alert", "claim", name),
    }
    take(night.primary, name)

    assert {what: ran.returncode for what, ran in refused.items()} == {
        "unknown": 1,
        "short": 2,
        "code": 2,
        "ladder": 2,
        "theirs": 1,
    }
    assert "quietway alert list --all" in refused["unknown"].stderr
    assert "calls another agency" in refused["theirs"].stderr
