"""Files of other systems: how they become what quietway says, and how that becomes files again.

An import reads a few coded fields that it names, maps them through a data file, and leaves
everything else behind. It tells what it left behind by the name of the field, never by its value.
It invents nothing: what the file does not say is an argument. An export to another system carries
codes; only an agency's own record holds words.

Bytes come in, content goes out, or the other way round. Nothing here opens a network or a store,
and only `read_import_file` opens a file.

Spec: docs/reference/interop.md.
"""

from __future__ import annotations

from quietway.interop.coded import CodedRequest
from quietway.interop.fhir import Imported, preview_referral, read_referral
from quietway.interop.files import read_import_file
from quietway.interop.guarded import FieldFinding
from quietway.interop.own_record import write_csv, write_json
from quietway.interop.task_export import write_task, write_tasks
from quietway.interop.task_report import TaskReport, read_task_state

__all__ = [
    "CodedRequest",
    "FieldFinding",
    "Imported",
    "TaskReport",
    "preview_referral",
    "read_import_file",
    "read_referral",
    "read_task_state",
    "write_csv",
    "write_json",
    "write_task",
    "write_tasks",
]
