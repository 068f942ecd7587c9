"""What a text rests on: staleness, and the explanation of a package, sentence by sentence, with versions and links.

Built from tables only, so that it can be made again at any time; how it is printed is handled in the front ends.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import polars as pl
from pydantic import BaseModel, ConfigDict

from tgstudio_dagster.ai.protocols import MessageKey
from tgstudio_dagster.newsroom.records.editor_result import Claim, EditorResult
from tgstudio_dagster.newsroom.records.package import Package
from tgstudio_dagster.newsroom.records.post import CitedPost, PostVersion

StaleReason = Literal["edited", "deleted", "missing"]


class SourceTrace(BaseModel):
    """One version of one post that a sentence rests on."""

    model_config = ConfigDict(frozen=True)

    channel_id: int
    msg_id: int
    version: int
    channel: str | None
    url: str | None
    date: datetime | None
    seen_at: datetime | None
    text: str | None
    stale: StaleReason | None


class SentenceTrace(BaseModel):
    """One sentence of a package, or of an editor result: what it rests on and what is unsupported in it."""

    model_config = ConfigDict(frozen=True)

    text: str
    sections: tuple[str, ...]
    needs_verification: bool
    unsupported: tuple[str, ...]
    sources: tuple[SourceTrace, ...]


class Explanation(BaseModel):
    """Where every sentence of a package comes from. `furniture`: call to action, hashtags and links, which claim nothing."""

    model_config = ConfigDict(frozen=True)

    package_id: str | None
    platform: str | None
    topic_id: str
    language: str
    model: str
    prompt_version: str
    run_id: str
    as_of: datetime
    overlap: float
    sentences: tuple[SentenceTrace, ...]
    furniture: tuple[str, ...]
    stale: bool

    def as_text(self) -> str:
        """Plain text for a terminal or a log."""
        lines = [
            f"{self.package_id or self.topic_id}: {self.model}, prompt {self.prompt_version}, run {self.run_id}, "
            f"as of {self.as_of:%Y-%m-%d %H:%M} UTC, overlap {self.overlap:.3f}" + (", STALE" if self.stale else "")
        ]
        for number, sentence in enumerate(self.sentences, start=1):
            lines += ["", f"{number}. {sentence.text}"]
            if sentence.needs_verification:
                lines.append(f"   needs verification: {'; '.join(sentence.unsupported) or 'cites no post'}")
            lines += [
                f"   {source.url or f'{source.channel_id}/{source.msg_id}'} version {source.version}"
                + (f" ({source.stale})" if source.stale else "")
                for source in sentence.sources
            ]
        return "\n".join([*lines, *([""] if self.furniture else []), *self.furniture])


def explain(
    result: EditorResult,
    messages: pl.DataFrame,
    versions: pl.DataFrame,
    package: Package | None = None,
) -> Explanation:
    """Trace a package's text (or, without one, the whole editor result) back to the versions of posts.

    messages, versions: MESSAGES and MESSAGE_VERSIONS frames that hold the cited posts as they are now. Sentences come in
    the order of the text.
    """
    sources = _sources(result.claims, messages, versions)
    traces = _traces(result.claims, sources)
    furniture: tuple[str, ...] = ()
    if package is not None:
        traces, furniture = _in_text(traces, package.text)
    return Explanation(
        package_id=package.package_id if package else None,
        platform=package.platform if package else None,
        topic_id=result.topic_id,
        language=result.language,
        model=result.model,
        prompt_version=result.prompt_version,
        run_id=result.run_id,
        as_of=result.as_of,
        overlap=result.overlap,
        sentences=tuple(traces),
        furniture=furniture,
        stale=any(source.stale for trace in traces for source in trace.sources),
    )


def staleness(claims: Sequence[Claim], messages: pl.DataFrame) -> dict[MessageKey, StaleReason]:
    """The cited texts that no longer stand, and why: edited, deleted, or missing from `messages`."""
    sources = _sources(claims, messages, None)
    return {key: source.stale for key, source in sources.items() if source.stale is not None}


def _stale_reason(version: int, current_version: int | None, deleted: bool) -> StaleReason | None:
    """Why a cited text no longer stands: its post was deleted, edited, or isn't in the lake; None while it stands."""
    if current_version is None:
        return "missing"
    if deleted:
        return "deleted"
    return "edited" if current_version != version else None


