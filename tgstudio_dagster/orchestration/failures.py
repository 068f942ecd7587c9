"""Why a run has failed, in words for the person who asked for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg

from tgstudio_dagster.core.errors import StoppedError, TakenError


def failure_reason(context: dg.RunFailureSensorContext) -> str | None:
    """What the step that failed said itself, without the frames around it; else what the run says."""
    innermost = next((chain[-1] for chain in _errors(context) if chain), None)
    return innermost[1].strip() if innermost else context.failure_event.message


def run_failure_reason(instance: dg.DagsterInstance, run_id: str) -> str | None:
    """As `failure_reason`, of a run that has failed before; None where it left no word."""
    steps = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    events = [entry.get_dagster_event() for entry in steps]
    innermost = next((chain[-1] for event in events if (chain := _chain(event.step_failure_data.error))), None)
    if innermost is not None:
        return innermost[1].strip()
    ends = instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    return ends[-1].get_dagster_event().message if ends else None


def was_stopped(context: dg.RunFailureSensorContext) -> bool:
    """Whether a step ended because its user had stopped the work, or another run does it: no failure to tell of."""
    return any(name in (StoppedError.__name__, TakenError.__name__) for chain in _errors(context) for name, _ in chain)


def _errors(context: dg.RunFailureSensorContext) -> Iterator[list[tuple[str | None, str]]]:
    """Of each failed step the class and message of its error and of what caused that, the innermost last."""
    for event in context.get_step_failure_events():
        yield _chain(event.step_failure_data.error)


def _chain(error: Any) -> list[tuple[str | None, str]]:
    chain = []
    while error is not None:
        chain.append((error.cls_name, error.message))
        error = error.cause
    return chain
