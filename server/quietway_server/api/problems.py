"""Every refusal in one form: problems from the one register, repeating nothing of the request.

Rules: whatever goes wrong, at whatever depth, comes out of here; there is no other error answer. An
error that nobody expected is `internal`, logged by the name of its class alone.

Spec: docs/spec/relay-protocol.md, "Problems".
"""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from quietway_protocol.errors import ClockSkewError, RequestRefusedError
from quietway_schemas.canonical import REASON_TOO_LONG
from quietway_schemas.errors import (
    ContentError,
    EnvelopeError,
    JsonError,
    SchemaError,
    UnknownFieldError,
)
from quietway_schemas.problems import PROBLEM_MEDIA_TYPE, PROBLEMS, ProblemBody
from quietway_server.core.quota import BUSY_RETRY_SECONDS
from quietway_server.errors import (
    RefusedError,
    StorageAwayError,
    StorageBusyError,
    StorageConflictError,
    StorageFailedError,
    StorageFullError,
)
from quietway_server.log import log_event
from quietway_server.metrics import count

_BY_STATUS: Final = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
_BY_KIND: Final = (
    (RequestRefusedError, "not_authenticated"),
    (ClockSkewError, "clock_skew"),
    (StorageFullError, "storage_full"),
    (StorageFailedError, "storage_failed"),
    (StorageBusyError, "overloaded"),
    (StorageConflictError, "overloaded"),
    (StorageAwayError, "storage_failed"),
)
RETRYABLE: Final = frozenset({429, 503, 507})
"""The statuses whose answers say when it is worth to try again."""
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""The header fields of every answer, whatever it is."""


def as_refusal(error: Exception) -> RefusedError:
    """Turn any error into a registered refusal, and count it."""
    refused = _as_refusal(error)
    count("refusals", label=refused.code)
    return refused


def _as_refusal(error: Exception) -> RefusedError:
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, SchemaError):
        return _refuse_form(error)
    for kind, code in _BY_KIND:
        if isinstance(error, kind):
            return RefusedError(code)
    if isinstance(error, HTTPException) and error.status_code in _BY_STATUS:
        return RefusedError(_BY_STATUS[error.status_code])
    log_event("request_failed", failed=True, error=type(error).__name__)
    return RefusedError("internal")


def _refuse_form(error: SchemaError) -> RefusedError:
    match error:
        case UnknownFieldError(field=field):
            return RefusedError("unknown_field", field=field)
        case ContentError(field=field):
            return RefusedError("invalid_field", field=field)
        case EnvelopeError(index=index):
            return RefusedError("malformed_record", index=index)
        case JsonError(reason=reason) if reason == REASON_TOO_LONG:
            return RefusedError("too_large")
        case _:
            return RefusedError("malformed_json")


def retry_after(refused: RefusedError) -> int | None:
    """Tell in how many seconds it is worth to try again; None where it never is."""
    if PROBLEMS[refused.code].status not in RETRYABLE:
        return None
    return refused.retry_after or BUSY_RETRY_SECONDS


def answer_problem(error: Exception) -> Response:
    """Give the answer to a request that met an error."""
    refused = as_refusal(error)
    body = ProblemBody.of(refused.code, index=refused.index, field=refused.field)
    headers = _headers(error, refused)
    return Response(
        body.to_canonical(), body.status, headers=headers, media_type=PROBLEM_MEDIA_TYPE
    )


def _headers(error: Exception, refused: RefusedError) -> dict[str, str]:
    headers: dict[str, str] = {}
    if seconds := retry_after(refused):
        headers["Retry-After"] = str(seconds)
    if refused.code in {"too_large", "wrong_media_type"}:
        # The rest of the body is not worth reading.
        headers["Connection"] = "close"
    if isinstance(error, HTTPException) and error.headers and "Allow" in error.headers:
        headers["Allow"] = error.headers["Allow"]
    return headers
