"""Routes about orders: asking for a topic or chosen posts to be worked up, how far it has come, stopping it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field, model_validator

from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.cursor import read_place, write_place
from tgstudio_dagster.core.errors import QueryError
from tgstudio_dagster.core.vocabulary import Goal, Language, OrderStatus, PlatformName, Tone
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.confirmations import check_token, draw_token, use_token
from tgstudio_dagster.services.order_drafts import OrderDraft as DraftRow
from tgstudio_dagster.services.orders import Order as OrderRow
from tgstudio_dagster.web.api.common import (
    Asked,
    Cursor,
    Day,
    Limit,
    MessageRef,
    OwnStudio,
    Page,
    Told,
    file_path,
    permalink,
)
from tgstudio_dagster.web.api.route import ApiRoute
from tgstudio_dagster.web.who import identify, platform_of

router = APIRouter(route_class=ApiRoute, prefix="/v1")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OrderId = Annotated[str, Path(pattern=r"^[a-z0-9]{1,63}-[a-z0-9]{1,63}$", examples=["demo-01jq0000000000000000000000"])]


class Work(Asked):
    """What is to be worked up: a topic, chosen posts, or an order that is to go further. One of the three.

    What is not given comes from the tenant's settings. An order that goes further keeps what it was asked for.
    """

    topic_id: str | None = Field(default=None, pattern=r"^t-[0-9a-f]{12}$", examples=["t-0123456789ab"])
    messages: list[MessageRef] | None = Field(default=None, min_length=1, max_length=200)
    order_id: str | None = Field(default=None, pattern=r"^[a-z0-9]{1,63}-[a-z0-9]{1,63}$")
    day: Day | None = Field(default=None, description="With which the window of 7 days ends; default: the newest.")
    platforms: list[PlatformName] = Field(default=[], max_length=7, description="Packages to make.")
    language: Language | None = None
    tone: Tone | None = None
    confirmation: str | None = Field(
        default=None, max_length=200,
        description="The draft's token. Without it nothing is ordered: what would be made, and what it takes, is returned.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _one_subject(self) -> Work:
        if sum(one is not None for one in (self.topic_id, self.messages, self.order_id)) != 1:
            raise ValueError("topic_id, messages, order_id: give exactly one of them")
        if self.order_id and (self.day or self.platforms or self.language or self.tone):
            raise ValueError("order_id: an order goes on as it was asked for; leave the other fields out")
        return self


class Order(Told):
    """An order, and how far it is to be worked."""

    id: str
    topic_id: str | None
    messages: list[MessageRef] | None
    day: date
    platforms: list[PlatformName]
    language: Language
    tone: Tone
    goal: Goal
    status: OrderStatus
    error: str | None
    rule_id: str | None = Field(description="The rule that made it, if one did.")
    created_by: str | None
    created_at: datetime
    updated_at: datetime
    cancel_at: datetime | None = Field(description="When its user asked to stop it.")


class OrderDraft(Told):
    """What would be ordered, and what it would take. Nothing is ordered before the same call comes with `confirmation`."""

    topic_id: str | None
    messages: list[MessageRef] | None
    order_id: str | None
    day: date
    platforms: list[PlatformName]
    language: Language
    tone: Tone
    goal: Goal
    posts: int = Field(description="Posts that are written from.")
    tokens: int = Field(description="Tokens that a language model reads and writes.")
    images: int
    cost_usd: float | None = Field(description="null: a model's price is not known.")
    quota_left: dict[str, int] = Field(description="What is left today of the plan's limits.")
    confirmation: str = Field(description="Orders exactly this, once.")
    until: datetime = Field(description="Until when it does.")


_DRAFTED: dict[int | str, dict[str, Any]] = {200: {"model": OrderDraft, "description": "A draft; nothing is ordered."}}


class Step(Told):
    """One step on the way."""

    name: str
    status: Literal["waiting", "running", "done", "failed", "skipped"]
    started: datetime | None
    ended: datetime | None


class Text(Told):
    """The text that was written; packages fit it to their platforms."""

    headline: str
    dek: str
    body_short: str
    body_medium: str
    body_long: str
    key_points: list[str]
    hashtags: list[str]
    source_links: list[str | None]
    language: str
    tone: str
    model: str
    overlap: float = Field(description="Share of 5-word shingles outside quotation marks that stand in a source.")


class Brief(Told):
    """What is to be drawn."""

    n: int
    title: str
    prompt: str
    negative: str
    size: str
    aspect: str
    caption: str
    style_tags: list[str]
    platforms: list[str]


class Image(Told):
    """What was drawn."""

    n: int
    width: int
    height: int
    model: str
    moderation: str
    file: str | None


class OrderState(Told):
    """How far an order has come, and what it has made so far."""

    order: Order
    steps: list[Step]
    run_url: str | None = Field(description="Dagster's page of its run; for operators.")
    note: str | None = Field(description="What could not be found out, and why.")
    text: Text | None
    briefs: list[Brief]
    images: list[Image]
    packages: list[str] = Field(description="Ids of the packages.")


@router.post("/transform", status_code=202, response_model=Order, responses=_DRAFTED, summary="Have a text written")
def transform(request: Request, studio: OwnStudio, response: Response, asked: Work) -> Any:
    """An order that ends with the text; `GET /v1/orders/{order_id}` tells when it is there. First its draft is returned (200)."""
    return _asked(request, studio, response, asked, "text")


@router.post(
    "/image-brief", status_code=202, response_model=Order, responses=_DRAFTED, summary="Have image briefs made"
)
def image_brief(request: Request, studio: OwnStudio, response: Response, asked: Work) -> Any:
    """An order that ends with the briefs of its images. First its draft is returned (200)."""
    return _asked(request, studio, response, asked, "briefs")


@router.post("/images", status_code=202, response_model=Order, responses=_DRAFTED, summary="Have images drawn")
def images(request: Request, studio: OwnStudio, response: Response, asked: Work) -> Any:
    """An order that ends with its images. First its draft is returned (200)."""
    return _asked(request, studio, response, asked, "images")


@router.post("/package", status_code=202, response_model=Order, responses=_DRAFTED, summary="Have packages made")
def package(request: Request, studio: OwnStudio, response: Response, asked: Work) -> Any:
    """An order that ends with packages, ready to publish. First its draft is returned (200)."""
    return _asked(request, studio, response, asked, "packages")


@router.get("/orders", summary="The tenant's orders")
def orders(
    studio: OwnStudio,
    status: Annotated[OrderStatus | None, Query(description="Only those of this status.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Order]:
    """Newest first."""
    # One more than is shown: whether there are more is known without counting them.
    rows = studio.orders.page(limit=limit + 1, after=_after(cursor), status=status)
    further = write_place(_place(rows[limit - 1])) if len(rows) > limit else None
    return Page[Order](items=[_order(row) for row in rows[:limit]], cursor=further)


@router.get("/orders/{order_id}", summary="How far an order has come")
def state(studio: OwnStudio, order_id: OrderId) -> OrderState:
    """Its status, its steps, and what it has made so far."""
    found = studio.orders.status(order_id)
    return OrderState(
        order=_order(found.order),
        steps=[Step.model_validate(step) for step in found.steps],
        run_url=found.run_url,
        note=found.note,
        **_made(studio, order_id),
    )


@router.post("/orders/{order_id}/cancel", summary="Stop an order")
def cancel(studio: OwnStudio, order_id: OrderId) -> Order:
    """At once where it waits; else its run is asked to end. What it has made stays."""
    return _order(studio.orders.cancel(order_id))


def _asked(request: Request, studio: Studio, response: Response, asked: Work, goal: Goal) -> Any:
    platform, now = platform_of(request), utc_now()
    posts = [(one.channel_id, one.msg_id) for one in asked.messages] if asked.messages else None
    draft = studio.orders.draft(
        asked.topic_id, posts, order_id=asked.order_id, now=now, day=asked.day, platforms=asked.platforms,
        language=asked.language, tone=asked.tone, goal=goal,
    )  # fmt: skip
    holder, what = identify(request).holder, {"order": draft.shown(), "tenant": studio.tenant.slug}
    if asked.confirmation is None:
        token, until = draw_token(platform.signer, holder, what, now)
        return JSONResponse(_draft(draft, token, until).model_dump(mode="json"), 200)
    use_token(platform.catalog, check_token(platform.signer, asked.confirmation, holder, what, now), now)
    if draft.order_id is not None:
        order = studio.orders.raise_goal(draft.order_id, goal)
    else:
        order = studio.orders.request(
            draft.topic_id, draft.messages, now=now, day=draft.day, platforms=draft.platforms,
            language=draft.language, tone=draft.tone, goal=goal,
        )  # fmt: skip
    response.headers["location"] = f"/v1/orders/{order.id}"
    return _order(order)


def _draft(draft: DraftRow, token: str, until: datetime) -> OrderDraft:
    estimate = draft.estimate
    return OrderDraft(
        topic_id=draft.topic_id, messages=_refs(draft.messages), order_id=draft.order_id, day=draft.day,
        platforms=list(draft.platforms), language=draft.language, tone=draft.tone, goal=draft.goal, posts=estimate.posts,
        tokens=estimate.tokens, images=estimate.images, cost_usd=estimate.cost_usd, quota_left=dict(estimate.quota_left),
        confirmation=token, until=until,
    )  # fmt: skip


def _refs(messages: Sequence[Sequence[int]] | None) -> list[MessageRef] | None:
    return None if messages is None else [MessageRef(channel_id=channel, msg_id=msg) for channel, msg in messages]


def _place(row: OrderRow) -> list[str | int]:
    """Where an order stands in the list: microseconds before 1970, and its id."""
    return [-round(row.created_at.timestamp() * 1e6), row.id]


def _after(cursor: str | None) -> tuple[datetime, str] | None:
    """The time and id that a cursor of the list stands for. Raises QueryError for one of another list."""
    if cursor is None:
        return None
    before, order_id = read_place(cursor, (int, str))
    try:
        return _EPOCH + timedelta(microseconds=-before), order_id
    except OverflowError:
        raise QueryError("it is none of this list's; ask for the first page again.", field="cursor") from None


def _order(row: OrderRow) -> Order:
    names = [name for name in Order.model_fields if name != "messages"]
    return Order(**{name: getattr(row, name) for name in names}, messages=_refs(row.messages))


def _made(studio: Studio, order_id: str) -> dict[str, Any]:
    results = studio.orders.results(order_id)
    texts = results.texts.to_dicts()
    return {
        "text": _text(texts[0]) if texts else None,
        "briefs": [Brief(**{name: row[name] for name in Brief.model_fields}) for row in results.briefs.to_dicts()],
        "images": [
            Image(**{name: row[name] for name in Image.model_fields if name != "file"}, file=file_path(row["uri"]))
            for row in results.images.to_dicts()
        ],
        "packages": list(results.packages),
    }


def _text(row: dict[str, Any]) -> Text:
    links = [permalink(one) for one in row["source_links"]]
    return Text(**{name: row[name] for name in Text.model_fields if name != "source_links"}, source_links=links)
