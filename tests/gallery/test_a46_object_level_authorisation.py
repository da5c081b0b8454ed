"""Row 46: another's mailbox is read, emptied or re-targeted by naming it (BOLA; SQL injection).

The attacker has an account of their own, and names what is not theirs: by an id, by a cursor, by a
sequence number, by a text that a careless query would run. Defences: a mailbox is named by the key
that signed and by nothing else, every statement binds its values, and no statement is put together
as text. The matrix of all callers and objects is in `tests/server/test_matrix.py`.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import pytest
from tests.controls import without
from tests.server.agency import CLIENT, ENVELOPES, JSON, PARTNER, Agency, problem_code
from tests.server.in_process import InProcessRelay
from tests.server.strangers import dump

from quietway_crypto.encoding import encode_base64
from quietway_schemas.frames import MailboxPage
from quietway_schemas.ids import MailboxId
from quietway_server.errors import RefusedError
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway_server.ports import Transaction

ROOT: Final = Path(__file__).resolve().parents[2]
INJECTIONS: Final = (
    "' OR '1'='1",
    "' OR 1=1 --",
    "'; DROP TABLE mailboxes; --",
    "' UNION SELECT sealed FROM flash_envelopes --",
    '" OR ""="',
    "1; DELETE FROM devices",
    "1 OR 1=1",
    "0 UNION SELECT 1",
    "x'27'",
    "\\'; --",
    "%27%20OR%201=1",
    "1)) OR ((1=1",
    "NULL",
    "; ATTACH DATABASE 'x' AS y; --",
    "$1",
    ":name",
    "?",
)
_SQL: Final = re.compile(
    r"\b(SELECT\b.+\bFROM|INSERT\s+INTO|UPDATE\b.+\bSET|DELETE\s+FROM|DROP\s+TABLE|CREATE\s+TABLE"
    r"|ALTER\s+TABLE|PRAGMA|ATTACH|NOTIFY|LISTEN)\b",
    re.DOTALL,
)
_RUN: Final = frozenset({"execute", "executemany", "executescript", "exec_driver_sql", "text"})
_CONSTANTS: Final = frozenset(
    {
        ("database.py", "PRAGMA "),
        ("sqlite.py", "PRAGMA max_page_count="),
        ("inspecting.py", "SELECT count(*) FROM "),
        ("postgres.py", "pg_advisory_xact_lock({"),
        ("postgres.py", "VACUUM (SKIP_LOCKED) {name}"),
        ("postgres_driver.py", "INSERT INTO {table.name} SELECT * FROM unnest("),
        ("postgres_driver.py", "(SELECT * FROM unnest({arrays}))"),
        ("postgres_inspecting.py", "SELECT count(*) FROM {table.name}"),
    }
)
"""What is put together from names of our own tables and from numbers of our own: settings of the
database, which bind no values, and texts in which a name can't be bound. Values are, everywhere."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "r.db"


@pytest.fixture
def here(path: Path) -> Iterator[InProcessRelay]:
    with InProcessRelay(store=SqliteStore(path)).running() as relay:
        yield relay


def _ack(agency: Agency, **frame: object) -> int:
    return agency.post("/v1/mailbox/ack", {"frame": "ack", **frame}).status_code


def _waiting(agency: Agency) -> int:
    return len(MailboxPage.unpack(agency.get("/v1/mailbox").content).entries)


def test_an_acknowledgement_destroys_what_is_the_acknowledgers_own_and_nothing_else(
    here: InProcessRelay,
) -> None:
    thief, victim = here.new_agency(), here.new_agency()
    for agency in (thief, victim):
        agency.submit(agency.capability_for(PARTNER), agency.record(), agency.record())
    # The numbers are the same in both mailboxes: they mean the asker's own.
    assert _ack(thief, seqs=[1]) == _ack(thief, through=2**53 - 1) == 204
    assert (_waiting(thief), _waiting(victim)) == (0, 2)
    for extra in ({"mailbox": str(victim.mailbox)}, {"device": str(victim.device_id)}):
        answer = thief.post("/v1/mailbox/ack", {"frame": "ack", "through": 9, **extra})
        assert problem_code(answer) == "unknown_field"
    assert thief.get(f"/v1/mailbox?after=0&mailbox={victim.mailbox}").status_code == 400
    assert _waiting(victim) == 2


