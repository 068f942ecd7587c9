"""The tool that searches a tenant's whole history."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tgstudio_dagster.mcp.envelope import Answer, Item
from tgstudio_dagster.mcp.tool import Arguments, Call, Channels, Cursor, First, Langs, Last, Tool, link, short, username
from tgstudio_dagster.search.find import Page


class SearchArguments(Arguments):
    """What is searched for."""

    query: Annotated[
        str,
        Field(
            min_length=1,
            max_length=500,
            description='Words that all must be there, "a phrase", begin*, -without. Forms of a word are one.',
        ),
    ]
    by: Annotated[
        Literal["words", "meaning"],
        Field(
            default="words",
            description="meaning: what is near in meaning where a sentence model is set, else posts with any of the words "
            "or related ones.",
        ),
    ]
    first: First
    last: Last
    channels: Channels
    langs: Langs
    comments: Annotated[bool, Field(default=False, description="Comments too.")]
    limit: Annotated[int, Field(default=10, ge=1, le=20, description="At most so many posts.")]
    cursor: Cursor


def _search(call: Call, given: SearchArguments) -> Answer:
    def ask(limit: int) -> Page:
        return call.studio.posts.search(
            given.query,
            by=given.by,
            first=given.first,
            last=given.last,
            channels=given.channels,
            langs=given.langs,
            comments=given.comments,
            limit=limit,
            cursor=given.cursor,
        )

    found = ask(given.limit)
    items = [
        Item(
            {
                "channel_id": hit.channel_id,
                "msg_id": hit.msg_id,
                "channel": username(hit.channel),
                "date": hit.date,
                "permalink": link(hit.url),
                "lang": hit.lang,
                **({"comment": True} if hit.comment else {}),
            },
            {"channel_title": short(hit.channel_title), "snippet": hit.snippet},
        )
        for hit in found.hits
    ]
    facts = {"total": found.total, "method": found.method}
    if not_searched := len(found.gaps.missing) + len(found.gaps.damaged):
        facts["days_not_searched"] = not_searched
    # Stems that were learnt from the posts are the posts' words too.
    untrusted = {"related_words": list(found.related)} if found.related else {}
    return Answer(facts, untrusted, items, found.cursor, lambda n: ask(n).cursor)


TELEGRAM_SEARCH = Tool(
    name="telegram_search",
    title="Search",
    about=(
        "Searches the posts of the whole history, by words or by meaning; gives snippets with permalinks, best first. "
        "telegram_messages gives whole texts."
    ),
    arguments=SearchArguments,
    run=_search,
)