def _sources(
    claims: Sequence[Claim], messages: pl.DataFrame, versions: pl.DataFrame | None
) -> dict[MessageKey, SourceTrace]:
    cited = sorted({key for claim in claims for key in claim.messages})
    posts_cited = pl.DataFrame(
        {"channel_id": [key.channel_id for key in cited], "msg_id": [key.msg_id for key in cited]},
        schema={"channel_id": pl.Int64, "msg_id": pl.Int64},
    ).unique()
    posts = {
        (post.channel_id, post.msg_id): post
        for post in map(CitedPost.from_row, _held(messages, posts_cited).iter_rows(named=True))
    }
    texts: dict[MessageKey, PostVersion] = {}
    if versions is not None:
        texts = {
            version.key: version
            for version in map(PostVersion.from_row, _held(versions, posts_cited).iter_rows(named=True))
        }
    return {key: _source(key, posts.get((key.channel_id, key.msg_id)), texts.get(key)) for key in cited}


def _held(frame: pl.DataFrame, posts: pl.DataFrame) -> pl.DataFrame:
    return frame.join(posts, on=["channel_id", "msg_id"], how="semi")


def _source(key: MessageKey, post: CitedPost | None, version: PostVersion | None) -> SourceTrace:
    current = post.text if post is not None and post.version == key.version else None
    return SourceTrace(
        **key._asdict(),
        channel=post.channel if post else None,
        url=post.url if post else None,
        date=post.date if post else None,
        seen_at=version.seen_at if version else None,
        text=version.text if version else current,
        stale=_stale_reason(key.version, post.version if post else None, post is not None and post.deleted),
    )


def _traces(claims: Sequence[Claim], sources: Mapping[MessageKey, SourceTrace]) -> list[SentenceTrace]:
    """One trace per distinct sentence, with the sections that hold it, in order of first use."""
    by_text: dict[str, list[Claim]] = {}
    for claim in claims:
        by_text.setdefault(claim.text, []).append(claim)
    return [
        SentenceTrace(
            text=text,
            sections=tuple(dict.fromkeys(claim.section for claim in same)),
            needs_verification=any(claim.needs_verification for claim in same),
            unsupported=tuple(dict.fromkeys(part for claim in same for part in claim.unsupported)),
            sources=tuple(sources[key] for key in dict.fromkeys(key for claim in same for key in claim.messages)),
        )
        for text, same in by_text.items()
    ]


def _in_text(traces: Sequence[SentenceTrace], text: str) -> tuple[list[SentenceTrace], tuple[str, ...]]:
    """The traces whose sentence stands in the text, in its order; a cut sentence counts; then what claims nothing."""
    placed: list[tuple[int, SentenceTrace]] = []
    for trace in sorted(traces, key=lambda each: -len(each.text)):
        place = text.find(trace.text)
        if place >= 0:
            placed.append((place, trace))
            text = text[:place] + "\x00" * len(trace.text) + text[place + len(trace.text) :]
    rest = []
    for piece in (part for part in re.split(r"\x00+|\n", text) if part.strip()):
        start = re.split(r"…[»”“’\"]*\s*$", piece.strip())[0].rstrip()
        cut = next((t for t in traces if "…" in piece and len(start) > 10 and t.text.startswith(start)), None)
        if cut:
            placed.append((text.find(piece), cut.model_copy(update={"text": piece.strip()})))
        else:
            rest.append(piece.strip())
    return [trace for _, trace in sorted(placed, key=lambda pair: pair[0])], tuple(rest)
