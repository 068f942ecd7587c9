"""The feed: posts of the tenant's channels, newest first, filtered; or what fits a search by meaning, best first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from streamlit_app.components.paging import page_cursor, pager
from streamlit_app.components.post import hit_html, posts_list
from streamlit_app.components.states import empty_state, guarded, page_head
from streamlit_app.door import st
from streamlit_app.formats import number
from streamlit_app.i18n import t, words
from streamlit_app.principal import studio
from tgstudio_dagster.services import Studio

PAGE = 30
TYPES = ("text", "photo", "video", "album", "document", "audio", "voice", "poll", "animation", "video_note")
LANGS = tuple(key.rpartition(".")[2] for key in words("en") if key.startswith("common.lang."))
_FILTERS = ("dates", "channels", "types", "langs")


@dataclass(frozen=True)
class Filters:
    """What the reader asks the feed for."""

    words: str
    meaning: bool
    first: date | None
    last: date | None
    channels: tuple[str, ...]
    types: tuple[str, ...]
    langs: tuple[str, ...]


def show() -> None:
    """The page."""
    mine = studio()
    page_head("feed")
    if not mine.posts.days():
        _empty(mine)
        return
    channels = {
        str(one.channel_id): f"{one.title} @{one.username}" if one.username else one.title
        for one in sorted(mine.chats.all(), key=lambda one: one.followed is None)
    }
    asked = _ask(channels, by_meaning=mine.posts.by_meaning)
    with guarded():
        if asked.meaning and asked.words:
            _found(mine, asked)
        else:
            _page(mine, asked)


def _empty(mine: Studio) -> None:
    """No post is here yet: what is under way, or where to begin."""
    if mine.follows.all() or mine.follows.requests():
        empty_state(
            "hourglass_top", t("feed.reading_title"), t("feed.reading_text"), ("subscriptions", t("feed.reading_look"))
        )
    elif mine.posts.landing_days():
        empty_state(
            "hourglass_top", t("feed.landed_title"), t("feed.landed_text"), ("onboarding", t("feed.landed_look"))
        )
    else:
        empty_state(
            "dynamic_feed", t("feed.empty_title"), t("feed.empty_text"),
            ("onboarding", t("feed.empty_connect")), ("subscriptions", t("feed.empty_subscribe")),
        )  # fmt: skip


def _ask(channels: dict[str, str], *, by_meaning: bool) -> Filters:
    """The filters, kept in the page's address: it can be reloaded and sent to a colleague."""
    by = "meaning" if by_meaning else "related_words"
    with st.container(key="feed_filters", horizontal=True, vertical_alignment="bottom"):
        typed = st.text_input(
            t("feed.words"), key="q", placeholder=t("feed.words_placeholder"), icon=":material/search:",
            type="search", max_chars=300, bind="query-params",
        )  # fmt: skip
        meaning = st.toggle(t(f"feed.{by}"), key="meaning", help=t(f"feed.{by}_help"), bind="query-params")
        # In the first run of a page whose address has filters, its widgets have not taken them up yet.
        chosen = sum(bool(st.session_state.get(name)) or name in st.query_params for name in _FILTERS)
        label = t("feed.filters_on", count=chosen) if chosen else t("feed.filters")
        with st.popover(label, icon=":material/tune:"):
            # No day at all is a range, too; only Streamlit's types don't know it.
            none: Any = ()
            days: Any = st.date_input(
                t("feed.dates"), value=none, key="dates", format="DD.MM.YYYY", bind="query-params"
            )
            wanted = st.multiselect(
                t("feed.channels"), list(channels), format_func=lambda one: channels.get(one, one), key="channels",
                placeholder=t("feed.channels_any"), bind="query-params",
            )  # fmt: skip
            types = st.multiselect(
                t("feed.types"), TYPES, format_func=lambda one: t(f"common.type.{one}"), key="types",
                placeholder=t("feed.types_any"), bind="query-params", disabled=meaning,
            )  # fmt: skip
            langs = st.multiselect(
                t("feed.langs"), LANGS, format_func=lambda one: t(f"common.lang.{one}"), key="langs",
                placeholder=t("feed.langs_any"), bind="query-params",
            )  # fmt: skip
            st.button(
                t("feed.clear"), key="clear", on_click=_clear, icon=":material/filter_alt_off:", disabled=not chosen
            )
    first, last = (*days, None, None)[:2] if isinstance(days, tuple | list) else (days, days)
    return Filters((typed or "").strip(), meaning, first, last, tuple(wanted), tuple(types), tuple(langs))


def _clear() -> None:
    st.session_state.update(dates=(), channels=[], types=[], langs=[])


def _page(mine: Studio, asked: Filters) -> None:
    page = mine.posts.feed(
        first=asked.first,
        last=asked.last,
        channels=asked.channels,
        langs=asked.langs,
        types=asked.types,
        words=tuple(asked.words.split()),
        cursor=page_cursor("feed", (mine.tenant.slug, asked)),
        limit=PAGE,
    )
    if page.rows.is_empty() and page.cursor is None:
        _nothing()
        return
    posts_list(page.rows.to_dicts(), mine.settings.get().zone)
    pager("feed", page.cursor)


def _found(mine: Studio, asked: Filters) -> None:
    page = mine.posts.search(
        asked.words,
        by="meaning",
        first=asked.first,
        last=asked.last,
        channels=asked.channels,
        langs=asked.langs,
        deleted=True,
        limit=PAGE,
        cursor=page_cursor("feed", (mine.tenant.slug, asked)),
    )
    if not page.hits:
        _nothing()
        return
    told = [t("feed.found", count=page.total, number=number(page.total))] if page.total is not None else []
    if page.related:
        told.append(t("feed.related", words=", ".join(page.related)))
    st.caption(" · ".join(told))
    zone = mine.settings.get().zone
    st.html(f'<div class="ts-posts">{"".join(hit_html(hit, zone) for hit in page.hits)}</div>')
    pager("feed", page.cursor)


def _nothing() -> None:
    empty_state("search_off", t("feed.nothing_title"), t("feed.nothing_text"))


show()