def test_control_were_the_mailbox_taken_from_the_name_alone_it_would_be_emptied(
    here: InProcessRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    thief, victim = here.new_agency(), here.new_agency()
    victim.submit(victim.capability_for(PARTNER), victim.record())
    without(
        monkeypatch, "quietway_protocol.request_signature:_Sodium.verify", lambda *_, **__: None
    )
    body = b'{"frame":"ack","through":9}'
    headers = thief.signature("POST", "/v1/mailbox/ack", body, key_id=str(victim.device_id))
    CLIENT.post(
        here.url + "/v1/mailbox/ack", content=body, headers={**headers, "Content-Type": JSON}
    )
    assert _waiting(victim) == 0


def _inject(agency: Agency, text: str) -> list[int]:
    """Put a text into every id, cursor, header and query there is; give the statuses."""
    quoted = quote(text, safe="")
    url, blob = agency.url, encode_base64(b"i" * 16)
    week = {"Content-Type": JSON}
    lane = {"Content-Type": ENVELOPES, "Quietway-Lane": text}
    raw = MailboxId(text.encode().ljust(16, b" ")[:16])
    good = {**lane, "Quietway-Lane": encode_base64(agency.capability_for(PARTNER))}
    signed = agency.signature("GET", "/v1/mailbox")
    named = {
        **signed,
        "Signature-Input": signed["Signature-Input"].replace(str(agency.device_id), text),
    }
    blobs = {
        "Quietway-Blob-Writer": text,
        "Quietway-Blob-Opening": text,
        "Quietway-Blob": text,
        "Content-Range": text,
        "Range": text,
    }
    answers = [
        CLIENT.post(url + "/v1/envelopes", content=agency.record().pack(), headers=lane),
        CLIENT.post(url + "/v1/envelopes", content=agency.record(to=raw).pack(), headers=good),
        CLIENT.get(url + "/v1/mailbox", headers=named),
        agency.post("/v1/mailbox/hello", {"frame": "hello", "after": 0, "witness_now": text}),
        agency.post("/v1/mailbox/ack", {"frame": "ack", "seqs": [text]}),
        agency.post("/v1/mailbox/ack", {"frame": text, "through": 1}),
    ]
    answers += [
        CLIENT.put(url + path, content=agency.epochs().to_canonical(), headers=week)
        for path in (
            f"/v1/agencies/{quoted}/manifest",
            f"/v1/agencies/{quoted}/epochs",
            f"/v1/lanes/{quoted}",
        )
    ]
    answers += [
        CLIENT.request(method, f"{url}/v1/blobs/{name}", headers=blobs)
        for method in ("GET", "HEAD", "DELETE", "PUT")
        for name in (quoted, blob)
    ]
    answers += [
        agency.get(target.format(quoted))
        for target in (
            "/v1/mailbox?after={}",
            "/v1/directory?after={}",
            "/v1/directory?after=0&size={}",
            "/v1/log/consistency?from={}&to=1",
            "/v1/log/consistency?from=1&to={}",
            "/v1/log/leaves?after={}",
        )
    ]
    stranger = Agency(url, 4242)
    answers.append(stranger.publish_manifest(code=text))
    return [answer.status_code for answer in answers]


def test_a_query_in_any_id_cursor_header_or_field_is_refused_and_changes_nothing(
    here: InProcessRelay, path: Path
) -> None:
    agency = here.new_agency()
    agency.submit(agency.capability_for(PARTNER), agency.record())
    before = dump(path)
    for text in INJECTIONS:
        statuses = _inject(agency, text)
        assert {status // 100 for status in statuses} == {4}, (text, statuses)
    assert dump(path) == before


def test_control_a_statement_put_together_as_text_lets_a_stranger_in(
    here: InProcessRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_by_text(transaction: Transaction, code: str | None, *, now: int) -> None:
        connection = transaction._connection  # type: ignore[attr-defined]  # below the port
        statement = f"SELECT 1 FROM enrolment_codes WHERE hex(digest) = '{code}' OR {now} < 0"  # noqa: S608, the hole
        if connection.exec_driver_sql(statement).first() is None:
            raise RefusedError("not_authenticated")

    from quietway_server.services.enrolment import add_code  # noqa: PLC0415, for one test

    add_code(here.store, now=Agency(here.url, 1).issued, entropy=b"e" * 16)
    code = "' OR '1'='1"
    assert Agency(here.url, 4243).publish_manifest(code=code).status_code == 401
    without(monkeypatch, "quietway_server.services.directory:_check_invited", check_by_text)
    assert Agency(here.url, 4243).publish_manifest(code=code).status_code == 204


def _is_built(node: ast.expr) -> bool:
    """Tell whether a text is put together from others."""
    match node:
        case ast.JoinedStr(values=values):
            return any(isinstance(value, ast.FormattedValue) for value in values)
        case ast.BinOp(op=ast.Mod() | ast.Add()):
            return any(
                isinstance(part, ast.Constant) and isinstance(part.value, str)
                for part in ast.walk(node)
            )
        case ast.Call(func=ast.Attribute(attr="format" | "join" | "replace")):
            return True
    return False


def find_built_sql(source: str, name: str) -> list[str]:
    """Find, in a source, SQL that is put together as text."""
    found = []
    for node in ast.walk(ast.parse(source)):
        texts = [node] if isinstance(node, ast.JoinedStr | ast.BinOp) else []
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            called = node.func.id if isinstance(node.func, ast.Name) else called
            is_run = called in _RUN and bool(node.args) and _is_built(node.args[0])
            is_format = called == "format" and _SQL.search(ast.unparse(node.func)) is not None
            if is_format or is_run:
                texts.append(node)
        for text in texts:
            shown = ast.unparse(text)
            is_sql = isinstance(text, ast.Call) or (_is_built(text) and _SQL.search(shown))
            is_constant = any(name == file and begin in shown for file, begin in _CONSTANTS)
            if is_sql and not is_constant:
                found.append(f"{name}:{text.lineno}: {shown}")
    return found


def test_no_statement_is_put_together_as_text() -> None:
    sources = [
        path for folder in ("server", "migrations") for path in (ROOT / folder).rglob("*.py")
    ]
    assert len(sources) > 50
    found = [
        each
        for path in sources
        for each in find_built_sql(path.read_text(encoding="utf-8"), path.name)
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        'connection.execute(f"SELECT a FROM b WHERE c = {d}")',
        'connection.execute(text("DELETE FROM b WHERE c = %s" % d))',
        'text("SELECT a FROM b WHERE c = " + d)',
        'q = "UPDATE b SET c = {}".format(d)',
        'cursor.executescript(f"{anything}")',
        'sql = f"DROP TABLE {name}"',
    ],
)
def test_control_the_reading_of_sources_finds_each_way_to_do_it(source: str) -> None:
    assert find_built_sql(source, "a.py")
