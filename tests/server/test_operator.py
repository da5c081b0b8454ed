"""The operator's listener and the metrics: what is told, to whom, and that it names nobody."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import sqlcipher3.dbapi2
from tests.controls import without
from tests.relay_process import RelayProcess, wait_until
from tests.server.agency import CLIENT, PARTNER, join, problem_code
from tests.server.conftest import make_code

from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.problems import PROBLEMS
from quietway_server import metrics
from quietway_server.heartbeats import Heartbeats
from quietway_server.metrics import METRICS, count, measure, observe, render_metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    folder = tmp_path_factory.mktemp("relay")
    with RelayProcess(folder, options={"operator-port": "0"}) as running:
        yield running


def read_metric(relay: RelayProcess, name: str) -> float:
    text = CLIENT.get(relay.operator_url + "/metrics").text
    (line,) = (each for each in text.splitlines() if each.startswith(f"quietway_{name} "))
    return float(line.rpartition(" ")[2])


def test_a_relay_that_serves_is_healthy_and_ready(relay: RelayProcess) -> None:
    assert CLIENT.get(relay.operator_url + "/healthz").json() == {"status": "ok"}
    ready = CLIENT.get(relay.operator_url + "/readyz")
    assert (ready.status_code, ready.json()["not_ready"]) == (200, [])
    assert set(ready.json()["loops"]) >= {"removals", "sweeper"}
    assert CLIENT.get(relay.operator_url + "/events").json()["events"][0]["event"] == "started"


def test_what_was_accepted_waits_and_was_refused_is_counted(relay: RelayProcess) -> None:
    agency = join(relay.url, make_code(relay), 40)
    capability = agency.capability_for(PARTNER)
    before = read_metric(relay, "envelopes_accepted_total")
    refused = read_metric(relay, 'refusals_total{problem="malformed_record"}')
    for _ in range(3):
        assert agency.submit(capability, agency.record()).status_code == 201
    assert agency.submit(capability).status_code == 400
    assert read_metric(relay, "envelopes_accepted_total") == before + 3
    assert read_metric(relay, 'refusals_total{problem="malformed_record"}') == refused + 1
    assert read_metric(relay, "waiting_envelopes") == 3
    assert read_metric(relay, "fullest_mailbox") == 3
    assert read_metric(relay, "log_leaves") >= 1
    with agency.open_socket() as opened:
        agency.greet(opened)
        assert read_metric(relay, 'sockets{kind="mailbox"}') == 1
    wait_until(lambda: read_metric(relay, 'sockets{kind="mailbox"}') == 0)


@pytest.mark.parametrize("path", ["/readyz", "/metrics", "/events"])
def test_the_public_port_does_not_know_the_operators_addresses(
    relay: RelayProcess, path: str
) -> None:
    assert problem_code(CLIENT.get(relay.url + path)) == "not_found"
    control = CLIENT.get(relay.operator_url + path)
    assert control.status_code == 200


@pytest.mark.parametrize("path", ["/v1/directory", "/v1/mailbox", "/v1/log/checkpoint", "/"])
def test_the_operators_port_serves_no_client(relay: RelayProcess, path: str) -> None:
    assert problem_code(CLIENT.get(relay.operator_url + path)) == "not_found"


def test_nothing_can_be_changed_there(relay: RelayProcess) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = CLIENT.request(method, relay.operator_url + "/metrics")
        assert problem_code(answer) == "method_not_allowed"


def test_a_name_that_is_not_loopback_finds_nothing_there(relay: RelayProcess) -> None:
    answer = CLIENT.get(relay.operator_url + "/metrics", headers={"Host": "rebound.example"})
    assert problem_code(answer) == "not_found"


def test_no_metric_has_a_label_whose_values_are_not_listed(relay: RelayProcess) -> None:
    text = CLIENT.get(relay.operator_url + "/metrics").text
    allowed = {(metric.label, value) for metric in METRICS for value in metric.values}
    allowed |= {("event", value) for value in re.findall(r'event="([a-z_]+)"', text)}
    allowed |= {("problem", code) for code in PROBLEMS}
    shown = set(re.findall(r'(\w+)="([^"]*)"', text))
    assert {pair for pair in shown - allowed if pair[0] != "le"} == set()
    assert "agy_" not in text
    assert {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")} == {
        metric.shown for metric in METRICS
    }


@pytest.mark.parametrize(
    ("verb", "name", "label"),
    [
        (count, "refusals", "agy_abc"),
        (count, "refusals", ""),
        (count, "mailbox_mbx_abc", ""),
        (measure, "refusals", "not_found"),
        (observe, "ready", ""),
    ],
)
def test_what_is_not_on_the_list_cannot_be_counted(
    verb: Callable[..., None], name: str, label: str
) -> None:
    before = render_metrics()
    arguments = {"label": label} if label else {}
    with pytest.raises(ValueError, match="not on the list"):
        verb(name, 1, **arguments)
    assert render_metrics() == before


def test_control_without_the_list_a_label_could_name_an_agency(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def find(name: str, _kind: str, label: str) -> object:
        return metrics._MADE[name].labels(label)

    without(monkeypatch, "quietway_server.metrics:_find", find)
    count("refusals", label="agy_abc")
    assert b"agy_abc" in render_metrics()
    metrics._MADE["refusals"].remove("agy_abc")


def test_a_full_disk_is_said_while_the_process_stays_healthy(tmp_path: Path) -> None:
    options = {"operator-port": "0", "max-database-bytes": str(120 * 8192)}
    with RelayProcess(tmp_path, options=options) as relay:
        agency = join(relay.url, make_code(relay), 3)
        capability = agency.capability_for(PARTNER)
        while agency.submit(capability, agency.record(EnvelopeClass.CASE)).status_code == 201:
            pass
        CLIENT.get(relay.operator_url + "/healthz").raise_for_status()
        answer = CLIENT.get(relay.operator_url + "/readyz")
        assert (answer.status_code, answer.json()["not_ready"]) == (503, ["storage"])


def test_a_database_that_somebody_holds_is_not_ready_storage(tmp_path: Path) -> None:
    with RelayProcess(tmp_path, options={"operator-port": "0"}) as relay:
        holder = sqlcipher3.dbapi2.connect(str(relay.database), isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        answer = CLIENT.get(relay.operator_url + "/readyz", timeout=20)
        assert (answer.status_code, answer.json()["not_ready"]) == (503, ["storage"])
        holder.execute("ROLLBACK")
        holder.close()
        wait_until(lambda: CLIENT.get(relay.operator_url + "/readyz").json()["ready"])


def test_tables_of_another_version_are_not_ready_schema(tmp_path: Path) -> None:
    with RelayProcess(tmp_path, options={"operator-port": "0"}) as relay:
        beside = sqlcipher3.dbapi2.connect(str(relay.database))
        beside.execute("UPDATE alembic_version SET version_num = '9999'")
        beside.commit()
        beside.close()
        wait_until(
            lambda: CLIENT.get(relay.operator_url + "/readyz").json()["not_ready"] == ["schema"]
        )


def test_a_head_that_another_key_signed_is_not_ready_log(tmp_path: Path) -> None:
    with RelayProcess(tmp_path, options={"operator-port": "0"}) as relay:
        beside = sqlcipher3.dbapi2.connect(str(relay.database))
        beside.execute("UPDATE log_head SET checkpoint = replace(checkpoint, '=', '')")
        beside.commit()
        beside.close()
        wait_until(
            lambda: CLIENT.get(relay.operator_url + "/readyz").json()["not_ready"] == ["log"]
        )


def test_a_loop_that_stands_still_is_late() -> None:
    now = [0.0]
    heartbeats = Heartbeats(lambda: now[0])
    heartbeats.expect("sweeper")
    assert heartbeats.late() == ()
    now[0] = 61.0
    assert heartbeats.late() == ("sweeper",)


def test_without_a_port_there_is_no_listener(tmp_path: Path) -> None:
    with RelayProcess(tmp_path) as relay:
        assert relay.operator_url == ""
