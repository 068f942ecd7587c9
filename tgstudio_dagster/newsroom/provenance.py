"""What a text rests on: staleness, and the explanation of a package, sentence by sentence, with versions and links.

Built from tables only, so that it can be made again at any time; how it is printed is the front end's affair.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict

from tgstudio_dagster.ai.protocols import MessageKey

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
    editor_result: Mapping[str, Any],
    messages: pl.DataFrame,
    versions: pl.DataFrame,
    package: Mapping[str, Any] | None = None,
) -> Explanation:
    """Trace a package's text (or, without one, the whole editor result) back to the versions of posts.

    editor_result, package: rows of EDITOR_RESULTS and CONTENT_PACKAGES; messages, versions: MESSAGES and
    MESSAGE_VERSIONS frames that hold the cited posts as they are now. Sentences come in the order of the text.
    """
    sources = _sources(editor_result["claims"], messages, versions)
    traces = _traces(editor_result["claims"], sources)
    furniture: tuple[str, ...] = ()
    if package is not None:
        traces, furniture = _in_text(traces, str(package["text"]))
    return Explanation(
        package_id=package["package_id"] if package else None,
        platform=package["platform"] if package else None,
        topic_id=editor_result["topic_id"],
        language=editor_result["language"],
        model=editor_result["model"],
        prompt_version=editor_result["prompt_version"],
        run_id=editor_result["run_id"],
        as_of=editor_result["as_of"],
        overlap=editor_result["overlap"],
        sentences=tuple(traces),
        furniture=furniture,
        stale=any(source.stale for trace in traces for source in trace.sources),
    )


def _stale_reason(version: int, current_version: int | None, deleted: bool) -> StaleReason | None:
    """Why a cited text no longer stands: its post was deleted, edited, or isn't in the lake; None while it stands."""
    if current_version is None:
        return "missing"
    if deleted:
        return "deleted"
    return "edited" if current_version != version else None


def _sources(
    claims: Sequence[Mapping[str, Any]], messages: pl.DataFrame, versions: pl.DataFrame | None
) -> dict[MessageKey, SourceTrace]:
    cited = sorted({_key(message) for claim in claims for message in claim["messages"]})
    wanted = pl.DataFrame(
        {"channel_id": [key.channel_id for key in cited], "msg_id": [key.msg_id for key in cited]},
        schema={"channel_id": pl.Int64, "msg_id": pl.Int64},
    ).unique()
    current = {
        (row["channel_id"], row["msg_id"]): row
        for row in messages.join(wanted, on=["channel_id", "msg_id"], how="semi").iter_rows(named=True)
    }
    texts: dict[MessageKey, Mapping[str, Any]] = {}
    if versions is not None:
        held = versions.join(wanted, on=["channel_id", "msg_id"], how="semi")
        texts = {MessageKey(r["channel_id"], r["msg_id"], r["version"]): r for r in held.iter_rows(named=True)}
    return {key: _source(key, current.get((key.channel_id, key.msg_id)), texts.get(key)) for key in cited}


def _source(key: MessageKey, now: Mapping[str, Any] | None, then: Mapping[str, Any] | None) -> SourceTrace:
    text = then["text"] if then else now["text"] if now and now["version"] == key.version else None
    return SourceTrace(
        **key._asdict(),
        channel=(now["channel"] or now["channel_title"]) if now else None,
        url=now["url"] if now else None,
        date=now["date"] if now else None,
        seen_at=then["seen_at"] if then else None,
        text=text,
        stale=_stale_reason(key.version, now["version"] if now else None, bool(now and now["deleted_at"])),
    )


def _key(message: Mapping[str, Any]) -> MessageKey:
    return MessageKey(message["channel_id"], message["msg_id"], message["version"])


def _traces(claims: Sequence[Mapping[str, Any]], sources: Mapping[MessageKey, SourceTrace]) -> list[SentenceTrace]:
    """One trace per distinct sentence, with the sections that hold it, in order of first use."""
    by_text: dict[str, list[Mapping[str, Any]]] = {}
    for claim in claims:
        by_text.setdefault(claim["text"], []).append(claim)
    return [
        SentenceTrace(
            text=text,
            sections=tuple(dict.fromkeys(claim["section"] for claim in same)),
            needs_verification=any(claim["needs_verification"] for claim in same),
            unsupported=tuple(dict.fromkeys(part for claim in same for part in claim["unsupported"])),
            sources=tuple(sources[key] for key in dict.fromkeys(_key(m) for c in same for m in c["messages"])),
        )
        for text, same in by_text.items()
    ]


def _in_text(traces: Sequence[SentenceTrace], text: str) -> tuple[list[SentenceTrace], tuple[str, ...]]:
    """The traces whose sentence stands in the text, in its order; a cut sentence counts; then what claims nothing."""
    found: list[tuple[int, SentenceTrace]] = []
    for trace in sorted(traces, key=lambda each: -len(each.text)):
        place = text.find(trace.text)
        if place >= 0:
            found.append((place, trace))
            text = text[:place] + "\x00" * len(trace.text) + text[place + len(trace.text) :]
    rest = []
    for piece in (part for part in re.split(r"\x00+|\n", text) if part.strip()):
        start = re.split(r"…[»”“’\"]*\s*$", piece.strip())[0].rstrip()
        cut = next((t for t in traces if "…" in piece and len(start) > 10 and t.text.startswith(start)), None)
        if cut:
            found.append((text.find(piece), cut.model_copy(update={"text": piece.strip()})))
        else:
            rest.append(piece.strip())
    return [trace for _, trace in sorted(found, key=lambda pair: pair[0])], tuple(rest)
