"""Several sensors in one tick: a tick costs the daemon and the code server some 50 ms before the first line of ours runs.

What a person waits for is looked after every few seconds, so all of it shares one tick. Each part stays a sensor of its
own: it can be read, tested and listed apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg

Changes = list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest]


def together(
    name: str,
    parts: Sequence[dg.SensorDefinition],
    *,
    seconds: int,
    description: str,
    quiet: Callable[[], bool] = lambda: False,
) -> dg.SensorDefinition:
    """One sensor that asks each part in turn and starts what any of them wants; parts keep no cursor.

    A part that fails costs the others nothing: what they want is started, and the failure is in the tick's log. Where no
    other has anything to start, the tick fails with it. Where `quiet` says so, no part is asked at all.
    """
    jobs = {job.name: job for part in parts for job in part.jobs}

    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if quiet():
            return dg.SkipReason("nothing waits")
        requests: list[dg.RunRequest] = []
        changes: Changes = []
        failed: Exception | None = None
        for part in parts:
            try:
                asked, changed = _ask(part, context)
            except Exception as error:
                context.log.exception("%s failed", part.name)
                failed = error
            else:
                requests += asked
                changes += changed
        if not requests and not changes:
            if failed is not None:
                raise failed
            return dg.SkipReason("nothing waits")
        return dg.SensorResult(run_requests=requests, dynamic_partitions_requests=changes)

    return dg.SensorDefinition(
        name=name,
        jobs=list(jobs.values()),
        evaluation_fn=evaluate,
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys=set().union(*(part.required_resource_keys for part in parts)),
        description=description + " Parts: " + ", ".join(part.name for part in parts) + ".",
    )


def _ask(part: dg.SensorDefinition, context: dg.SensorEvaluationContext) -> tuple[list[dg.RunRequest], Changes]:
    """What the part wants to start, each with its job's name, and of partitions."""
    answer: Any = part(context)
    if answer is None or isinstance(answer, dg.SkipReason):
        return [], []
    if not isinstance(answer, dg.SensorResult):
        answer = dg.SensorResult(run_requests=[answer] if isinstance(answer, dg.RunRequest) else list(answer))
    requests = [
        request if request.job_name else request.with_replaced_attrs(job_name=part.job_name)
        for request in answer.run_requests or []
    ]
    return requests, list(answer.dynamic_partitions_requests or [])
