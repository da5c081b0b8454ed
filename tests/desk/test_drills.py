"""A drill at two desks, as the page says: real people called, and never taken for real."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.desk.conftest import Desk, write_passphrase
from tests.desk.test_howto import Page
from tests.journeys.conftest import PASSPHRASE, befriend, found
from tests.relay_process import RelayProcess

from quietway import Client
from quietway.drilling.library import find_scenario

if TYPE_CHECKING:
    from pathlib import Path


def test_a_drill_is_run_as_the_page_says(tmp_path: Path) -> None:
    file = write_passphrase(tmp_path)
    shelter, hospital = Desk(tmp_path / "harbor", file), Desk(tmp_path / "mercy", file)
    page = Page.open("run-a-drill", tmp_path)
    with RelayProcess(tmp_path / "relay") as relay:
        with (
            found(relay, shelter.home, "HARBOR-SHELTER", "frontline_advocate") as one,
            found(relay, hospital.home, "MERCY-SOCIALWORK", "on_call_lead") as other,
        ):
            befriend(one, other)
        assert "missed-checkin" in page.run(shelter).stdout
        ran = page.run(shelter)
        assert "EXERCISE. EXERCISE." in ran.stderr
        page.meant["DRILL"] = re.findall(r"runs as ([0-9a-f]{32})", ran.stdout)[0]
        with Client.open(hospital.home, passphrase=PASSPHRASE) as client:
            client.sync()
            (alert,) = client.alerts.list(exercise=True)
            client.alerts.claim(alert.alert_id)
            assert client.alerts.list() == []
        shown = page.run(shelter).stdout
        assert all(line.startswith(("EXERCISE:", " ")) for line in shown.splitlines() if line)
        scored = page.run(shelter).stdout
        assert re.search(r"EXERCISE: .*missed-checkin", scored)
        assert re.search(r"The right people +as it should be", scored)
        assert re.search(r"Closed, in seconds +did not happen", scored)
        assert "To be improved" in page.run(shelter).stdout
        assert not page.commands
        (listed,) = json.loads(shelter.run("drill", "list", "--json").stdout)
        assert (listed["exercise"], listed["outcome"]) == (True, "to_improve")
        own = tmp_path / "own.toml"
        raw = find_scenario("unfounded").raw
        own.write_bytes(
            raw.replace(b"at_s = 600", b"at_s = 0").replace(b"at_s = 1500", b"at_s = 1")
        )
        stayed = shelter.run("drill", "run", str(own), "--with", "MERCY")
        assert stayed.returncode == 0
        assert "EXERCISE: Each agency says" in stayed.stdout
        refused = shelter.run("drill", "run", "no-such-scenario")
        assert (refused.returncode, "quietway drill list" in refused.stderr) == (1, True)
