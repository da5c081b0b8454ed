"""The state as rows: what is written comes back, and only what changed is written."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from quietway.engine import codec
from quietway.engine.inputs import Rung, Shown
from quietway.engine.state import (
    Chain,
    Delivery,
    Entry,
    Kept,
    Place,
    Progress,
    Reading,
    State,
    Thread,
)
from quietway.ports import Delete, Put, Row
from quietway_schemas.canonical import encode_canonical
from quietway_schemas.content.message import MessageText
from quietway_schemas.envelope import Core, EnvelopeClass
from quietway_schemas.ids import AgencyId, CaseRef, ConversationId, DeviceId

AGENCY, DEVICE = AgencyId(b"a" * 16), DeviceId(b"d" * 16)
SMALL = st.integers(0, 2**40)
WORD = st.sampled_from(["", "unreachable", "over_quota"])


def raw(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


CONTENTS = st.one_of(
    st.just(b""),
    st.just(MessageText(text="hello").to_canonical()),
    raw(16).map(lambda case: encode_canonical({"case_ref": str(CaseRef(case))})),
)
CORES = st.builds(
    Core,
    agency=st.just(AGENCY),
    device=st.just(DEVICE),
    incarnation=raw(8),
    manifest_version=st.just(1),
    conversation=raw(16).map(ConversationId),
    audience_digest=raw(32),
    seq=st.integers(0, 9),
    prev=raw(32),
    created=SMALL,
    expires=SMALL,
    content=CONTENTS.filter(bool),
).map(Core.pack)
deliveries = st.builds(
    Delivery,
    agency=raw(16).map(AgencyId),
    device=raw(16).map(DeviceId),
    progress=st.sampled_from(Progress),
    record=st.binary(max_size=20),
    epoch=st.integers(0, 65_535),
    not_before=SMALL,
    reason=WORD,
    refusals=st.integers(0, 9),
    cancel_hash=st.one_of(st.just(b""), raw(32)),
)
rungs = st.builds(
    Rung, due=SMALL, devices=st.lists(raw(16).map(DeviceId), min_size=1, max_size=2).map(tuple)
)
shown = st.builds(Shown, hold_id=raw(16), secret=raw(32))
entries = st.builds(
    Entry,
    local_id=raw(16),
    order=SMALL,
    kind=st.sampled_from(["message.text", "audience.list"]),
    class_=st.sampled_from(EnvelopeClass),
    conversation=raw(16).map(ConversationId),
    to=st.lists(raw(16).map(AgencyId), min_size=1, max_size=2).map(tuple),
    content=CONTENTS,
    composed=SMALL,
    core=st.one_of(st.just(b""), CORES),
    expires=SMALL,
    deliveries=st.lists(deliveries, max_size=3, unique_by=lambda held: held.device).map(tuple),
    reason=WORD,
    expired=st.booleans(),
    hold_id=raw(16),
    rungs=st.lists(rungs, max_size=2).map(tuple),
    placed=st.booleans(),
    shown=st.lists(shown, max_size=2).map(tuple),
)
places = st.builds(Place, message_id=raw(16), core_hash=raw(32), prev=raw(32), expires=SMALL)
chains = st.builds(
    Chain,
    device=raw(16).map(DeviceId),
    conversation=raw(16).map(ConversationId),
    audience_digest=raw(32),
    incarnation=raw(8),
    seen=st.sampled_from([(), ((0, 1),), ((0, 3), (5, 9))]),
    places=st.dictionaries(st.integers(0, 9), places, max_size=3),
    last_core=raw(32),
)
states = st.builds(
    State,
    agency=st.just(AGENCY),
    device=st.just(DEVICE),
    incarnation=st.just(bytes(8)),
    reading=st.builds(
        Reading,
        cursor=SMALL,
        witness_now=st.sampled_from([b"", b"n" * 16]),
        witness_was=st.sampled_from([b"", b"w" * 16]),
        confirmed=st.booleans(),
        copied=st.booleans(),
        forgiven=st.booleans(),
    ),
    outbox=st.lists(entries, max_size=2, unique_by=lambda held: held.local_id).map(
        lambda held: {entry.local_id: entry for entry in held}
    ),
    threads=st.dictionaries(
        raw(48),
        st.builds(
            Thread, incarnation=raw(8), next_seq=SMALL, last_core=raw(32), introduced=st.booleans()
        ),
        max_size=2,
    ),
    chains=st.lists(chains, max_size=2, unique_by=lambda held: held.key).map(
        lambda held: {chain.key: chain for chain in held}
    ),
    audiences=st.dictionaries(
        raw(32), st.lists(raw(16).map(DeviceId), max_size=3).map(tuple), max_size=2
    ),
    kept=st.dictionaries(
        raw(16),
        st.builds(
            Kept,
            envelope=st.binary(max_size=20),
            reason=st.sampled_from(["pending", "undecryptable"]),
            attempts=st.integers(1, 5),
        ),
        max_size=2,
    ),
)


def apply(rows: dict[str, dict[bytes, Row]], writes: list[Put | Delete]) -> None:
    for write in writes:
        kind = rows.setdefault(write.kind, {})
        match write:
            case Put(key=key, value=value):
                kind[key] = Row(len(kind) + 1, key, value)
            case Delete(key=key):
                del kind[key]


def restore(rows: dict[str, dict[bytes, Row]]) -> State:
    kinds = {kind: tuple(rows.get(kind, {}).values()) for kind in codec.KINDS}
    return codec.restore(AGENCY, DEVICE, kinds)


@settings(max_examples=60, deadline=None)
@given(states, states)
def test_a_store_that_follows_the_changes_holds_the_state(first: State, second: State) -> None:
    rows: dict[str, dict[bytes, Row]] = {}
    before = State(AGENCY, DEVICE)
    for state in (first, second, before):
        apply(rows, codec.changes(before, state))
        assert restore(rows) == state
        before = state


@settings(max_examples=20, deadline=None)
@given(states)
def test_what_did_not_change_is_not_written(state: State) -> None:
    assert codec.changes(state, state) == []


def test_a_field_that_an_earlier_version_did_not_write_is_at_its_default() -> None:
    held = codec.Fields(b'{"text":"x"}')
    assert (held.text("text"), held.text("none"), held.number("none")) == ("x", "", 0)
    assert (held.truth("none"), held.raw("none"), held.texts("none")) == (False, b"", ())


def test_a_row_of_the_outbox_that_an_earlier_version_wrote_is_read() -> None:
    agency, device, conversation = (
        AgencyId(b"a" * 16),
        DeviceId(b"d" * 16),
        ConversationId(bytes(16)),
    )
    row = {
        "order": 3,
        "kind": "message.text",
        "flash": True,
        "conversation": str(conversation),
        "to": [str(agency)],
        "content": "",
        "composed": 5,
        "deliveries": [
            f"{agency} {device} sealed 7 8 9 over_quota",
            f"{agency} {device} stored 1 0 0 ",
        ],
    }
    entry = codec.read_entry(Row(1, b"l" * 16, encode_canonical(row)))
    assert (entry.hold_id, entry.rungs, entry.placed, entry.shown) == (b"", (), False, ())
    first, second = entry.deliveries
    assert (first.epoch, first.not_before, first.refusals, first.reason) == (7, 8, 9, "over_quota")
    assert (second.progress, second.reason, second.cancel_hash) == (Progress.STORED, "", b"")
