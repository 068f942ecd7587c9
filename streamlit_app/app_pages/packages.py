"""Packages: what is ready to publish, as each platform would show it; to edit, to copy, to take away."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote
from zoneinfo import ZoneInfo

import polars as pl
import streamlit as st

from streamlit_app.components.post import open_link
from streamlit_app.components.preview import count_html, preview_html
from streamlit_app.components.states import empty_state, guarded, page_head
from streamlit_app.components.topic import plain
from streamlit_app.formats import moment, number, percent
from streamlit_app.i18n import t
from streamlit_app.navigation import path
from streamlit_app.principal import studio
from tgstudio_dagster.core.text import escape
from tgstudio_dagster.core.vocabulary import EXPORT_FORMATS, ExportFormat
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.packages import Package

ORDERS = 20
ORIGINAL = "made"


def show() -> None:
    """The page: the packages of one order, or the orders that have some."""
    mine = studio()
    page_head("packages")
    with guarded():
        order = st.query_params.get("order")
        found = mine.packages.all(order, limit=None if order else ORDERS)
        if found.is_empty():
            empty_state(
                "inventory_2", t("packages.empty_title"), t("packages.empty_text"), ("exclusive", t("exclusive.title"))
            )
        elif order:
            _order(mine, order, found)
        else:
            _orders(mine, found)


def _orders(mine: Studio, found: pl.DataFrame) -> None:
    every = found["order_id"].unique(maintain_order=True).to_list()
    with st.container(horizontal=True, horizontal_alignment="right", key="take_all"):
        _downloads(mine, every, "all")
    for order in every:
        own = found.filter(pl.col("order_id") == order)
        row = own.row(0, named=True)
        with st.container(border=True, key=f"order_{order}"):
            st.page_link(path("packages"), label=f"**{plain(row['headline'])}**", query_params={"order": order})
            names = "".join(f"<span>{escape(t(f'packages.names.{one}'))}</span>" for one in own["platform"])
            edited = own["edit"].drop_nulls().len()
            told = t("packages.edited", count=edited) if edited else ""
            pictures = own["image_uri"].drop_nulls()
            picture = "" if pictures.is_empty() else f'<img src="/files/{quote(pictures[0])}" alt="" loading="lazy">'
            facts = f"<span>{escape(moment(min(own['post_time']), mine.settings.get().zone))}</span><span>{escape(told)}</span>"
            st.html(
                f'<div class="ts-made"><div class="ts-topic"><div class="ts-line">{escape(row["dek"])}</div>'
                f'<div class="ts-words">{names}</div><div class="ts-facts">{facts}</div></div>{picture}</div>'
            )


def _order(mine: Studio, order: str, found: pl.DataFrame) -> None:
    row = found.row(0, named=True)
    st.page_link(path("packages"), label=t("packages.all"), icon=":material/arrow_back:", query_params={})
    st.html(f'<h2 class="ts-title">{escape(row["headline"])}</h2><p class="ts-lead">{escape(row["dek"])}</p>')
    names = found["platform"].to_list()
    with st.container(horizontal=True, vertical_alignment="bottom", key="package_choice"):
        wanted = st.segmented_control(
            t("exclusive.platforms"), names, default=names[0], required=True, key=f"platform_{order}",
            format_func=lambda one: t(f"packages.names.{one}"),
        )  # fmt: skip
        _downloads(mine, [order], order)
    package = mine.packages.get(found.filter(pl.col("platform") == wanted)["package_id"][0])
    if package.stale:
        st.warning(t("packages.stale", count=len(package.stale)), icon=":material/history:")
        for source in package.stale:
            reason = t(f"packages.stale_{source.stale}")
            st.html(
                f'<p class="ts-detail">{escape(f"{source.channel or source.channel_id}: {reason}")} {open_link(source.url)}</p>'
            )
    left, right = st.columns([1.1, 1], gap="large")
    with left:
        _look(mine, package)
    with right:
        _edit(mine, package)
    _sources(package)


def _look(mine: Studio, package: Package) -> None:
    zone = mine.settings.get().zone
    image = f"/files/{quote(package.image.uri)}" if package.image else None
    look = package.preview
    st.html(
        preview_html(
            package.platform, look, account=mine.tenant.name, image=image, sentences=package.explanation.sentences
        )
        + count_html(look)
    )
    st.caption(t("packages.post_time", moment=moment(package.post_time, zone)))
    for check in package.checks:
        if not check.passed:
            st.warning(f"{check.name}: {check.detail}", icon=":material/rule:")
    with st.expander(t("packages.copy"), icon=":material/content_copy:"):
        st.code(package.text, language=None, wrap_lines=True)


def _edit(mine: Studio, package: Package) -> None:
    may = mine.may("packages.edit")
    state = f"text_{package.package_id}_{len(package.edits)}"
    text = st.text_area(
        t("packages.text"), value=package.text, height=280, key=state, disabled=not may,
        help=None if may else t("common.viewer_note"),
    )  # fmt: skip
    choice = _image(package, may=may)
    if text != package.text:
        look = mine.packages.preview(package.package_id, text, image=choice)
        st.html(count_html(look))
    changed = text != package.text or (choice is not None and (package.image is None or choice != package.image.n))
    if st.button(
        t("packages.save"), type="primary", icon=":material/save:", disabled=not (may and changed), key=f"save_{state}"
    ):
        with guarded():
            mine.packages.edit(package.package_id, text, image=choice)
            st.toast(t("packages.saved"), icon=":material/check:")
            st.rerun()
    _history(mine, package, may=may)


def _image(package: Package, *, may: bool) -> int | None:
    if not package.images:
        return None
    names = {
        one.n: t("packages.image_n", n=one.n + 1, width=one.width, height=one.height)
        for one in package.images
        if not one.refused
    }
    if not names:
        return None
    own = package.image.n if package.image and package.image.n in names else next(iter(names))
    cells = "".join(
        f'<figure><img src="/files/{quote(one.uri)}" alt="{escape(names.get(one.n, one.refused or ""))}" loading="lazy">'
        f"<figcaption>{one.n + 1}{'' if one.refused is None else ' · ' + escape(t('packages.refused'))}</figcaption></figure>"
        for one in package.images
    )
    chosen = st.radio(
        t("packages.choose_image"), list(names), index=list(names).index(own), format_func=names.__getitem__,
        key=f"image_{package.package_id}_{len(package.edits)}", disabled=not may, horizontal=True,
    )  # fmt: skip
    st.html(f'<div class="ts-strip">{cells}</div>')
    return chosen if package.image is None or chosen != package.image.n else None


def _history(mine: Studio, package: Package, *, may: bool) -> None:
    if not package.edits:
        st.caption(t("packages.as_made"))
        return
    zone: ZoneInfo = mine.settings.get().zone
    with st.expander(t("packages.history", count=len(package.edits)), icon=":material/history:"):
        for edit in package.edits:
            st.markdown(t("packages.version", n=edit.n, moment=moment(edit.created_at, zone)))
            st.code(edit.text, language=None, wrap_lines=True, height=140)
            if edit is not package.edits[0]:
                _restore(package, edit.text, edit.image, f"{edit.n}", may=may)
        st.markdown(t("packages.original"))
        st.code(package.made_text, language=None, wrap_lines=True, height=140)
        _restore(package, package.made_text, None, ORIGINAL, may=may)


def _restore(package: Package, text: str, image: int | None, name: str, *, may: bool) -> None:
    if st.button(
        t("packages.restore"), key=f"restore_{package.package_id}_{name}", disabled=not may, icon=":material/undo:"
    ):
        with guarded():
            studio().packages.edit(package.package_id, text, image=image)
            st.rerun()


def _sources(package: Package) -> None:
    doubtful = sum(one.needs_verification for one in package.explanation.sentences)
    with st.expander(t("packages.sources", count=len(package.explanation.sentences)), icon=":material/fact_check:"):
        told = t("packages.overlap", share=percent(package.explanation.overlap))
        st.caption(
            told if not doubtful else f"{told} · {t('packages.doubtful', count=doubtful, number=number(doubtful))}"
        )
        items = "".join(
            f'<li class="{"ts-doubt" if one.needs_verification else ""}">{escape(one.text)}<br><small>'
            + " · ".join(
                f"{escape(str(source.channel or source.channel_id))} {open_link(source.url)}" for source in one.sources
            )
            + (f" {escape(t('packages.check', why='; '.join(one.unsupported)))}" if one.needs_verification else "")
            + "</small></li>"
            for one in package.explanation.sentences
        )
        st.html(f'<ol class="ts-claims">{items}</ol>')


def _downloads(mine: Studio, orders: list[str], key: str) -> None:
    name = orders[0] if len(orders) == 1 else "packages"
    with st.popover(t("packages.export"), icon=":material/download:"):
        for format in EXPORT_FORMATS:
            st.download_button(
                format.upper(), partial(_content, mine, orders, format), f"{name}.{format}", on_click="ignore",
                key=f"take_{key}_{format}", icon=":material/download:", width="stretch",
            )  # fmt: skip


def _content(mine: Studio, orders: list[str], format: ExportFormat) -> bytes:
    return mine.packages.export(orders, format).content


show()
