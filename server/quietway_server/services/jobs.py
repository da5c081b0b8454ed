"""Jobs against the store, and how several of one kind run together.

Rules: a job is handed in, run with others in one transaction, and settled in the event loop. One
that refuses has written nothing, so its refusal costs its neighbours nothing.

Spec: docs/decisions/relay-group-commit.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from quietway_server.errors import RefusedError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from quietway_server.core.capacity import Urgent
    from quietway_server.ports import Transaction

T = TypeVar("T")
Item = TypeVar("Item")

Run: TypeAlias = "Callable[[Transaction, Sequence[Item]], Sequence[T | RefusedError]]"
"""Runs the items of several jobs, and gives an outcome for each, in their order."""
Settle: TypeAlias = "Callable[[T | None, BaseException | None], None]"
"""Is told in the event loop's thread how a job came out: its result, or its error."""


@dataclass(slots=True, eq=False)
class Job:
    """A piece of work, and then its outcome. What its item and result are, its owner knows.

    Attributes:
        run: The kind: jobs with the same one run together.
        item: What this job adds.
        settle: Is told the outcome in the event loop's thread.
        body_bytes: What the job holds in memory.
        frees: Whether it makes room: such a job may use the reserve when the disk is full.
        is_patient: Whether nobody waits for it, so that it may wait for company.
        goes_first: Whether it is the relay's own, which waits for nobody and takes no place.
        urgent: What it holds its place in the reserve by; None where it holds none.
        alarm: Tells whether it is an alarm, which may use half of the reserve when the disk is
            full; it is asked only then.
        result: What came of it.
        error: Why nothing came of it.
    """

    run: Run[Any, Any]
    item: Any
    settle: Settle[Any]
    body_bytes: int = 0
    frees: bool = False
    is_patient: bool = False
    goes_first: bool = False
    urgent: Urgent | None = None
    alarm: Callable[[Transaction], bool] | None = None
    result: Any = None
    error: BaseException | None = None


def run_together(transaction: Transaction, group: Sequence[Job]) -> None:
    """Run jobs, those of one kind together, and note how each came out."""
    kinds: dict[Run[Any, Any], list[Job]] = {}
    for job in group:
        kinds.setdefault(job.run, []).append(job)
    for run, jobs in kinds.items():
        outcomes = run(transaction, [job.item for job in jobs])
        for job, outcome in zip(jobs, outcomes, strict=True):
            refused = isinstance(outcome, RefusedError)
            job.result, job.error = (None, outcome) if refused else (outcome, None)


def run_each(
    transaction: Transaction, works: Sequence[Callable[[Transaction], T]]
) -> list[T | RefusedError]:
    """Run works that have nothing in common, one after the other."""
    outcomes: list[T | RefusedError] = []
    for work in works:
        try:
            outcomes.append(work(transaction))
        except RefusedError as refused:
            outcomes.append(refused)
    return outcomes


def settle_into(answer: asyncio.Future[T]) -> Settle[T]:
    """Let a future be told."""

    def settle(result: T | None, error: BaseException | None) -> None:
        if answer.done():  # whoever asked is gone
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]  # without an error there is a result

    return settle
