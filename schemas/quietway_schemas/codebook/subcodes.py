"""An agency's own finer codes, as a file of its own: each maps to one shared code (C36).

The file is JSON that a person can write:

    {"codes": [{"list": "service_type", "code": "pet_friendly_safehouse",
                "label": "Safe house that takes pets", "maps_to": "safehouse"}]}

An own code never travels: what is said is the shared one, so that a partner needs no other file to
read it. Its label is shown inside the agency, in the words that the agency wrote.

Spec: docs/spec/dictionary.md, "Codes of an agency's own"; schemas/README.md, "The codebook".
"""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from quietway_schemas.codebook.lists import Subcodes, check, entries, label, resolve
from quietway_schemas.errors import ContentError
from quietway_schemas.fields import WireModel
from quietway_schemas.locale import ENGLISH

MAX_SUBCODES_BYTES: Final = 131_072
MOST_SUBCODES: Final = 512
MOST_LABEL_CHARACTERS: Final = 80


class LocalCode(WireModel):
    """One code of an agency's own, and the shared one that it stands under."""

    list_name: Annotated[str, Field(alias="list")]
    code: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
    label: Annotated[str, Field(min_length=1, max_length=MOST_LABEL_CHARACTERS)]
    maps_to: str

    @model_validator(mode="after")
    def _check_words(self) -> Self:
        if not self.label.strip() or not self.label.isprintable():
            raise ContentError("label", "is empty or not printable")
        return self


class LocalCodes(WireModel):
    """All codes of an agency's own. A model that exists maps each to a shared code."""

    codes: Annotated[tuple[LocalCode, ...], Field(max_length=MOST_SUBCODES)] = ()

    @model_validator(mode="after")
    def _check_codes(self) -> Self:
        places = [(held.list_name, held.code) for held in self.codes]
        if len(set(places)) != len(places):
            raise ContentError("codes", "name one code of a list twice")
        for list_name, _ in places:
            self.of(list_name)
        return self

    @classmethod
    def read(cls, raw: bytes) -> LocalCodes:
        """Read the file.

        Raises:
            JsonError: It is not JSON.
            UnknownCodeError: It names a list or a shared code that the dictionary does not have.
            ContentError: A field is missing, unknown or wrong, or a code is a shared one already.
        """
        return cls.from_body(raw, max_bytes=MAX_SUBCODES_BYTES)

    def of(self, list_name: str) -> Subcodes:
        """Give the own codes of one list.

        Raises:
            UnknownCodeError: There is no such list.
        """
        entries(list_name)
        shared = {held.code: held.maps_to for held in self.codes if held.list_name == list_name}
        return Subcodes(list_name, shared)

    def resolve(self, list_name: str, code: str) -> str:
        """Give the shared code to say for one's own; a shared code stays itself.

        Raises:
            UnknownCodeError: It is neither.
        """
        return resolve(list_name, code, self.of(list_name))

    def label(self, list_name: str, code: str, language: str = ENGLISH) -> str:
        """Say what a code means, one's own in the agency's words.

        Raises:
            UnknownCodeError: It is neither an own nor a shared code of the list.
        """
        return self.labels(list_name, language)[_check_known(self, list_name, code)]

    def labels(self, list_name: str, language: str = ENGLISH) -> dict[str, str]:
        """Give a list as code -> label: the shared codes, each followed by one's own under it.

        Raises:
            UnknownCodeError: There is no such list.
        """
        found: dict[str, str] = {}
        for shared in entries(list_name):
            found[shared] = label(list_name, shared, language)
            for held in self.codes:
                if (held.list_name, held.maps_to) == (list_name, shared):
                    found[held.code] = held.label
        return found


def _check_known(local: LocalCodes, list_name: str, code: str) -> str:
    """Let a code pass that is one's own or shared.

    Raises:
        UnknownCodeError: It is neither.
    """
    own = local.of(list_name).shared
    return code if code in own else check(list_name, code, "code")
