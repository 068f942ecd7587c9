"""The tools that order packages, after a confirmation that names the cost, and show what came of orders."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from tgstudio_dagster.core.errors import SettingsError
from tgstudio_dagster.core.vocabulary import Goal, Language, PlatformName, Tone
from tgstudio_dagster.mcp.envelope import Answer, Item
from tgstudio_dagster.mcp.tool import Arguments, Call, Cursor, Day, Tool, link, listed, short
from tgstudio_dagster.services.confirmations import check_token, draw_token, use_token
from tgstudio_dagster.services.orders import Order

_MessageRef = Annotated[tuple[int, int], Field(description="channel_id and msg_id")]


class OrderArguments(Arguments):
    """What is ordered."""

    topic_id: Annotated[
        str | None, Field(default=None, pattern=r"^t-[0-9a-f]{12}$", description="The topic; or else messages.")
    ]
    messages: Annotated[
        tuple[_MessageRef, ...] | None,
        Field(default=None, min_length=1, max_length=100, description="Chosen posts instead of a topic."),
    ]
    day: Day
    platforms: Annotated[tuple[PlatformName, ...], Field(default=(), description="Default: the tenant's.")]
    language: Annotated[Language | None, Field(default=None, description="Default: the tenant's.")]
    tone: Annotated[Tone | None, Field(default=None, description="Default: the tenant's.")]
    goal: Annotated[Goal, Field(default="packages", description="How far it is worked.")]
    confirmation: Annotated[
        str | None,
        Field(
            default=None,
            max_length=200,
            description=(
                "Without it nothing is ordered; the answer is the estimated cost and a token. Show the estimate to a "
                "person, then repeat the call unchanged with the token."
            ),
        ),
    ]


class PackagesArguments(Arguments):
    """Which orders or packages."""

    order_id: Annotated[
        str | None, Field(default=None, max_length=80, description="This order: how far it has come, and its packages.")
    ]
    package_id: Annotated[
        str | None,
        Field(default=None, max_length=90, description="This package: its text, and the sources of each sentence."),
    ]
    limit: Annotated[int, Field(default=10, ge=1, le=50, description="At most so many.")]
    cursor: Cursor


def _order(call: Call, given: OrderArguments) -> Answer:
    if (given.topic_id is None) == (given.messages is None):
        raise SettingsError("topic_id or messages: give one of them.")
    draft = call.studio.orders.draft(
        given.topic_id, given.messages, now=call.now, day=given.day, platforms=given.platforms,
        language=given.language, tone=given.tone, goal=given.goal,
    )  # fmt: skip
    what = {"order": draft.shown(), "tenant": call.principal.tenant}
    if given.confirmation is None:
        token, until = draw_token(call.platform.signer, call.key.id, what, call.now)
        facts = {
            "status": "estimate",
            "next": "Nothing is ordered yet. Show this to a person; order it by the same call with this confirmation.",
            "posts": draft.estimate.posts,
            "tokens": draft.estimate.tokens,
            "images": draft.estimate.images,
            "cost_usd": draft.estimate.cost_usd,
            "quota_left": dict(draft.estimate.quota_left),
            "day": draft.day,
            "platforms": list(draft.platforms),
            "language": draft.language,
            "tone": draft.tone,
            "goal": draft.goal,
            "confirmation": token,
            "until": until,
        }
        return Answer(facts)
    confirmed = check_token(call.platform.signer, given.confirmation, call.key.id, what, call.now)
    use_token(call.platform.catalog, confirmed, call.now)
    order = call.studio.orders.request(
        draft.topic_id, draft.messages, now=call.now, day=draft.day, platforms=draft.platforms,
        language=draft.language, tone=draft.tone, goal=draft.goal,
    )  # fmt: skip
    return Answer({"next": "packages with this order_id tells how far it is.", **_order_facts(order)})


def _packages(call: Call, given: PackagesArguments) -> Answer:
    if given.package_id is not None:
        return _package(call, given.package_id)
    if given.order_id is None:
        return listed([Item(*_order_parts(one)) for one in call.studio.orders.all()], given.cursor, given.limit)
    status = call.studio.orders.status(given.order_id)
    facts, words = _order_parts(status.order)
    facts["steps"] = {step.name: step.status for step in status.steps}
    rows = call.studio.packages.all(given.order_id).iter_rows(named=True)
    answer = listed([_package_item(row) for row in rows], given.cursor, given.limit, **facts)
    return Answer(answer.facts, words, answer.items, answer.cursor, answer.cursor_at)


def _package(call: Call, package_id: str) -> Answer:
    found = call.studio.packages.get(package_id)
    facts = {
        "package_id": found.package_id,
        "order_id": found.order_id,
        "topic_id": found.topic_id,
        "platform": found.platform,
        "language": found.language,
        "post_time": found.post_time,
        "image": found.image.uri if found.image else None,
        "edits": len(found.edits),
        "stale_sources": len(found.stale),
        "checks": {check.name: check.passed for check in found.checks},
    }
    words = {"headline": found.headline, "text": found.text, "hashtags": list(found.hashtags)}
    sentences = [
        Item(
            {
                "sources": [link(source.url) or f"{source.channel_id}/{source.msg_id}" for source in sentence.sources],
                "needs_verification": sentence.needs_verification,
            },
            {"sentence": sentence.text},
        )
        for sentence in found.explanation.sentences
    ]
    return Answer(facts, words, sentences)


def _package_item(row: dict[str, Any]) -> Item:
    facts = {
        "package_id": f"{row['order_id']}-{row['platform']}",
        "platform": row["platform"],
        "language": row["language"],
        "characters": len(row["text"]),
        "image": row["image_uri"],
        "sources": [url for url in map(link, row["source_links"] or ()) if url],
    }
    return Item(facts, {"headline": short(row["headline"]), "text": row["text"]})


def _order_parts(order: Order) -> tuple[dict[str, Any], dict[str, Any]]:
    return _order_facts(order), {"error": short(order.error)} if order.error else {}


def _order_facts(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.id,
        "status": order.status,
        "topic_id": order.topic_id,
        **({"messages": len(order.messages)} if order.messages else {}),
        "day": order.day,
        "platforms": list(order.platforms),
        "language": order.language,
        "tone": order.tone,
        "goal": order.goal,
        "created_at": order.created_at,
    }


ORDER_PACKAGE = Tool(
    name="order_package",
    title="Order packages",
    about=(
        "Orders a topic or chosen posts to be worked up into publishable packages. The first call only estimates the cost "
        "and gives a confirmation token; the second one, with it, orders."
    ),
    arguments=OrderArguments,
    run=_order,
    hidden=frozenset({"confirmation"}),
)
PACKAGES = Tool(
    name="packages",
    title="Orders and packages",
    about="Lists orders; of one order how far it is and its packages; of one package its text and each sentence's sources.",
    arguments=PackagesArguments,
    run=_packages,
)
