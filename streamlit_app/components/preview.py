"""A package as its platform would show it: the frame, the picture, what stands before "more", what would be cut.

Sentences carry their sources as a hint, for the mouse and for the keyboard. What people wrote is escaped here.
"""

from __future__ import annotations

from collections.abc import Sequence

from streamlit_app.i18n import t
from tgstudio_dagster.core.text import escape
from tgstudio_dagster.core.vocabulary import PlatformName
from tgstudio_dagster.services.packages import Preview, SentenceTrace

_IMAGE_FIRST = frozenset({"ig", "tg"})
_LETTERS = {"tg": "T", "vk": "VK", "x": "X", "ig": "IG", "threads": "@", "fb": "f", "li": "in"}


def preview_html(
    platform: PlatformName, look: Preview, *, account: str, image: str | None, sentences: Sequence[SentenceTrace] = ()
) -> str:
    """The card; `image` is the address of its picture, `account` who would publish it."""
    picture = "" if image is None else f'<img src="{escape(image)}" alt="{escape(t("packages.image"))}">'
    more = (
        f'<details class="ts-fold"><summary>{escape(t("post.more"))}</summary>{_body(look.folded, sentences)}</details>'
        if look.folded.strip()
        else ""
    )
    over = f'<span class="ts-over" title="{escape(t("packages.over"))}">{_lines(look.over)}</span>' if look.over else ""
    text = f'<div class="ts-shown">{_body(look.shown, sentences)}{more}{over}</div>'
    content = picture + text if platform in _IMAGE_FIRST else text + picture
    head = (
        f'<header><span class="ts-logo" aria-hidden="true">{_LETTERS[platform]}</span>'
        f"<b>{escape(account)}</b><small>{escape(look.title)}</small></header>"
    )
    return f'<div class="ts-preview ts-on-{platform}">{head}{content}</div>'


def count_html(look: Preview) -> str:
    """How long the text is, as the platform counts, against its limit."""
    share = min(look.count / look.limit, 1.0) if look.limit else 1.0
    told = t("packages.count", count=look.count, limit=look.limit)
    return (
        f'<div class="ts-count{"" if look.fits else " ts-too-long"}"><span>{escape(told)}</span>'
        f'<span class="ts-bar" aria-hidden="true"><i style="width:{share:.0%}"></i></span></div>'
    )


def _body(text: str, sentences: Sequence[SentenceTrace]) -> str:
    """The text with each sentence that rests on something marked where it stands."""
    html, at = [], 0
    for start, end, sentence in _places(text, sentences):
        html.append(_lines(text[at:start]))
        kind = "ts-doubt" if sentence.needs_verification else "ts-sourced"
        hint = escape(_hint(sentence))
        html.append(
            f'<span class="{kind}" tabindex="0" title="{hint}" aria-description="{hint}">{_lines(text[start:end])}</span>'
        )
        at = end
    return "".join([*html, _lines(text[at:])])


def _places(text: str, sentences: Sequence[SentenceTrace]) -> list[tuple[int, int, SentenceTrace]]:
    """Where the sentences stand in the text, in order; one that was cut or rewritten stands nowhere."""
    found, free = [], 0
    for start, sentence in sorted((text.find(one.text), n) for n, one in enumerate(sentences)):
        if start >= free:
            end = start + len(sentences[sentence].text)
            found.append((start, end, sentences[sentence]))
            free = end
    return found


def _hint(sentence: SentenceTrace) -> str:
    sources = ", ".join(f"{one.channel or one.channel_id}: {one.url or one.msg_id}" for one in sentence.sources)
    if sentence.needs_verification:
        why = "; ".join(sentence.unsupported) or t("packages.no_source")
        return t("packages.doubt", why=why, sources=sources or "—")
    return t("packages.sources_of", sources=sources)


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")
