"""Why a run has failed, in words for the person who asked for it."""

from __future__ import annotations

import dagster as dg


def failure_reason(context: dg.RunFailureSensorContext) -> str | None:
    """What the step that failed said itself, without the frames around it; else what the run says."""
    for event in context.get_step_failure_events():
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            return error.message.strip()
    return context.failure_event.message
