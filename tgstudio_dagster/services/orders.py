"""Orders: asking for a topic or chosen posts to be worked up, what that will take, how far it has come, and stopping it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from tgstudio_dagster.catalog.people.tenants import name_of
from tgstudio_dagster.catalog.work.orders import (
    MAX_MESSAGES,
    Order,
    cancel_order,
    create_order,
    get_order,
    list_orders,
    page_orders,
    requeue_order,
)
from tgstudio_dagster.catalog.work.rules import list_rules
from tgstudio_dagster.core.errors import NotFoundError, RunsError
from tgstudio_dagster.core.vocabulary import Goal, Language, PlatformName, Tone
from tgstudio_dagster.core.vocabulary import OrderStatus as OrderState
from tgstudio_dagster.lake.tables.newsroom import CONTENT_PACKAGES, EDITOR_RESULTS, IMAGE_BRIEFS, IMAGES
from tgstudio_dagster.newsroom.pipeline import draws, made_of, steps
from tgstudio_dagster.newsroom.platforms import image_count
from tgstudio_dagster.newsroom.sources import missing_posts, named, source_language
from tgstudio_dagster.services.estimates import Estimate, MessageRef, estimate_order
from tgstudio_dagster.services.order_drafts import OrderDraft, pairs
from tgstudio_dagster.services.runs import Run, Step
from tgstudio_dagster.services.scope import Service, does
from tgstudio_dagster.services.topics import newest_day, title_of

__all__ = [
    "MAX_MESSAGES",
    "Estimate",
    "MessageRef",
    "Order",
    "OrderDraft",
    "OrderOrigin",
    "OrderResults",
    "OrderStatus",
    "Orders",
]

ORDER_TAG = "order"
"""`partitions.ORDER_TAG`, spelled out here: that module imports Dagster."""


@dataclass(frozen=True)
class OrderStatus:
    """How far an order has come. `steps` are the tables it makes, in order (see newsroom/pipeline.py).

    `run_url` is Dagster's page of its run, for the operator only. `note` says what could not be found out, and why.
    """

    order: Order
    steps: tuple[Step, ...]
    run_url: str | None
    note: str | None


@dataclass(frozen=True)
class OrderOrigin:
    """The rule that ordered, by name, None where a person did; and the person (of a rule: who set it), None where nobody
    was signed in, as at a command."""

    rule: str | None
    person: str | None


@dataclass(frozen=True)
class OrderResults:
    """What an order has made so far: rows of EDITOR_RESULTS, IMAGE_BRIEFS and IMAGES, and the packages' ids."""

    texts: pl.DataFrame
    briefs: pl.DataFrame
    images: pl.DataFrame
    packages: tuple[str, ...]


