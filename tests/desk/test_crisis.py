"""A crisis at the desk: called together, talked and acted, closed, looked back on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.desk.night import PROGRAMS, Night, begin_night, read_json
from tests.relay_process import RelayProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.desk.conftest import Desk, Ran

SAID = "A room is ready, and somebody waits by the phone."
AFTERWARDS = "The advocate has reached her; she is well."
PLACE = "She is at 14 Linden Street, second floor."


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    folder = tmp_path_factory.mktemp("night")
    with RelayProcess(folder / "relay") as relay:
        yield begin_night(relay, folder, agencies=PROGRAMS)


def do(desk: Desk, *arguments: str, words: str = "") -> Ran:
    ran = desk.run(*arguments, words=words)
    assert ran.returncode == 0, ran.stderr
    return ran


def name_of(ran: Ran) -> str:
    return ran.stdout.split("is called ")[1].split(".")[0].split(",")[0]


def activate(night: Night, alert: str) -> Ran:
    return night.primary.run(
        "crisis",
        "activate",
        f"--alert={alert}",
        "--because=missed_checkin_high_concern",
        "--kind=medical_emergency",
        "--with=HARBOR",
        "--with=CITYPD",
    )


def begin(night: Night) -> str:
    """Raise, claim and corroborate an alert, and bring all four agencies together about it."""
    alert = night.raise_alert()
    do(night.primary, "alert", "claim", alert)
    refused = activate(night, alert)
    assert (refused.returncode, "Nothing was sealed" in refused.stderr) == (1, True)
    verified = ("alert", "verify", alert, "--source=partner_agency", "--result=supports")
    do(night.primary, *verified)
    event = name_of(activate(night, alert))
    for desk in (night.shelter, night.police):
        do(night.primary, "crisis", "list")
        do(desk, "crisis", "answer", event)
    do(night.primary, "crisis", "list")
    do(night.primary, "crisis", "invite", event, "JUSTICE")
    do(night.legal_aid, "crisis", "answer", event)
    do(night.primary, "crisis", "list")
    return event


def show(desk: Desk, event: str) -> Any:
    (shown,) = read_json(desk, "crisis", "show", event)
    return shown


def find_member(desk: Desk, event: str, agency: str) -> str:
    return next(held["name"] for held in show(desk, event)["members"] if held["agency"] == agency)


def test_four_agencies_talk_act_hand_over_and_close_and_who_left_gets_nothing_more(
    night: Night,
) -> None:
    event = begin(night)
    members = {held["agency"] for held in show(night.primary, event)["members"]}
    assert members == {"MERCY", "HARBOR", "CITYPD", "JUSTICE"}
    _talk(night, event)
    _act(night, event)
    _hand_over(night, event)
    _leave(night, event)
    _close(night, event)
    _look_back(night, event)


def _talk(night: Night, event: str) -> None:
    do(night.shelter, "crisis", "say", event, words=SAID)
    refused = night.shelter.run("crisis", "say", event, words=PLACE)
    assert (refused.returncode, "14 Linden" in refused.stderr) == (1, False)
    do(night.primary, "crisis", "decide", event, "--ground=survivor_choice", words="As she wants.")


def _act(night: Night, event: str) -> None:
    asked = ("--code=arrange_transport", "--owner=CITYPD", "--in=30")
    made = name_of(do(night.primary, "crisis", "action", event, *asked))
    do(night.primary, "crisis", "checkin", event, "--in=60")
    shown = do(night.police, "crisis", "show", event).stdout
    for wanted in (SAID, "Arrange transport: CITYPD", "As she wants.", "Safety liaison"):
        assert wanted in shown
    do(night.police, "crisis", "action", event, f"--update={made}", "--state=done")
    police = find_member(night.primary, event, "CITYPD")
    do(night.primary, "crisis", "role", event, police, "--as=scribe")
    arranged = do(night.primary, "crisis", "logistics", event, "--kind=transport", f"--to={police}")
    words = arranged.stdout.split("Words: ")[1].split(".")[0]
    assert words in do(night.police, "crisis", "show", event).stdout
    assert words not in do(night.legal_aid, "crisis", "show", event).stdout


def _hand_over(night: Night, event: str) -> None:
    shelter = find_member(night.primary, event, "HARBOR")
    do(night.primary, "crisis", "handover", event, f"--to={shelter}")
    assert show(night.shelter, event)["lead"] == "MERCY"
    do(night.shelter, "crisis", "handover", event, "--accept")
    do(night.primary, "crisis", "list")
    assert show(night.shelter, event)["lead"] == "HARBOR"


def _leave(night: Night, event: str) -> None:
    do(night.shelter, "crisis", "remove", event, "JUSTICE")
    do(night.shelter, "crisis", "say", event, words=AFTERWARDS)
    assert AFTERWARDS in do(night.primary, "crisis", "show", event).stdout
    assert AFTERWARDS not in do(night.legal_aid, "crisis", "show", event).stdout
    do(night.police, "crisis", "note", event, "--did=took_part", "--did=action_done")


def _close(night: Night, event: str) -> None:
    owed = night.shelter.run("crisis", "close", event, "--outcome=danger_over")
    assert owed.returncode == 1
    for desk in (night.primary, night.shelter):
        do(desk, "crisis", "note", event, "--did=took_part")
    do(night.shelter, "crisis", "summary", event)
    left = "--without=JUSTICE=left_event"
    closed = do(night.shelter, "crisis", "close", event, "--outcome=danger_over", left)
    assert "Its review is due" in closed.stdout
    assert show(night.primary, event)["state"] == "closed"
    do(night.police, "crisis", "leave", event)


def _look_back(night: Night, event: str) -> None:
    said = ("--worked-well=verified_first", "--gap=none", "--risk=overheard")
    do(night.shelter, "debrief", "record", event, *said)
    asked = ("--category=training_need", "--owner=MERCY")
    item = name_of(do(night.shelter, "debrief", "item", event, *asked))
    do(night.primary, "debrief", "report", item, "--state=under_way")
    shown = do(night.shelter, "debrief", "show", event).stdout
    for wanted in ("held", "It could be overheard", "Training needed", "Under way"):
        assert wanted in shown, shown
    assert read_json(night.primary, "debrief", "list")[-1]["state"] == "held"


def test_a_colleague_comes_in_and_goes_on_where_the_device_that_leads_is_lost(
    night: Night,
) -> None:
    alert = night.raise_alert()
    do(night.primary, "alert", "claim", alert)
    verified = ("--source=partner_agency", "--result=supports")
    do(night.primary, "alert", "verify", alert, *verified)
    event = name_of(activate(night, alert))
    do(night.shelter, "crisis", "answer", event)
    do(night.primary, "crisis", "list")
    colleague = next(
        held["name"] for held in read_json(night.backup, "device", "list") if held["this_one"]
    )
    lost = find_member(night.primary, event, "MERCY")
    do(night.primary, "crisis", "invite", event, colleague)
    assert {held["name"] for held in show(night.backup, event)["members"]} >= {colleague}
    do(night.backup, "crisis", "succeed", event)
    for desk in (night.backup, night.shelter):
        members = {held["agency"]: held["name"] for held in show(desk, event)["members"]}
        assert members["MERCY"] == colleague != lost
    shown = do(night.shelter, "crisis", "show", event).stdout
    assert f"({colleague}), says who takes part" in shown


def test_what_can_t_be_is_a_sentence_that_says_what_to_do(night: Night) -> None:
    case = night.cases["hospital"]
    asked = ("crisis", "activate", "--because=imminent_harm", "--kind=medical_emergency")
    nobody = night.primary.run(*asked, case)
    nothing = night.primary.run(*asked)
    unknown = night.primary.run("crisis", "show", "00000000")
    neither = night.primary.run("crisis", "checkin", "00000000")
    code = night.primary.run("crisis", "note", "00000000", "--did=nothing")

    assert (nobody.returncode, "CITYPD: yes." in nobody.stderr) == (2, True)
    assert (nothing.returncode, "--alert" in nothing.stderr) == (2, True)
    assert (unknown.returncode, "quietway crisis list" in unknown.stderr) == (1, True)
    assert (neither.returncode, code.returncode) == (2, 2)
