"""What is talked about: the topics of the window, to look through, and which of them split or merged."""

from __future__ import annotations

import polars as pl

from streamlit_app.components.address import address_choice, address_choices, address_day, address_text
from streamlit_app.components.paging import page_at, pager
from streamlit_app.components.states import empty_state, guarded, page_head
from streamlit_app.components.topic import topic_row
from streamlit_app.door import st
from streamlit_app.formats import number
from streamlit_app.i18n import has, t
from streamlit_app.principal import studio
from tgstudio_dagster.core.errors import NotFoundError

PAGE = 20
MOST = 1000
SORTS = {
    "size": ("messages", "channels"),
    "spread": ("channels", "messages"),
    "new": ("first_seen", "messages"),
    "last": ("last_seen", "messages"),
}


def show() -> None:
    """The page."""
    mine = studio()
    page_head("topics")
    try:
        newest = mine.topics.newest_day()
    except NotFoundError:
        empty_state(
            "forum", t("topics.empty_title"), t("topics.empty_text"),
            ("onboarding", t("feed.empty_connect")), ("subscriptions", t("feed.empty_subscribe")),
        )  # fmt: skip
        return
    with guarded():
        with st.container(horizontal=True, key="topics_choice", vertical_alignment="bottom"):
            words = address_text(
                t("topics.words"), name="q", placeholder=t("topics.words_placeholder"), icon=":material/search:",
                type="search", max_chars=200,
            )  # fmt: skip
            sort = address_choice(
                t("topics.sort"), tuple(SORTS), name="sort", default="size", look="list", width=220,
                format_func=lambda code: t(f"topics.sort_{code}"),
            )  # fmt: skip
            day = address_day(t("top.day"), name="day", default=newest, width=170)
        every = mine.topics.all(day=day, limit=MOST)
        spoken = sorted(set(every["lang"]))
        langs = address_choices(
            t("feed.langs"), spoken, name="langs", look="pills", label_visibility="collapsed",
            format_func=lambda code: t(f"common.lang.{code}") if has(f"common.lang.{code}") else code,
        )  # fmt: skip
        found = _chosen(every, words, langs, sort)
        if found.is_empty():
            empty_state("search_off", t("topics.nothing_title"), t("topics.nothing_text"))
            return
        at = page_at(mine.tenant.slug, words, langs, sort, day)
        first = (at.number - 1) * PAGE
        st.caption(t("topics.found", count=found.height, number=number(found.height)))
        for row in found.slice(first, PAGE).iter_rows(named=True):
            topic_row(row, topic_id=row["topic_id"], day=day, zone=mine.settings.get().zone)
        pager(at, str(at.number + 1) if first + PAGE < found.height else None, lambda cursor: str(int(cursor or 1) + 1))
        changes = mine.topics.changes(day=day)
        if changes.height:
            with st.expander(t("topics.changes", count=changes.height), icon=":material/call_split:"):
                for row in changes.head(50).iter_rows(named=True):
                    st.text(
                        t(
                            f"topics.{row['kind']}",
                            title=row["title"] or row["topic_id"],
                            other=row["other_title"] or row["other_id"],
                            shared=number(row["shared"]),
                        )
                    )


def _chosen(topics: pl.DataFrame, words: str, langs: tuple[str, ...], sort: str) -> pl.DataFrame:
    """The topics that hold every word in their title or keywords, in one of the languages, sorted."""
    said = pl.concat_str("title", pl.col("keywords").list.join(" "), separator=" ").str.to_lowercase()
    found = topics.filter(
        *(said.str.contains(word.lower(), literal=True) for word in words.split()),
        pl.col("lang").is_in(langs) if langs else pl.lit(value=True),
    )
    return found.sort(*SORTS[sort], "topic_id", descending=[True, True, False])


show()