class Orders(Service):
    """The tenant's orders."""

    @does("orders.request")
    def request(
        self,
        topic_id: str | None = None,
        messages: Sequence[MessageRef] | None = None,
        *,
        now: datetime | None = None,
        day: date | None = None,
        platforms: Sequence[PlatformName] = (),
        language: Language | None = None,
        tone: Tone | None = None,
        goal: Goal = "packages",
    ) -> Order:
        """Ask for a topic, or for chosen messages of the window that ends with `day`, to be worked up to `goal`.

        The orders sensor (or the CLI) fulfils it; a language not given is the topic's or the posts', what else is not given
        comes from the tenant's settings. Raises NotFoundError
        for a topic or message that is not in the window, NewsroomError for what can't be made, QuotaError where the day's
        orders or images are used up.
        """
        scope = self.scope
        day = day or newest_day(scope)
        subject = self._subject(topic_id, messages, day)
        settings = scope.settings()
        chosen = list(platforms or settings.platforms)
        return create_order(
            scope.catalog,
            scope.principal,
            topic_id=topic_id,
            messages=messages,
            day=day,
            platforms=chosen,
            language=language
            or source_language(scope.lake, day, topic_id=topic_id, messages=messages, otherwise=settings.language),
            tone=tone or settings.tone,
            goal=goal,
            images=image_count(chosen) if draws(goal) else 0,
            subject=subject,
            now=now or scope.clock(),
        )

    @does("orders.draft")
    def draft(
        self,
        topic_id: str | None = None,
        messages: Sequence[MessageRef] | None = None,
        *,
        order_id: str | None = None,
        now: datetime | None = None,
        day: date | None = None,
        platforms: Sequence[PlatformName] = (),
        language: Language | None = None,
        tone: Tone | None = None,
        goal: Goal = "packages",
    ) -> OrderDraft:
        """What `request` would ask for with these arguments (with an `order_id`: `raise_goal`), and what it would take.

        Raises NotFoundError and NewsroomError as those do.
        """
        scope = self.scope
        order = get_order(scope.catalog, scope.principal, order_id) if order_id is not None else None
        if order is not None:
            topic_id, messages, day = order.topic_id, pairs(order.messages), order.day
            platforms, language, tone = order.platforms, order.language, order.tone
        settings = scope.settings()
        day, language, tone = day or newest_day(scope), language or settings.language, tone or settings.tone
        chosen = tuple(platforms or settings.platforms)
        estimate = self.estimate(
            chosen, now=now, topic_id=topic_id, messages=messages, day=day, language=language, goal=goal
        )
        posts = tuple(messages) if messages else None
        return OrderDraft(topic_id, posts, order_id, day, chosen, language, tone, goal, estimate)

    @does("orders.estimate")
    def estimate(
        self,
        platforms: Sequence[PlatformName] = (),
        *,
        now: datetime | None = None,
        topic_id: str | None = None,
        messages: Sequence[MessageRef] | None = None,
        day: date | None = None,
        language: Language | None = None,
        goal: Goal = "packages",
    ) -> Estimate:
        """What an order with these arguments would take; 0 USD with the offline writer and painter.

        Raises NotFoundError and NewsroomError as `request` does.
        """
        scope = self.scope
        day = day or newest_day(scope)
        return estimate_order(
            scope,
            platforms,
            now=now or scope.clock(),
            topic_id=topic_id,
            messages=messages,
            day=day,
            language=language,
            goal=goal,
            check=lambda: self._subject(topic_id, messages, day),
        )

    @does("orders.all")
    def all(self) -> list[Order]:
        """The tenant's orders, newest first."""
        return list_orders(self.scope.catalog, self.scope.principal)

    @does("orders.page")
    def page(
        self, *, limit: int, after: tuple[datetime, str] | None = None, status: OrderState | None = None
    ) -> list[Order]:
        """At most `limit` orders, newest first, of equally new ones by id; those after a place (created_at and id)."""
        return page_orders(self.scope.catalog, self.scope.principal, limit=limit, after=after, status=status)

    @does("orders.get")
    def get(self, order_id: str) -> Order:
        """The order. Raises NotFoundError for one that is not the tenant's."""
        return get_order(self.scope.catalog, self.scope.principal, order_id)

    @does("orders.origin")
    def origin(self, order_id: str) -> OrderOrigin:
        """Who or what has asked for the order. Raises NotFoundError for one that is not the tenant's."""
        order = get_order(self.scope.catalog, self.scope.principal, order_id)
        rules = {rule.id: rule.name for rule in list_rules(self.scope.catalog, self.scope.principal)}
        return OrderOrigin(
            rule=rules.get(order.rule_id or ""),
            person=None if order.created_by is None else name_of(self.scope.catalog, order.created_by),
        )

    @does("orders.raise_goal")
    def raise_goal(self, order_id: str, goal: Goal, now: datetime | None = None) -> Order:
        """Work the order on to a further goal: it is queued again and only what is missing is made.

        Also starts an order that failed or was cancelled again. Raises ConflictError while it runs, QuotaError as `request`.
        """
        scope = self.scope
        order = get_order(scope.catalog, scope.principal, order_id)
        more = image_count(order.platforms) if draws(goal) and not draws(order.goal) else 0
        return requeue_order(scope.catalog, scope.principal, order_id, goal=goal, images=more, now=now or scope.clock())

    @does("orders.status")
    def status(self, order_id: str) -> OrderStatus:
        """How far the order has come: by its run where Dagster answers, else by what is in the lake."""
        order = get_order(self.scope.catalog, self.scope.principal, order_id)
        made = made_of(self.scope.lake, order_id)
        run, note = self._run_of(order)
        return OrderStatus(
            order=order,
            steps=tuple(_step(name, order, run, made) for name in steps(order.goal)),
            run_url=run.url if run is not None and self.scope.principal.role == "operator" else None,
            note=note,
        )

    @does("orders.results")
    def results(self, order_id: str) -> OrderResults:
        """What the order has made so far. Raises NotFoundError for one that is not the tenant's."""
        lake = self.scope.lake
        get_order(self.scope.catalog, self.scope.principal, order_id)
        packages = lake.read(CONTENT_PACKAGES, order=order_id, columns=["package_id"])
        return OrderResults(
            texts=lake.read(EDITOR_RESULTS, order=order_id),
            briefs=lake.read(IMAGE_BRIEFS, order=order_id),
            images=lake.read(IMAGES, order=order_id),
            packages=tuple(packages["package_id"]),
        )

    @does("orders.cancel")
    def cancel(self, order_id: str, now: datetime | None = None) -> Order:
        """Stop the order: at once where it waits, else its run is asked to end. Raises ConflictError where it has ended.

        Where Dagster's web server does not answer, a sensor ends the run instead.
        """
        scope = self.scope
        order = cancel_order(scope.catalog, scope.principal, order_id, now=now or scope.clock())
        run, _ = self._run_of(order)
        if run is not None and run.status in ("queued", "running") and scope.runs is not None:
            with suppress(RunsError):
                scope.runs.terminate(run.id)
        return order

    def _subject(self, topic_id: str | None, messages: Sequence[MessageRef] | None, day: date) -> str | None:
        """The topic's title, None for messages.

        Raises NotFoundError where the topic, or one of the messages, is not in the window that ends with `day`.
        """
        lake = self.scope.lake
        if topic_id is not None:
            title = title_of(self.scope, topic_id, day)
            if title is None:
                raise NotFoundError(
                    f"topic {topic_id}: not among the topics of {day}. `tgstudio topics` lists them."
                ).coded("topic.unknown")
            return title
        if messages:
            missing = missing_posts(lake, messages, day)
            if missing:
                raise NotFoundError(
                    f"{named(missing)} not among the posts of the 7 days that end with {day}.", field="messages"
                ).coded("order.posts_gone", count=len(missing))

        return None

    def _run_of(self, order: Order) -> tuple[Run | None, str | None]:
        """The order's newest run, and why it is not known where it is not."""
        if self.scope.runs is None:
            return None, "Dagster is not asked here: steps are told by what they have left in the lake."
        try:
            return self.scope.runs.latest({ORDER_TAG: order.id}), None
        except RunsError as error:
            return None, f"{error} Steps are told by what they have left in the lake."


def _step(name: str, order: Order, run: Run | None, made: Collection[str]) -> Step:
    """A step of the run where it has begun there; else it was made earlier, or waits, or never came to its turn."""
    known = {step.name: step for step in run.steps} if run is not None else {}
    # A run that ended belongs to an earlier wish of an order that waits again.
    ours = known.get(name) if order.status != "queued" else None
    if ours is not None and ours.status != "waiting":
        return ours
    if name in made:
        # Of a run that has succeeded, what its steps said is not kept: its own times stand for theirs.
        return (
            Step(name, "done", run.started, run.ended) if ours is not None and run is not None else Step(name, "done")
        )
    return Step(name, "waiting" if order.status in ("queued", "running") else "skipped")
