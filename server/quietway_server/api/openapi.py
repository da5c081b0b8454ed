"""The OpenAPI document: every address, what goes in, what comes out, and every refusal.

Rules: the document is written here by hand as one table, because the busiest addresses are not the
framework's; a test holds it to the routes that exist. The relay does not serve it: `quietway-relay
openapi` prints it.

Spec: docs/spec/relay-protocol.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from quietway_schemas.directory import DirectoryPage, SignedObject
from quietway_schemas.frames import Ack, Hello, Welcome
from quietway_schemas.log import LogConsistency, LogLeaves
from quietway_schemas.problems import PROBLEM_MEDIA_TYPE, PROBLEMS, ProblemBody
from quietway_schemas.wake import WakeEndpoints
from quietway_schemas.withdrawal import MOST_SLIPS
from quietway_server.api.bodies import (
    CLAIM,
    ENVELOPES,
    JSON,
    LADDER,
    LARGEST_CURSOR,
    NOTE,
    OCTETS,
    PAGE,
    WITHDRAWALS,
)
from quietway_server.api.problems import HEADERS, RETRYABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

SWITCHED: Final = 101
_MODELS: Final = (
    Ack,
    DirectoryPage,
    Hello,
    LogConsistency,
    LogLeaves,
    ProblemBody,
    SignedObject,
    WakeEndpoints,
    Welcome,
)
_ANY: Final = ("internal", "not_found", "overloaded", "storage_failed")
_BODY: Final = ("too_large", "unknown_field", "wrong_media_type")
_CONTROL: Final = (*_BODY, "malformed_json", "invalid_field")
_SIGNED: Final = ("not_authenticated", "clock_skew")
_UPGRADED: Final = ("Connection", "Sec-WebSocket-Accept", "Upgrade")
_CURSOR: Final = ("unknown_field", "invalid_field", "too_large")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address.

    Attributes:
        method: In small letters.
        path: With its parameters in braces.
        summary: What it does.
        status: Of the answer, when all is well.
        problems: The codes of every refusal, but `method_not_allowed`.
        parameters: Names out of `_PARAMETERS`.
        takes: Media type and model of the body, or None.
        gives: Media type and model of the answer, or None.
        shows: The header fields of the answer, beside those of every answer.
        also: Another status when all is well, with the header fields that come with it.
    """

    method: str
    path: str
    summary: str
    status: int
    problems: tuple[str, ...]
    parameters: tuple[str, ...] = ()
    takes: tuple[str, str] | None = None
    gives: tuple[str, str] | None = None
    shows: tuple[str, ...] = ()
    also: tuple[int, tuple[str, ...]] | None = None


