"""A release of the dictionary: which files it consists of, and which agencies must agree to it.

A model that exists is well-formed. Whether the approvals hold, and whether a release follows the
one before, is for `quietway_protocol.dictionary` to prove. The payload's exact bytes are what is
approved; the approvals stand beside it, so each agency adds its own when it is ready.

Spec: docs/spec/dictionary.md, "A release".
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from quietway_schemas.errors import ContentError
from quietway_schemas.fields import Base64, Bytes32, Bytes64, Moment, WireModel
from quietway_schemas.ids import AgencyId
from quietway_schemas.semver import VERSION_PATTERN, SemVer

MAX_RELEASE_BYTES: Final = 65_536
MAX_FILE_BYTES: Final = 131_072
MOST_AGENCIES: Final = 32
MOST_APPROVALS: Final = 256
MOST_CHANGES: Final = 64
MOST_FILES: Final = 512
MOST_CHANGE_BYTES: Final = 280

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
FileName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,79}$")]
VersionText = Annotated[str, Field(pattern=VERSION_PATTERN)]


def _check_line(line: str) -> str:
    if not line.strip() or not line.isprintable():
        raise ContentError("changes", "holds a line that is empty or not printable")
    if len(line.encode("utf-8")) > MOST_CHANGE_BYTES:
        raise ContentError("changes", f"holds a line longer than {MOST_CHANGE_BYTES} bytes")
    return line


class ReleasedFile(WireModel):
    """One file of a dictionary, by the SHA-256 of its bytes."""

    name: FileName
    hash: Bytes32


class FormerRelease(WireModel):
    """The release before: its version, and the hash of its payload."""

    version: VersionText
    hash: Bytes32


def _check_files(files: tuple[ReleasedFile, ...]) -> tuple[ReleasedFile, ...]:
    if not _ascends(held.name for held in files):
        raise ContentError("files", "are not sorted, or name something twice")
    return files


Files = Annotated[
    tuple[ReleasedFile, ...],
    Field(min_length=1, max_length=MOST_FILES),
    AfterValidator(_check_files),
]


class DictionaryRelease(WireModel):
    """One version of a dictionary: exactly these files, once these agencies have agreed."""

    name: Name
    version: VersionText
    previous: FormerRelease | None = None
    code_lists: Files
    schemas: Files
    changes: Annotated[
        tuple[Annotated[str, AfterValidator(_check_line)], ...],
        Field(min_length=1, max_length=MOST_CHANGES),
    ]
    agencies: Annotated[tuple[AgencyId, ...], Field(min_length=1, max_length=MOST_AGENCIES)]
    issued: Moment

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if not _ascends(self.agencies):
            raise ContentError("agencies", "is not sorted, or names something twice")
        if self.previous is not None and SemVer.from_text(self.previous.version) >= self.semver:
            raise ContentError("previous", "is not an earlier version")
        return self

    @property
    def semver(self) -> SemVer:
        """The version as numbers."""
        return SemVer.from_text(self.version)

    def hashes(self) -> dict[str, bytes]:
        """Give the hash of every file, by kind and name: `code_lists/role`."""
        listed = {"code_lists": self.code_lists, "schemas": self.schemas}
        return {
            f"{kind}/{held.name}": held.hash for kind, files in listed.items() for held in files
        }


class AgencyApproval(WireModel):
    """One ops key's signature of a release, in the name of its agency."""

    agency: AgencyId
    key: Bytes32
    signature: Bytes64


class ApprovedDictionary(WireModel):
    """The signed file: a release as it was written, and who has approved it so far."""

    payload: Annotated[bytes, Base64(2, MAX_RELEASE_BYTES)]
    approvals: Annotated[tuple[AgencyApproval, ...], Field(max_length=MOST_APPROVALS)]

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        if not _ascends((held.agency, held.key) for held in self.approvals):
            raise ContentError("approvals", "is not sorted, or names something twice")
        _ = self.release
        return self

    @cached_property
    def release(self) -> DictionaryRelease:
        """What the payload says."""
        return DictionaryRelease.from_canonical(self.payload, max_bytes=MAX_RELEASE_BYTES)

    def with_approval(self, approval: AgencyApproval) -> "ApprovedDictionary":
        """Give the same release with one approval more; one by the same key is replaced."""
        place = (approval.agency, approval.key)
        others = [held for held in self.approvals if (held.agency, held.key) != place]
        approvals = sorted((*others, approval), key=lambda held: (held.agency, held.key))
        return ApprovedDictionary(payload=self.payload, approvals=tuple(approvals))

    @classmethod
    def read(cls, raw: bytes) -> "ApprovedDictionary":
        """Read the file.

        Raises:
            SchemaError: It is not one.
        """
        return cls.from_canonical(raw, max_bytes=MAX_FILE_BYTES)


def _ascends(keys: Iterable[object]) -> bool:
    listed: Sequence[object] = tuple(keys)
    return all(before < after for before, after in pairwise(listed))  # type: ignore[operator]  # names, ids and pairs of these
