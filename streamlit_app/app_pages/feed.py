"""The feed: posts of the tenant's channels, newest first, filtered; or what fits a search by meaning, best first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial

from streamlit_app.components.address import address_choices, address_days, address_switch, address_text, write
from streamlit_app.components.paging import page_at, pager
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
        words = address_text(
            t("feed.words"), name="q", placeholder=t("feed.words_placeholder"), icon=":material/search:", type="search",
            max_chars=300,
        )  # fmt: skip
        meaning = address_switch(t(f"feed.{by}"), name="meaning", help=t(f"feed.{by}_help"))
        chosen = sum(bool(st.session_state.get(f"at_{name}", st.query_params.get(name))) for name in _FILTERS)
        label = t("feed.filters_on", count=chosen) if chosen else t("feed.filters")
        with st.popover(label, icon=":material/tune:", key="filters"):
            first, last = address_days(t("feed.dates"), name="dates")
            wanted = address_choices(
                t("feed.channels"), list(channels), name="channels", placeholder=t("feed.channels_any"),
                format_func=lambda code: channels.get(code, code),
            )  # fmt: skip
            types = address_choices(
                t("feed.types"), TYPES, name="types", placeholder=t("feed.types_any"), disabled=meaning,
                format_func=lambda code: t(f"common.type.{code}"),
            )  # fmt: skip
            langs = address_choices(
                t("feed.langs"), LANGS, name="langs", placeholder=t("feed.langs_any"),
                format_func=lambda code: t(f"common.lang.{code}"),
            )  # fmt: skip
            st.button(
                t("feed.clear"), key="clear", on_click=_clear, icon=":material/filter_alt_off:", disabled=not chosen
            )
    return Filters(words, meaning, first, last, wanted, types, langs)


def _clear() -> None:
    write(**dict.fromkeys(_FILTERS, ""), at="")


def _page(mine: Studio, asked: Filters) -> None:
    read = partial(
        mine.posts.feed, first=asked.first, last=asked.last, channels=asked.channels, langs=asked.langs,
        types=asked.types, words=tuple(asked.words.split()), limit=PAGE,
    )  # fmt: skip
    at = page_at(mine.tenant.slug, asked)
    page = read(cursor=at.cursor)
    if page.rows.is_empty() and page.cursor is None:
        _nothing()
        return
    posts_list(page.rows.to_dicts(), mine.settings.get().zone)
    pager(at, page.cursor, lambda cursor: read(cursor=cursor).cursor)


def _found(mine: Studio, asked: Filters) -> None:
    read = partial(
        mine.posts.search, asked.words, by="meaning", first=asked.first, last=asked.last, channels=asked.channels,
        langs=asked.langs, deleted=True, limit=PAGE,
    )  # fmt: skip
    at = page_at(mine.tenant.slug, asked)
    page = read(cursor=at.cursor)
    if not page.hits:
        _nothing()
        return
    told = [t("feed.found", count=page.total, number=number(page.total))] if page.total is not None else []
    if page.related:
        told.append(t("feed.related", words=", ".join(page.related)))
    st.caption(" · ".join(told))
    zone = mine.settings.get().zone
    st.html(f'<div class="ts-posts">{"".join(hit_html(hit, zone) for hit in page.hits)}</div>')
    pager(at, page.cursor, lambda cursor: read(cursor=cursor).cursor)


def _nothing() -> None:
    empty_state("search_off", t("feed.nothing_title"), t("feed.nothing_text"))


show()
