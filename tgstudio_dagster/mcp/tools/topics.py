"""The tools that tell what is talked about: topics, one topic, and rankings with their reasons."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from tgstudio_dagster.core.cursor import read_offset
from tgstudio_dagster.mcp.envelope import Answer, Item
from tgstudio_dagster.mcp.tool import Arguments, Call, Cursor, Day, Tool, link, listed, post, short, username

_MOST = 1_000
_REPEATS = 10
_CHANGES = 10
_TERMS = ("popularity", "trend", "engagement", "audience", "decay", "messages", "channels", "recent", "expected")


class TopicsArguments(Arguments):
    """Which topics."""

    day: Day
    limit: Annotated[int, Field(default=20, ge=1, le=50, description="At most so many.")]
    cursor: Cursor


class TopicArguments(Arguments):
    """Which topic."""

    topic_id: Annotated[str, Field(pattern=r"^t-[0-9a-f]{12}$", description="As topics and rankings give it.")]
    day: Day
    limit: Annotated[int, Field(default=20, ge=1, le=50, description="At most so many posts.")]
    cursor: Cursor


class RankingsArguments(Arguments):
    """Which ranking."""

    by: Annotated[Literal["topic", "message"], Field(default="topic", description="What is ranked.")]
    window: Annotated[Literal["24h", "7d"], Field(default="24h", description="Over what time.")]
    day: Day
    limit: Annotated[int, Field(default=10, ge=1, le=50, description="At most so many.")]
    cursor: Cursor


def _topics(call: Call, given: TopicsArguments) -> Answer:
    day = given.day or call.studio.topics.newest_day()
    found = call.studio.topics.all(day=day, limit=_MOST)
    return listed([_topic_item(row) for row in found.iter_rows(named=True)], given.cursor, given.limit, day=day)


def _topic(call: Call, given: TopicArguments) -> Answer:
    day = given.day or call.studio.topics.newest_day()
    found = call.studio.topics.get(given.topic_id, day=day)
    about = _topic_item(found.topic.row(0, named=True))
    items = [
        post(row, similarity=row["similarity"], repeated_at=_repeats(row["repeats"]))
        for row in found.posts.iter_rows(named=True)
    ]
    changes = [
        {name: row[name] for name in ("day", "kind", "topic_id", "other_id", "shared")}
        for row in found.changes.head(_CHANGES).iter_rows(named=True)
    ]
    answer = listed(items, given.cursor, given.limit, day=day, **about.facts, changes=changes)
    return replace(answer, untrusted=about.untrusted)


def _repeats(posts: list[dict[str, Any]] | None) -> list[str]:
    links = [found for one in posts or () if (found := link(one["url"]))]
    return links[:_REPEATS] + ([f"and {len(links) - _REPEATS} more"] if len(links) > _REPEATS else [])


def _rankings(call: Call, given: RankingsArguments) -> Answer:
    day = given.day or call.studio.topics.newest_day()
    start = read_offset(given.cursor)
    asked = start + given.limit
    found = call.studio.topics.top(by=given.by, window=given.window, day=day, limit=asked + 1)
    items = [_ranked(row, given.by) for row in found.slice(start, given.limit).iter_rows(named=True)]
    further = str(asked) if found.height > asked else None
    facts = {"day": day, "by": given.by, "window": given.window}
    return Answer(facts, items=items, cursor=further, cursor_at=lambda n: str(start + n))


def _topic_item(row: dict[str, Any]) -> Item:
    wanted = ("topic_id", "story_id", "lang", "messages", "channels", "first_seen", "last_seen")
    return Item({name: row[name] for name in wanted}, {"title": short(row["title"]), "keywords": row["keywords"]})


def _ranked(row: dict[str, Any], by: str) -> Item:
    facts = {
        "rank": row["rank"],
        ("topic_id" if by == "topic" else "message"): row["entity_id"],
        "score": row["score"],
        "terms": {name: row[name] for name in _TERMS if row[name] is not None},
        "channel": username(row["channel"]),
        "permalink": link(row["url"]),
    }
    return Item(facts, {"title": short(row["title"])})


TOPICS = Tool(
    name="topics",
    title="Topics",
    about="Lists the topics of the 7 days that end with a day, largest first: title, keywords, how many posts and channels.",
    arguments=TopicsArguments,
    run=_topics,
)
TOPIC = Tool(
    name="topic",
    title="One topic",
    about="Gives a topic's posts, oldest first, each text once with links to its repeats; and how the topic split or merged.",
    arguments=TopicArguments,
    run=_topic,
)
RANKINGS = Tool(
    name="rankings",
    title="Rankings",
    about="Gives the best ranked topics or posts of 24 hours or 7 days, with the terms of the score: why it ranks where it does.",
    arguments=RankingsArguments,
    run=_rankings,
)
