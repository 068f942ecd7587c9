"""Packages: what is ready to publish, as each platform would show it; to edit, to copy, to take away."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote
from zoneinfo import ZoneInfo

import polars as pl

from streamlit_app.components.address import address_choice
from streamlit_app.components.drafts import Draft, draft_of, drop, note, unsaved_badge
from streamlit_app.components.origin import origin_text
from streamlit_app.components.post import open_link
from streamlit_app.components.preview import count_html, preview_html
from streamlit_app.components.states import empty_state, guarded, page_head
from streamlit_app.door import st
from streamlit_app.formats import moment, number, percent
from streamlit_app.i18n import t
from streamlit_app.navigation import path
from streamlit_app.plain import bold
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
            st.page_link(path("packages"), label=bold(row["headline"]), query_params={"order": order})
            names = "".join(f"<span>{escape(t(f'packages.names.{one}'))}</span>" for one in own["platform"])
            edited = own["edit"].drop_nulls().len()
            told = t("packages.edited", count=edited) if edited else ""
            pictures = own["image_uri"].drop_nulls()
            picture = "" if pictures.is_empty() else f'<img src="/files/{quote(pictures[0])}" alt="" loading="lazy">'
            origin = escape(origin_text(mine, order))
            when = escape(moment(min(own["post_time"]), mine.settings.get().zone))
            facts = f"<span>{when}</span><span>{origin}</span><span>{escape(told)}</span>"
            unsaved_badge(
                [
                    t(f"packages.names.{row['platform']}")
                    for row in own.iter_rows(named=True)
                    if draft_of(row["package_id"])
                ]
            )
            st.html(
                f'<div class="ts-made"><div class="ts-topic"><div class="ts-line">{escape(row["dek"])}</div>'
                f'<div class="ts-words">{names}</div><div class="ts-facts">{facts}</div></div>{picture}</div>'
            )


def _order(mine: Studio, order: str, found: pl.DataFrame) -> None:
    row = found.row(0, named=True)
    st.page_link(path("packages"), label=t("packages.all"), icon=":material/arrow_back:", query_params={})
    st.html(f'<h2 class="ts-title">{escape(row["headline"])}</h2><p class="ts-lead">{escape(row["dek"])}</p>')
    st.html(f'<p class="ts-detail">{escape(origin_text(mine, order))}</p>')
    names = found["platform"].to_list()
    with st.container(horizontal=True, vertical_alignment="bottom", key="package_choice"):
        platform = address_choice(
            t("exclusive.platforms"), names, name="platform", default=names[0],
            format_func=lambda code: t(f"packages.names.{code}"),
        )  # fmt: skip
        _downloads(mine, [order], order)
    ids = dict(found.select("platform", "package_id").iter_rows())
    unsaved_badge([t(f"packages.names.{name}") for name, package_id in ids.items() if draft_of(package_id)])
    package = mine.packages.get(ids[platform])
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
    zone, draft = mine.settings.get().zone, draft_of(package.package_id) or Draft()
    text = package.text if draft.text is None else draft.text
    images = {image.n: image for image in package.images}
    image = package.image if draft.image is None else images.get(draft.image, package.image)
    look = package.preview
    if draft != Draft():
        look = mine.packages.preview(package.package_id, text, image=image.n if image else None)
    st.html(
        preview_html(
            package.platform, look, account=mine.tenant.name, image=f"/files/{quote(image.uri)}" if image else None,
            sentences=package.explanation.sentences,
        )
        + count_html(look)
    )  # fmt: skip
    st.caption(t("packages.post_time", moment=moment(package.post_time, zone)))
    for check in package.checks if draft == Draft() else ():
        if not check.passed:
            st.warning(f"{check.name}: {check.detail}", icon=":material/rule:")
    with st.expander(t("packages.copy"), icon=":material/content_copy:"):
        st.code(text, language=None, wrap_lines=True)


def _edit(mine: Studio, package: Package) -> None:
    may = mine.may("packages.edit")
    draft, state = draft_of(package.package_id), _key("text", package)
    if state not in st.session_state:
        st.session_state[state] = package.text if draft is None or draft.text is None else draft.text
    # The page hands the field in while it is typed in (static/frame.js), by this container's key.
    with st.container(key=f"draft_{package.package_id}"):
        text = st.text_area(
            t("packages.text"), height=280, key=state, disabled=not may, on_change=_note_text, args=(package,),
            help=None if may else t("common.viewer_note"),
        )  # fmt: skip
    _image(package, may=may)
    draft = draft_of(package.package_id)
    if draft is not None:
        st.html(count_html(mine.packages.preview(package.package_id, text, image=draft.image)))
        if draft.edits != len(package.edits):
            st.info(t("packages.changed_meanwhile"), icon=":material/group:")
    with st.container(horizontal=True):
        if st.button(
            t("packages.save"), type="primary", icon=":material/save:", disabled=not may or draft is None,
            key=_key("save", package),
        ):  # fmt: skip
            with guarded():
                mine.packages.edit(package.package_id, text, image=draft.image if draft else None)
                drop(package.package_id)
                st.toast(t("packages.saved"), icon=":material/check:")
                st.rerun()
        if draft is not None:
            st.button(
                t("packages.discard"), icon=":material/undo:", key=_key("discard", package), on_click=_discard,
                args=(package,),
            )  # fmt: skip
    _history(mine, package, may=may)


def _key(what: str, package: Package) -> str:
    """A widget's key, another one for each saved version: then it shows what that one holds."""
    return f"{what}_{package.package_id}_{len(package.edits)}"


def _note_text(package: Package) -> None:
    note(package, text=st.session_state[_key("text", package)])


def _note_image(package: Package) -> None:
    note(package, image=st.session_state[_key("image", package)])


def _discard(package: Package) -> None:
    drop(package.package_id)
    for what in ("text", "image"):
        st.session_state.pop(_key(what, package), None)


def _image(package: Package, *, may: bool) -> None:
    names = {
        one.n: t("packages.image_n", n=one.n + 1, width=one.width, height=one.height)
        for one in package.images
        if not one.refused
    }
    if not names:
        return
    own = package.image.n if package.image and package.image.n in names else next(iter(names))
    cells = "".join(
        f'<figure><img src="/files/{quote(one.uri)}" alt="{escape(names.get(one.n, one.refused or ""))}" loading="lazy">'
        f"<figcaption>{one.n + 1}{'' if one.refused is None else ' · ' + escape(t('packages.refused'))}</figcaption></figure>"
        for one in package.images
    )
    draft, state = draft_of(package.package_id), _key("image", package)
    if state not in st.session_state:
        st.session_state[state] = own if draft is None or draft.image not in names else draft.image
    st.radio(
        t("packages.choose_image"), list(names), format_func=names.__getitem__, key=state, disabled=not may, horizontal=True,
        on_change=_note_image, args=(package,),
    )  # fmt: skip
    st.html(f'<div class="ts-strip">{cells}</div>')


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
            drop(package.package_id)
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
        st.caption(t("packages.export_saved"))
        for format in EXPORT_FORMATS:
            st.download_button(
                format.upper(), partial(_content, mine, orders, format), f"{name}.{format}", on_click="ignore",
                key=f"take_{key}_{format}", icon=":material/download:", width="stretch",
            )  # fmt: skip


def _content(mine: Studio, orders: list[str], format: ExportFormat) -> bytes:
    return mine.packages.export(orders, format).content


show()
