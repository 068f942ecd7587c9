"""Why a run has failed, in words for the person who asked for it."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from tgstudio_dagster.core.errors import StoppedError, TakenError


def failure_reason(context: dg.RunFailureSensorContext) -> str | None:
    """What the step that failed said itself, without the frames around it; else what the run says."""
    innermost = next((chain[-1] for chain in _errors(context) if chain), None)
    return innermost[1].strip() if innermost else context.failure_event.message


def was_stopped(context: dg.RunFailureSensorContext) -> bool:
    """Whether a step ended because its user had stopped the work, or another run does it: no failure to tell of."""
    return any(name in (StoppedError.__name__, TakenError.__name__) for chain in _errors(context) for name, _ in chain)


def _errors(context: dg.RunFailureSensorContext) -> Iterator[list[tuple[str | None, str]]]:
    """Of each failed step the class and message of its error and of what caused that, the innermost last."""
    for event in context.get_step_failure_events():
        chain, error = [], event.step_failure_data.error
        while error is not None:
            chain.append((error.cls_name, error.message))
            error = error.cause
        yield chain