OPERATIONS: Final = (
    Operation(
        "post",
        "/v1/envelopes",
        "Submit a batch of envelopes.",
        201,
        (
            *_ANY,
            *_BODY,
            "malformed_record",
            "invalid_field",
            "conflict",
            "over_quota",
            "mailbox_full",
            "storage_full",
        ),
        ("Quietway-Lane",),
        (ENVELOPES, ""),
        (JSON, "Accepted"),
    ),
    Operation(
        "post",
        "/v1/envelopes/withdraw",
        "Take envelopes back that nobody has acknowledged.",
        200,
        (*_ANY, *_BODY, "malformed_record", "storage_full"),
        (),
        (WITHDRAWALS, ""),
        (JSON, "Withdrawn"),
    ),
    Operation(
        "get",
        "/v1/submit",
        "Upgraded to a websocket, submit batches and be answered in their order.",
        101,
        (*_ANY, "invalid_field", "unknown_field"),
        ("Quietway-Lane",),
        shows=_UPGRADED,
    ),
    Operation(
        "get",
        "/v1/mailbox",
        "Poll a mailbox; upgraded to a websocket, read it as a stream.",
        200,
        (*_ANY, *_SIGNED, *_CURSOR, "over_quota"),
        ("after", "Signature", "Signature-Input"),
        None,
        (PAGE, ""),
        also=(101, _UPGRADED),
    ),
    Operation(
        "post",
        "/v1/mailbox/hello",
        "Say hello to a mailbox.",
        200,
        (*_ANY, *_SIGNED, *_CONTROL, "storage_full"),
        ("Signature", "Signature-Input", "Content-Digest"),
        (JSON, "Hello"),
        (JSON, "Welcome"),
    ),
    Operation(
        "post",
        "/v1/mailbox/ack",
        "Acknowledge envelopes, which deletes them.",
        204,
        (*_ANY, *_SIGNED, *_CONTROL, "storage_full"),
        ("Signature", "Signature-Input", "Content-Digest"),
        (JSON, "Ack"),
    ),
    Operation(
        "put",
        "/v1/wake",
        "Leave the endpoints where a device is woken.",
        204,
        (*_ANY, *_SIGNED, *_CONTROL, "storage_full"),
        ("Signature", "Signature-Input", "Content-Digest"),
        (JSON, "WakeEndpoints"),
    ),
    Operation(
        "put",
        "/v1/agencies/{agency}/manifest",
        "Publish the next version of an agency's manifest.",
        204,
        (
            *_ANY,
            *_CONTROL,
            "refused_signature",
            "stale_version",
            "not_authenticated",
            "clock_skew",
            "storage_full",
        ),
        ("agency", "Quietway-Enrolment"),
        (JSON, "SignedObject"),
    ),
    Operation(
        "put",
        "/v1/agencies/{agency}/epochs",
        "Publish a device's next epoch batch.",
        204,
        (*_ANY, *_CONTROL, "refused_signature", "stale_version", "clock_skew", "storage_full"),
        ("agency",),
        (JSON, "SignedObject"),
    ),
    Operation(
        "put",
        "/v1/lanes/{week}",
        "Publish the lanes that an agency opens for a week.",
        204,
        (*_ANY, *_CONTROL, "refused_signature", "stale_version", "storage_full"),
        ("week",),
        (JSON, "SignedObject"),
    ),
    Operation(
        "put",
        "/v1/holds/{id}",
        "Place a ladder of alerts, each tier to be released in its time.",
        201,
        (
            *_ANY,
            *_BODY,
            "malformed_record",
            "invalid_field",
            "conflict",
            "over_quota",
            "mailbox_full",
            "storage_full",
        ),
        ("id", "Quietway-Lane"),
        (LADDER, ""),
        (JSON, "Accepted"),
    ),
    Operation(
        "post",
        "/v1/holds/{id}/claim",
        "Claim a ladder: deliver the claim, and with the first one what is held.",
        200,
        (*_ANY, *_BODY, "malformed_record", "conflict", "over_quota", "storage_full"),
        ("id",),
        (CLAIM, ""),
        (JSON, "Claimed"),
    ),
    Operation(
        "put",
        "/v1/blobs/{id}",
        "Upload the next part of a sealed file.",
        201,
        (*_ANY, *_BODY, "invalid_field", "conflict", "over_quota", "storage_full"),
        ("id", "Quietway-Lane", "Quietway-Blob", "Quietway-Blob-Writer", "Content-Range"),
        (OCTETS, ""),
        (JSON, "StoredPart"),
    ),
    Operation(
        "head",
        "/v1/blobs/{id}",
        "Tell the writer of a sealed file how much of it is stored.",
        200,
        (*_ANY, *_CURSOR),
        ("id", "Quietway-Blob-Writer"),
        shows=("Quietway-Blob-Expires", "Quietway-Blob-Stored"),
    ),
    Operation(
        "get",
        "/v1/blobs/{id}",
        "Fetch a sealed file, or a range of it.",
        200,
        (*_ANY, *_CURSOR, "range_not_satisfiable"),
        ("id", "Quietway-Blob-Opening", "Range"),
        None,
        (OCTETS, ""),
        ("Accept-Ranges",),
        (206, ("Accept-Ranges", "Content-Range")),
    ),
    Operation(
        "delete",
        "/v1/blobs/{id}",
        "Take a sealed file back.",
        204,
        (*_ANY, *_CURSOR, "storage_full"),
        ("id", "Quietway-Blob-Writer"),
    ),
    Operation(
        "get",
        "/v1/directory",
        "Read the changes of the directory.",
        200,
        (*_ANY, *_SIGNED, *_CURSOR),
        ("after", "size", "Signature", "Signature-Input"),
        None,
        (JSON, "DirectoryPage"),
    ),
    Operation(
        "get",
        "/v1/log/checkpoint",
        "Read the signed head of the transparency log.",
        200,
        (*_ANY, *_SIGNED, "unknown_field", "too_large"),
        ("Signature", "Signature-Input"),
        None,
        (NOTE, ""),
    ),
    Operation(
        "get",
        "/v1/log/consistency",
        "Read the proof that one size of the log is the beginning of another.",
        200,
        (*_ANY, *_SIGNED, *_CURSOR),
        ("from", "to", "Signature", "Signature-Input"),
        None,
        (JSON, "LogConsistency"),
    ),
    Operation(
        "get",
        "/v1/log/leaves",
        "Read the openings of the log's leaves.",
        200,
        (*_ANY, *_SIGNED, *_CURSOR),
        ("after", "Signature", "Signature-Input"),
        None,
        (JSON, "LogLeaves"),
    ),
    Operation(
        "get",
        "/healthz",
        "Tell that the relay is up.",
        200,
        (*_ANY, "too_large", "unknown_field"),
        (),
        None,
        (JSON, "Health"),
    ),
)

