"""The editor: turns a topic's posts into one editor result, and checks every claim before it is kept.

Models are handled in `ai/`; what a claim must hold is in `claims.py`.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from tgstudio_dagster.ai import guard
from tgstudio_dagster.ai.offline.quotes import shorten
from tgstudio_dagster.ai.protocols import Sentence, SourceMessage, Writer, WriteRequest, WriteResult, body_text
from tgstudio_dagster.ai.text import overlap
from tgstudio_dagster.core.errors import NewsroomError
from tgstudio_dagster.core.vocabulary import Language, Tone
from tgstudio_dagster.newsroom.claims import check_claim, common_words
from tgstudio_dagster.newsroom.records.editor_result import Claim, EditorResult
from tgstudio_dagster.newsroom.sources import Subject
from tgstudio_dagster.posts.counting import QUOTABLE

MAX_POSTS = 40  # the representative, each channel's first, then the earliest: enough to write from, cheap to read
HEADLINE = 90
_UNNAMED: dict[Language, str] = {"ru": "Канал без названия", "en": "An unnamed channel"}


def edit(
    writer: Writer,
    *,
    topic: Subject,
    messages: pl.DataFrame,
    language: Language,
    tone: Tone,
    as_of: datetime,
    run_id: str,
) -> EditorResult:
    """The text of a topic, or of chosen posts, with its claims checked.

    messages: the topic's posts, the representative first. Deleted posts, service messages and posts without text are
    left out. as_of: newest observation of the posts. Raises NewsroomError where nothing is left to write from.
    """
    sources = [_named(source, language) for source in source_messages(messages)]
    if not sources:
        raise NewsroomError(f"topic {topic.topic_id}: no post with text is left of it; order another topic.")
    request = WriteRequest(
        topic_id=topic.topic_id,
        language=language,
        tone=tone,
        messages=tuple(sources),
        keywords=topic.keywords,
    )
    reply = writer.write(request)
    result = _fitted(reply.value)
    claims = _claims(result, sources)
    urls = {source.key: source.url for source in sorted(sources, key=lambda source: (source.date, source.key))}
    cited = {key for sentences in result.sections().values() for sentence in sentences for key in sentence.messages}
    return EditorResult(
        topic_id=request.topic_id,
        language=language,
        tone=tone,
        headline=result.headline.text,
        dek=result.dek.text,
        body_short=body_text(result.body_short),
        body_medium=body_text(result.body_medium),
        body_long=body_text(result.body_long),
        key_points=tuple(point.text for point in result.key_points),
        claims=tuple(claims),
        source_links=tuple(dict.fromkeys(url for key, url in urls.items() if key in cited)),
        hashtags=result.hashtags,
        model=reply.model,
        prompt_version=writer.prompt_version,
        overlap=overlap([claim.text for claim in claims], [source.text for source in sources]),
        run_id=run_id,
        as_of=as_of,
    )


def source_messages(messages: pl.DataFrame) -> list[SourceMessage]:
    """The posts of a MESSAGES frame that may be written from, in their order, at most MAX_POSTS of them.

    Of more, the first, then each channel's earliest, then the earliest are kept. Texts and names are as they may enter a
    prompt (`ai/guard.py`).
    """
    usable = messages.filter(QUOTABLE)
    sources = [
        SourceMessage(
            channel_id=row["channel_id"],
            msg_id=row["msg_id"],
            version=row["version"],
            channel=row["channel"],
            channel_title=guard.name(row["channel_title"]),
            date=row["date"],
            text=guard.post(row["text"]),
            lang=row["lang"],
            url=row["url"],
            forwarded_from=None if row["forwarded_from"] is None else guard.name(row["forwarded_from"]),
            hashtags=tuple(row["hashtags"] or ()),
        )
        for row in usable.iter_rows(named=True)
    ]
    if len(sources) <= MAX_POSTS:
        return sources
    by_time = sorted(sources, key=lambda source: (source.date, source.key))
    firsts = {source.channel_id: source for source in reversed(by_time)}.values()
    order = [sources[0], *sorted(firsts, key=lambda source: (source.date, source.key)), *by_time]
    return list({source.key: source for source in order}.values())[:MAX_POSTS]


def _named(source: SourceMessage, language: Language) -> SourceMessage:
    """The post with words for its channel where neither title nor username is known: a reader is shown no bare id."""
    if source.channel or source.channel_title.strip():
        return source
    return source.model_copy(update={"channel_title": _UNNAMED[language]})


def _fitted(result: WriteResult) -> WriteResult:
    """The headline within the contract's 90 characters, whatever the writer says."""
    if len(result.headline.text) <= HEADLINE:
        return result
    headline = Sentence(text=shorten(result.headline.text, HEADLINE), messages=result.headline.messages)
    return result.model_copy(update={"headline": headline})


def _claims(result: WriteResult, sources: list[SourceMessage]) -> list[Claim]:
    by_key = {source.key: source for source in sources}
    common = common_words(sources)
    claims = []
    for section, sentences in result.sections().items():
        for sentence in sentences:
            needs_verification, unsupported = check_claim(sentence, by_key, common)
            claims.append(
                Claim(
                    text=sentence.text,
                    section=section,
                    messages=tuple(dict.fromkeys(sentence.messages)),
                    needs_verification=needs_verification,
                    unsupported=tuple(unsupported),
                )
            )
    return claims
