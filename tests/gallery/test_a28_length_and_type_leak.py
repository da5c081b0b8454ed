"""Row 28: the sizes on the wire tell what is said.

The attacker is the relay, or whoever watches the network: from the sizes of iMessages one could
tell action, language and length (more than 96 % right). Defence: the size of an envelope is a
function of its class, the class stands on the wire anyway, and within a class all types and texts
look alike.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from tests.controls import without
from tests.gallery.contents import MAKERS
from tests.gallery.parties import HOSPITAL, SHELTER, draw, make_core, receiving

from quietway.sealing import seal_message
from quietway_schemas.content.registry import CONTENT_TYPES, encode_content
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.ids import EnvelopeId

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from quietway.sealing import Recipient
    from quietway_schemas.content.base import ContentModel

MESSAGES = 10_000
TYPES = sorted(CONTENT_TYPES)
TO = {
    (class_, suite): receiving(SHELTER, class_, suite)
    for class_ in EnvelopeClass
    for suite in (1, 2)
}
SECRET = draw("withdraw", 32)

Seen = tuple[EnvelopeClass, int, str]
"""What is on the wire (class and bytes of the record), and what is hidden in it (the type)."""


def _observe(number: int, chance: random.Random) -> Seen:
    name = TYPES[number % len(TYPES)]
    class_ = CONTENT_TYPES[name].envelope_class
    suite = 1 + number // len(TYPES) % 2
    return class_, _measure(MAKERS[name](chance), TO[class_, suite], class_, number), name


def _measure(content: ContentModel, to: Recipient, class_: EnvelopeClass, number: int) -> int:
    record = seal_message(
        make_core(HOSPITAL, content, SHELTER),
        class_=class_,
        recipient=to,
        identity=HOSPITAL.identity,
        envelope_id=EnvelopeId(number.to_bytes(16, "big")),
        withdraw_secret=SECRET,
    )
    return len(record.pack())


def _observe_all(messages: int) -> list[Seen]:
    chance = random.Random(28)
    return [_observe(number, chance) for number in range(messages)]


def _lift(seen: Sequence[Seen]) -> float:
    """Say how much better than chance the best guesser by size is, within a class.

    He learns on the first half, the most frequent type of each (class, size), and is asked about
    the second. Chance is to say a class's most frequent type always.
    """
    learnt: defaultdict[tuple[EnvelopeClass, int], Counter[str]] = defaultdict(Counter)
    by_class: defaultdict[EnvelopeClass, Counter[str]] = defaultdict(Counter)
    for class_, size, name in seen[: len(seen) // 2]:
        learnt[class_, size][name] += 1
        by_class[class_][name] += 1
    asked = seen[len(seen) // 2 :]
    right = sum(name in dict(learnt[class_, size].most_common(1)) for class_, size, name in asked)
    chance = sum(name in dict(by_class[class_].most_common(1)) for class_, _, name in asked)
    return (right - chance) / len(asked)


def test_the_row_covers_every_content_type() -> None:
    assert set(MAKERS) == set(CONTENT_TYPES)


def test_ten_thousand_messages_of_all_types_have_the_sizes_of_their_classes_and_no_other() -> None:
    seen = _observe_all(MESSAGES)
    sizes: defaultdict[EnvelopeClass, set[int]] = defaultdict(set)
    for class_, size, _ in seen:
        sizes[class_].add(size)
    assert sizes == {EnvelopeClass.FLASH: {2_629}, EnvelopeClass.CASE: {8_069}}
    assert len({name for _, _, name in seen}) == len(CONTENT_TYPES)
    assert _lift(seen) <= 0.02


def test_the_contents_themselves_do_differ_in_length() -> None:
    chance = random.Random(28)
    lengths = {len(encode_content(MAKERS["referral.packet"](chance))) for _ in range(200)}
    assert max(lengths) - min(lengths) > 1_000


def test_control_without_padding_the_size_tells_the_type(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "quietway.sealing:pad", lambda message, _size: message)
    # The record holds a second lock: it refuses a size that is not its class's.
    without(
        monkeypatch, "quietway_schemas.envelope:SubmissionRecord.__post_init__", lambda _self: None
    )
    seen = _observe_all(2_000)
    assert len({size for _, size, _ in seen}) > 100
    assert _lift(seen) > 0.1
