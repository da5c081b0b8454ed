"""Every error of the public face is a sentence that says what to do next."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Final

import pytest

import quietway
from quietway import QuietwayError
from quietway.alerting.phoning import PhoneScript
from quietway.guard.deciding import Decision, TextFinding
from quietway.policy.rulings import Ruling
from quietway_schemas.ids import CaseRef

if TYPE_CHECKING:
    from collections.abc import Iterator

ARGUMENTS: Final[dict[str, object]] = {
    "str": "MERCY",
    "int": 2,
    "int | None": 2,
    "tuple[str, ...]": ("shelter_staff",),
    "Ruling": Ruling(allowed=False, rule="P61"),
}
# A reason that there is; or, where whoever raises it says the words, such words.
GIVEN: Final[dict[str, tuple[object, ...]]] = {
    "AgreementRefused": ("not_read",),
    "AttachmentUnfit": ("unreadable",),
    "BackupRefused": ("not_opened",),
    "ClockDoubted": ("differs", 7_200_001),
    "ContentRefused": ("code", "is no code: take one of the list."),
    "EvidenceRefused": ("malformed",),
    "ImportRefused": ("malformed", "file"),
    "LocationFound": (
        Decision((TextFinding("text", "vehicle.plate", "hold", 0, 7),), needs="reason"),
        bytes(32),
        "message.text",
    ),
    "LeadUnknown": (
        "case_x",
        PhoneScript("", (), "", CaseRef(bytes(16)), exercise=False, lines=()),
    ),
    "NotesOwed": (("MERCY",),),
    "NotCorroborated": (bytes(16), "unverified"),
    "PassphraseTooWeak": ("It is a common one. Take six words.",),
    "RecoveryFileRefused": ("malformed",),
    "RelayRefused": ("over_quota", "Too much at once. Try again later."),
    "WordsRefused": ("Word 7 is none of the list: look at the sheet again.",),
}
DO: Final = re.compile(
    r"(?:^|[.:;,(] |\band |\bor |\bplease |\bthen )"
    r"(?:begin|Have|invite|look|say|Synchronise|Answer|answer|Ask|ask|Call|call|Change|Check|check|Choose|choose|Close|Compare|Describe|"
    r"Discard|Draw|Export|export|Fetch|fetch|Find|Found|Free|free|Give|give|Go|Install|Join|Keep|"
    r"keep|Leave|Link|Lock|Look|Make|Move|Name|Open|open|Pass|Phone|phone|Print|Put|Read|read|Record|"
    r"record|Recover|Remove|Resume|resume|Restore|Run|run|Say|Send|send|Set|set|Show|Sign|Stop|Take|"
    r"take|Tell|tell|Try|try|Type|Unlock|unlock|Update|Upgrade|Use|use|Verify|Wait|wait|Write)\b"
)
LISTS: Final = re.compile(r"`quietway [A-Za-z -]+`")


def list_errors() -> Iterator[type[QuietwayError]]:
    for name in quietway.__all__:
        held = getattr(quietway, name)
        own_words = inspect.isclass(held) and "__init__" in vars(held)
        if own_words and issubclass(held, QuietwayError):
            yield held


def make_error(kind: type[QuietwayError]) -> QuietwayError:
    if kind.__name__ in GIVEN:
        return kind(*GIVEN[kind.__name__])
    wanted = list(inspect.signature(kind.__init__).parameters.values())[1:]
    given = [ARGUMENTS[str(each.annotation)] for each in wanted if each.default is each.empty]
    return kind(*given)


def test_the_tree_is_walked() -> None:
    assert len(list(list_errors())) > 45


@pytest.mark.parametrize("kind", list(list_errors()), ids=lambda kind: kind.__name__)
def test_an_error_says_what_to_do_next(kind: type[QuietwayError]) -> None:
    sentence = str(make_error(kind))
    assert sentence[0].isupper()
    assert sentence.rstrip()[-1] in ".)"
    assert DO.search(sentence) or LISTS.search(sentence), sentence


def test_a_sentence_that_only_complains_would_be_found() -> None:
    assert not DO.search("The store is damaged and nothing can be read.")
