"""Words in other languages: labels of codes, and the sentences that people are shown.

A code is never language text: what travels is the code, and each reader sees it in a language of
their own (A52). Translations stand in gettext catalogues, one file per domain, which translators
open with the programs they know:

- `codebook.po`: the context of an entry is `list/code`, its id the English label of the list.
- `texts.po` and whatever stands beside it: the context is `domain.name`, the id the English
  sentence. So one file holds both languages side by side, and `say` reads both from it.

An entry with the comment `#. awaiting translator` was not yet read by a professional translator:
whoever shows it to a survivor says so (`texts.awaiting_translator`). What has no translation is
shown in English. Catalogues are read by Babel, which is imported when first needed.

Spec: schemas/README.md, "Languages".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Final

from quietway_schemas.errors import UnknownCodeError

ENGLISH: Final = "en"
LANGUAGES: Final = (ENGLISH, "es")
"""In which languages there are words, as ISO 639-1 names them."""

CODEBOOK: Final = "codebook"
AWAITING: Final = "awaiting translator"
"""The comment on an entry that no professional translator has read yet."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One entry of a catalogue.

    Attributes:
        english: What it says in English.
        translated: What it says in the catalogue's language; empty where nobody translated it.
        is_awaiting: Whether a professional translator has yet to read it.
    """

    english: str
    translated: str
    is_awaiting: bool


def say(message_id: str, language: str = ENGLISH, /, **values: object) -> str:
    """Give a sentence in a language, in English where that language has none.

    Args:
        message_id: `domain.name`, as it stands as context in the file of that domain.
        language: One of `LANGUAGES`; any other is answered in English.
        values: What stands for the names in braces.

    Raises:
        UnknownCodeError: No such sentence.
    """
    wording = _find(message_id)
    chosen = wording.english if language not in LANGUAGES[1:] else wording.translated
    return (chosen or wording.english).format_map(values)


def is_awaiting_translator(message_id: str, language: str = "es") -> bool:
    """Say whether a sentence, as shown in a language, was not yet read by a translator.

    Raises:
        UnknownCodeError: No such sentence.
    """
    return language in LANGUAGES[1:] and _find(message_id).is_awaiting


def translate_label(list_name: str, code: str, language: str) -> str | None:
    """Give the label of a code in a language other than English; None where there is none."""
    if language not in LANGUAGES[1:]:
        return None
    found = read_catalogue(CODEBOOK, language).get(f"{list_name}/{code}")
    return found.translated or None if found else None


@cache
def read_catalogue(domain: str, language: str = "es") -> Mapping[str, Wording]:
    """Read a whole catalogue, by the context of its entries.

    Raises:
        UnknownCodeError: There is no such domain in that language.
    """
    from babel.messages.pofile import read_po  # noqa: PLC0415  # starting the program needs none

    folder = resources.files("quietway_schemas").joinpath("locale", language, "LC_MESSAGES")
    file = folder.joinpath(f"{domain}.po")
    if not domain.isidentifier() or not file.is_file():
        raise UnknownCodeError("texts", "message_id")
    with file.open("rb") as opened:
        catalogue = read_po(opened, locale=language, abort_invalid=True)
    return MappingProxyType(
        {
            entry.context: Wording(
                english=str(entry.id),
                translated=str(entry.string),
                is_awaiting=AWAITING in entry.auto_comments,
            )
            for entry in catalogue
            if entry.id and entry.context
        }
    )


def _find(message_id: str) -> Wording:
    domain = message_id.partition(".")[0]
    found = read_catalogue(domain).get(message_id)
    if found is None:
        raise UnknownCodeError("texts", "message_id")
    return found
