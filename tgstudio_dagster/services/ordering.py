"""Orders: asking for a topic or chosen messages to be worked up, how far it has come, and stopping it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

import polars as pl

from tgstudio_dagster.catalog.people.tenant_settings import Goal, Language, PlatformName, Tone
from tgstudio_dagster.catalog.work.orders import (
    Order,
    cancel_order,
    create_order,
    get_order,
    list_orders,
    requeue_order,
)
from tgstudio_dagster.core.errors import NotFoundError, RunsError
from tgstudio_dagster.lake.tables.topics import TOPICS
from tgstudio_dagster.newsroom.pipeline import draws, made_of, steps
from tgstudio_dagster.newsroom.platforms import image_count
from tgstudio_dagster.newsroom.sources import missing_posts, named
from tgstudio_dagster.services.runs import Run, Step

if TYPE_CHECKING:
    from tgstudio_dagster.services.facade import Studio

ORDER_TAG = "order"
"""`partitions.ORDER_TAG`, spelled out here: that module imports Dagster."""
MessageRef = tuple[int, int]
"""channel_id and msg_id."""


@dataclass(frozen=True)
class OrderStatus:
    """How far an order has come. `steps` are the tables it makes, in order (see newsroom/pipeline.py).

    `run_url` is Dagster's page of its run, for the operator only. `note` says what could not be found out, and why.
    """

    order: Order
    steps: tuple[Step, ...]
    run_url: str | None
    note: str | None


def order(
    studio: Studio,
    topic_id: str | None = None,
    messages: Sequence[MessageRef] | None = None,
    *,
    now: datetime,
    day: date | None = None,
    platforms: Sequence[PlatformName] = (),
    language: Language | None = None,
    tone: Tone | None = None,
    goal: Goal = "packages",
) -> Order:
    """Ask for a topic, or for chosen messages of the window that ends with `day`, to be worked up to `goal`.

    The orders sensor (or the CLI) fulfils it; what is not given comes from the tenant's settings. Raises NotFoundError
    for a topic or message that is not in the window, NewsroomError for what can't be made, QuotaError where the day's
    orders or images are used up.
    """
    studio.may_edit("order")
    day = day or studio.newest_day()
    check_subject(studio, topic_id, messages, day)
    settings = studio.settings
    wanted = list(platforms or settings.platforms)
    return create_order(
        studio.catalog,
        studio.principal,
        topic_id=topic_id,
        messages=messages,
        day=day,
        platforms=wanted,
        language=language or settings.language,
        tone=tone or settings.tone,
        goal=goal,
        images=image_count(wanted) if draws(goal) else 0,
        now=now,
    )


def orders(studio: Studio) -> list[Order]:
    """The tenant's orders, newest first."""
    return list_orders(studio.catalog, studio.principal)


def raise_goal(studio: Studio, order_id: str, goal: Goal, now: datetime) -> Order:
    """Work the order on to a further goal: it is queued again and only what is missing is made.

    Also starts an order that failed or was cancelled again. Raises ConflictError while it runs, QuotaError as `order`.
    """
    studio.may_edit("order")
    found = get_order(studio.catalog, studio.principal, order_id)
    more = image_count(found.platforms) if draws(goal) and not draws(found.goal) else 0
    return requeue_order(studio.catalog, studio.principal, order_id, goal=goal, images=more, now=now)


def order_status(studio: Studio, order_id: str) -> OrderStatus:
    """How far the order has come: by its run where Dagster answers, else by what is in the lake."""
    found = get_order(studio.catalog, studio.principal, order_id)
    made = made_of(studio.lake, order_id)
    run, note = _run_of(studio, found)
    return OrderStatus(
        order=found,
        steps=tuple(_step(name, found, run, made) for name in steps(found.goal)),
        run_url=run.url if run is not None and studio.principal.role == "operator" else None,
        note=note,
    )


def cancel(studio: Studio, order_id: str, now: datetime) -> Order:
    """Stop the order: at once where it waits, else its run is asked to end. Raises ConflictError where it has ended.

    Where Dagster's web server does not answer, a sensor ends the run instead.
    """
    studio.may_edit("cancel")
    found = cancel_order(studio.catalog, studio.principal, order_id, now=now)
    run, _ = _run_of(studio, found)
    if run is not None and run.status in ("queued", "running") and studio.runs_client is not None:
        with suppress(RunsError):
            studio.runs_client.terminate(run.id)
    return found


def check_subject(studio: Studio, topic_id: str | None, messages: Sequence[MessageRef] | None, day: date) -> None:
    """Raises NotFoundError where the topic, or one of the messages, is not in the window that ends with `day`."""
    if topic_id is not None:
        known = studio.lake.read(TOPICS, days=[day], columns=["topic_id"], where=[pl.col("topic_id") == topic_id])
        if known.is_empty():
            raise NotFoundError(f"topic {topic_id}: not among the topics of {day}. `tgstudio topics` lists them.")
    elif messages:
        missing = missing_posts(studio.lake, messages, day)
        if missing:
            raise NotFoundError(
                f"{named(missing)} not among the posts of the 7 days that end with {day}.", field="messages"
            )


def _run_of(studio: Studio, order: Order) -> tuple[Run | None, str | None]:
    """The order's newest run, and why it is not known where it is not."""
    if studio.runs_client is None:
        return None, "Dagster is not asked here: steps are told by what they have left in the lake."
    try:
        return studio.runs_client.latest({ORDER_TAG: order.id}), None
    except RunsError as error:
        return None, f"{error} Steps are told by what they have left in the lake."


def _step(name: str, order: Order, run: Run | None, made: Collection[str]) -> Step:
    """A step of the run where it has begun there; else it was made earlier, or waits, or never came to its turn."""
    known = {step.name: step for step in run.steps} if run is not None else {}
    # A run that ended belongs to an earlier wish of an order that waits again.
    if name in known and order.status != "queued":
        return known[name]
    if name in made:
        return Step(name, "done")
    return Step(name, "waiting" if order.status in ("queued", "running") else "skipped")
