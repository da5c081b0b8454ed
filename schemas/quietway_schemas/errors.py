"""Every refusal of this package, as one small tree.

    SchemaError
    ├── IdError             an id's text or bytes have the wrong form
    ├── EnvelopeError       binary: a header, core, record, frame or page has the wrong form
    ├── CheckpointError     a note that is not in the one form of a checkpoint
    ├── JsonError           bytes that are not the JSON we accept
    └── ContentError        a field is missing, unknown or has a value that is not allowed
        ├── UnknownFieldError   a field that the object does not have
        ├── UnknownCodeError    a code that does not stand in its list
        ├── TooLongError        a text longer than its field's cap
        └── UnsupportedDictionaryError  said with a dictionary that this version does not know

An error names what was wrong (a field, a list, a rule) and never repeats the value: errors reach
logs and screens, and the value may be somebody's story. These classes import nothing.

Spec: docs/spec/envelope.md.
"""


class SchemaError(Exception):
    """The root: something does not have the form that the spec asks for."""


class IdError(SchemaError):
    """An id has the wrong form.

    Attributes:
        prefix: The prefix of the kind of id that was expected.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        super().__init__(
            f"This is not an id of the kind '{prefix}_': 16 bytes, or as text the prefix and "
            "26 characters in lower case."
        )


class EnvelopeError(SchemaError):
    """Binary that does not have the form of its table in the spec.

    Attributes:
        field: The field, by its name in the spec.
        reason: What is wrong with it, as half a sentence.
        index: In a batch, the place of the record, counted from 0; else None.
    """

    def __init__(self, field: str, reason: str, *, index: int | None = None) -> None:
        self.field = field
        self.reason = reason
        self.index = index
        place = "" if index is None else f" of record {index}"
        super().__init__(f"The field '{field}'{place} {reason}.")


class CheckpointError(SchemaError):
    """A note that is not in the one form of a checkpoint.

    Attributes:
        reason: What is wrong with it, as half a sentence.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The checkpoint {reason}.")


class JsonError(SchemaError):
    """Bytes that are not the JSON we accept.

    Attributes:
        reason: One of the `REASON_*` codes of `quietway_schemas.canonical`.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The JSON was refused: {reason.replace('_', ' ')}.")


class ContentError(SchemaError):
    """A field of a JSON object is missing, unknown, or holds what it may not hold.

    Attributes:
        field: The path of the field, joined by dots.
        reason: What is wrong with it, as half a sentence.
    """

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"The field '{field}' {reason}.")


class UnknownFieldError(ContentError):
    """A field that the object does not have in this version.

    Its name is repeated only where it looks like a field's name; else a question mark stands in its
    place.
    """

    def __init__(self, field: str) -> None:
        super().__init__(field, "is not known here: leave it out")


class UnknownCodeError(ContentError):
    """A code that does not stand in its list, in the version of the codebook that we hold.

    Attributes:
        list_name: The list that was asked.
    """

    def __init__(self, list_name: str, field: str) -> None:
        self.list_name = list_name
        super().__init__(field, f"holds a code that is not in the list '{list_name}'")


class TooLongError(ContentError):
    """A text longer than its field's cap.

    Attributes:
        limit_bytes: The cap, in bytes of UTF-8 as written in canonical JSON.
    """

    def __init__(self, field: str, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(field, f"is longer than {limit_bytes} bytes: shorten the text")


class UnsupportedDictionaryError(ContentError):
    """A content that was said with another dictionary than this version can read."""

    def __init__(self) -> None:
        super().__init__(
            "dictionary_version", "names a dictionary that is not known here: update quietway"
        )