_TEXT: Final = {"type": "string"}
_SECRET: Final = {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"}
_NUMBER: Final = {"type": "integer", "minimum": 0, "maximum": LARGEST_CURSOR}
_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "agency": {"in": "path", "schema": {"type": "string", "pattern": "^agy_[a-z2-7]{26}$"}},
    "week": {"in": "path", "schema": {"type": "string", "pattern": "^[0-9]{4}-W[0-9]{2}$"}},
    "id": {"in": "path", "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{22}$"}},
    "after": {"in": "query", "required": False, "schema": _NUMBER},
    "size": {"in": "query", "required": False, "schema": _NUMBER},
    "from": {"in": "query", "schema": _NUMBER},
    "to": {"in": "query", "schema": _NUMBER},
    "Content-Range": {
        "in": "header",
        "schema": {"type": "string", "pattern": "^bytes [0-9]{1,15}-[0-9]{1,15}/[0-9]{1,15}$"},
    },
    "Range": {"in": "header", "required": False, "schema": _TEXT},
    "Quietway-Blob": {"in": "header", "schema": _SECRET},
    "Quietway-Blob-Opening": {"in": "header", "schema": _SECRET},
    "Quietway-Blob-Writer": {"in": "header", "schema": _SECRET},
    "Quietway-Lane": {"in": "header", "schema": _SECRET},
    "Quietway-Enrolment": {
        "in": "header",
        "required": False,
        "schema": {"type": "string", "pattern": "^[a-z2-7]{26}$"},
    },
    "Signature": {"in": "header", "schema": _TEXT},
    "Signature-Input": {"in": "header", "schema": _TEXT},
    "Content-Digest": {"in": "header", "schema": _TEXT},
}


_COUNT: Final = {"type": "integer", "minimum": 0}
_HEADERS: Final[dict[str, dict[str, Any]]] = {
    **{name: {"const": value} for name, value in HEADERS.items()},
    "Accept-Ranges": {"const": "bytes"},
    "Allow": _TEXT,
    "Connection": _TEXT,
    "Content-Range": {"type": "string", "pattern": "^bytes [0-9]{1,15}-[0-9]{1,15}/[0-9]{1,15}$"},
    "Quietway-Blob-Expires": _COUNT,
    "Quietway-Blob-Stored": _COUNT,
    "Retry-After": {"type": "integer", "minimum": 1},
    "Sec-WebSocket-Accept": _TEXT,
    "Upgrade": {"const": "websocket"},
}
"""What answers carry, beside `Date`, `Content-Length` and `Content-Type`."""
_BY_CODE: Final = {
    "method_not_allowed": ("Allow",),
    "too_large": ("Connection",),
    "wrong_media_type": ("Connection",),
}


def describe() -> dict[str, Any]:
    """Give the OpenAPI 3.1 document."""
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _describe(operation)
    headers = {name: {"required": True, "schema": schema} for name, schema in _HEADERS.items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "quietway relay", "version": "1"},
        "paths": paths,
        "components": {"headers": headers, "schemas": _schemas()},
    }


def _describe(operation: Operation) -> dict[str, Any]:
    responses = {
        str(operation.status): _response("Done.", operation.shows, operation.gives),
        **_refusals(operation),
    }
    if operation.also is not None:
        status, shows = operation.also
        gives = None if status == SWITCHED else operation.gives
        responses[str(status)] = _response("Done.", shows, gives)
    described: dict[str, Any] = {
        "summary": operation.summary,
        "parameters": [
            {"name": name, "required": True, **_PARAMETERS[name]} for name in operation.parameters
        ],
        "responses": responses,
    }
    if operation.takes is not None:
        described["requestBody"] = {"required": True, **_content(operation.takes)}
    return described


def _response(
    description: str, shows: Iterable[str], body: tuple[str, str] | None
) -> dict[str, Any]:
    headers = {
        name: {"$ref": f"#/components/headers/{name}"} for name in sorted({*HEADERS, *shows})
    }
    return {"description": description, "headers": headers, **_content(body)}


def _content(body: tuple[str, str] | None) -> dict[str, Any]:
    if body is None:
        return {}
    media_type, model = body
    return {"content": {media_type: {"schema": _reference(model)} if model else {}}}


def _refusals(operation: Operation) -> dict[str, Any]:
    by_status: dict[int, set[str]] = {}
    for code in (*operation.problems, "method_not_allowed"):
        by_status.setdefault(PROBLEMS[code].status, set()).add(code)
    # The answer to a HEAD has no body, whatever it says.
    body = None if operation.method == "head" else (PROBLEM_MEDIA_TYPE, "ProblemBody")
    return {
        str(status): _response(", ".join(sorted(codes)), _shown_with(status, codes), body)
        for status, codes in sorted(by_status.items())
    }


def _shown_with(status: int, codes: Iterable[str]) -> list[str]:
    """Tell which header fields stand on the refusals of one status."""
    later = ["Retry-After"] if status in RETRYABLE else []
    return [*later, *(name for code in codes for name in _BY_CODE.get(code, ()))]


def _reference(model: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model}"}


def _schemas() -> dict[str, Any]:
    schemas: dict[str, Any] = {
        "Accepted": _closed({"accepted": {"type": "integer", "minimum": 1}}),
        "Withdrawn": _closed(
            {
                "withdrawn": {
                    "type": "array",
                    "items": {"type": "boolean"},
                    "minItems": 1,
                    "maxItems": MOST_SLIPS,
                }
            }
        ),
        "Claimed": _closed({"first": {"type": "boolean"}}),
        "StoredPart": _closed(
            {
                "expires": {"type": "integer", "minimum": 0},
                "stored": {"type": "integer", "minimum": 1},
            }
        ),
        "Health": _closed({"status": {"const": "ok"}}),
    }
    for model in _MODELS:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
    return schemas


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
