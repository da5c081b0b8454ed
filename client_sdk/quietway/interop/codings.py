"""The codings of a FHIR resource, read out of whatever a field may hold.

Only systems and codes are read; a display or a text beside them is not. What is not of the type
that the standard has, or more than anybody would write, is refused by the name of its field.

Spec: docs/reference/interop.md, "What is read".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from quietway.errors import ImportRefused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from quietway.interop.json_file import JsonValue

Resource: TypeAlias = "Mapping[str, JsonValue]"
MOST_CODINGS: Final = 100
"""A field with more codings than that was not written for people."""

# A modifier turns the meaning of the rest around: whoever does not understand it may not go on.
_NOT_UNDERSTOOD: Final = ("implicitRules", "modifierExtension")


def refuse_modifiers(resource: Resource) -> None:
    """Refuse what turns the meaning of the rest around in a way that nobody here understands.

    Raises:
        ImportRefused: `unsupported`, with the field.
    """
    for field in _NOT_UNDERSTOOD:
        if field in resource:
            raise ImportRefused("unsupported", field)


def read_field(resource: Resource, field: str, *, many: bool) -> Iterator[tuple[str, str]]:
    """Read the codings (system, code) of a field.

    Args:
        resource: The file as read.
        field: Its name; it may be missing.
        many: Whether the standard has a list of CodeableConcepts there, or one.

    Raises:
        ImportRefused: `malformed`, or `too_large` where there are more than 100, with the field.
    """
    held = resource.get(field, [] if many else {})
    if many != isinstance(held, list):
        raise ImportRefused("malformed", field)
    if isinstance(held, list) and len(held) > MOST_CODINGS:
        raise ImportRefused("too_large", field)
    for concept in held if isinstance(held, list) else [held]:
        yield from _read_concept(concept, field)


def _read_concept(concept: JsonValue, field: str) -> Iterator[tuple[str, str]]:
    if not isinstance(concept, dict):
        raise ImportRefused("malformed", field)
    codings = concept.get("coding", [])
    if not isinstance(codings, list):
        raise ImportRefused("malformed", f"{field}.coding")
    if len(codings) > MOST_CODINGS:
        raise ImportRefused("too_large", f"{field}.coding")
    for coding in codings:
        yield _read_coding(coding, field)


def _read_coding(coding: JsonValue, field: str) -> tuple[str, str]:
    if not isinstance(coding, dict):
        raise ImportRefused("malformed", f"{field}.coding")
    system, code = coding.get("system", ""), coding.get("code", "")
    if not isinstance(system, str):
        raise ImportRefused("malformed", f"{field}.coding.system")
    if not isinstance(code, str):
        raise ImportRefused("malformed", f"{field}.coding.code")
    return system, code
