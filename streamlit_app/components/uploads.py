"""Importing an export or a dump: handing it in, and how far each import is; what is under way survives a reload."""

from __future__ import annotations

from io import SEEK_END

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from streamlit_app.components.marks import status_badge
from streamlit_app.components.states import go_on, guarded
from streamlit_app.formats import day, moment, number
from streamlit_app.i18n import t
from streamlit_app.principal import current_identity, platform, studio
from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.core.text import escape
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.uploads import EXTENSIONS, Upload


def uploads_under_way(mine: Studio) -> bool:
    """Whether an upload waits or is being imported."""
    return any(not upload.ended for upload in mine.uploads.all())


def take_upload(mine: Studio) -> None:
    """What a file is chosen with, and the operator's path."""
    with guarded():
        turn = st.session_state.setdefault("upload_turn", 0)
        file = st.file_uploader(
            t("onboarding.import.file"), type=list(EXTENSIONS), key=f"upload_{turn}",
            help=t("onboarding.import.file_help"), max_upload_size=platform().web_settings.upload_megabytes,
        )  # fmt: skip
        title = st.text_input(
            t("onboarding.import.title"), help=t("onboarding.import.title_help"), key=f"upload_title_{turn}", max_chars=128,
        )  # fmt: skip
        begin = st.button(
            t("onboarding.import.begin"), type="primary", icon=":material/upload_file:", disabled=file is None,
            key="begin_import",
        )  # fmt: skip
        if begin and file is not None:
            _hand_in(mine, file, title or "")
            # A new key empties the widget.
            st.session_state["upload_turn"] = turn + 1
            st.rerun()
        if mine.may("uploads.from_path"):
            _from_path(mine, title or "")


def _hand_in(mine: Studio, file: UploadedFile, title: str) -> None:
    """The bytes lie on the disk, where the gate has put them; Streamlit knows the name only."""
    staged, sid = platform().staged, current_identity().sid
    stored = staged.open(sid, file.file_id)
    if stored is None:
        if not file.size:
            raise SourceError(f"{file.name}: the file is not here any more, or is empty; choose it again.")
        mine.uploads.upload(file.name, file, size=file.size, title=title)
        return
    try:
        with stored:
            size = stored.seek(0, SEEK_END)
            stored.seek(0)
            mine.uploads.upload(file.name, stored, size=size, title=title)
    finally:
        staged.drop(sid, file.file_id)


def list_of_uploads(mine: Studio) -> None:
    """The uploads, looked at each second while one is unfinished."""
    under_way = uploads_under_way(mine)
    st.fragment(_uploads, run_every=1.0 if under_way else None)(under_way)


def _from_path(mine: Studio, title: str) -> None:
    with st.expander(t("onboarding.import.path_head"), icon=":material/folder_open:"):
        typed = st.text_input(t("onboarding.import.path"), placeholder="/data/exports", key="import_path")
        if st.button(t("onboarding.import.path_begin"), disabled=not typed, key="begin_path"):
            mine.uploads.from_path(typed or "", title=title)
            st.rerun()


def _uploads(under_way: bool) -> None:
    mine = studio()
    uploads = mine.uploads.all()
    if under_way and all(upload.ended for upload in uploads):
        st.rerun()
    for upload in uploads:
        with st.container(border=True, key=f"import_{upload.id}"):
            _upload(mine, upload)


def _upload(mine: Studio, upload: Upload) -> None:
    begun = moment(upload.created_at, mine.settings.get().zone)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(f'<div class="ts-line"><b>{escape(upload.name)}</b><span>{escape(begun)}</span></div>')
        status_badge("queued" if upload.status == "waiting" else upload.status)
    match upload.status:
        case "waiting":
            st.caption(t("onboarding.import.waiting"))
        case "running":
            share = min(1.0, upload.position / upload.total) if upload.total else 0.0
            st.progress(share, text=_counts(upload) if upload.read else t("onboarding.import.opening"))
        case "failed":
            st.html(f'<p class="ts-detail">{escape(upload.error or "")}</p>')
            if upload.read:
                st.caption(_counts(upload))
                _reasons(upload)
            st.caption(t("onboarding.import.failed"))
        case _:
            st.caption(_counts(upload))
            _reasons(upload)
            if upload.status == "done":
                _what_next(mine, upload)
    with st.container(horizontal=True), guarded():
        if not mine.may("uploads.cancel"):
            return
        if upload.ended:
            if st.button(t("onboarding.import.forget"), key=f"off_{upload.id}", type="tertiary"):
                mine.uploads.forget(upload.id)
                st.rerun()
        elif st.button(t("onboarding.import.cancel"), key=f"stop_{upload.id}", type="tertiary"):
            mine.uploads.cancel(upload.id)
            st.rerun()


def _counts(upload: Upload) -> str:
    return t(
        "onboarding.import.counts", read=number(upload.read), landed=number(upload.landed),
        filtered=number(upload.filtered), rejected=number(upload.rejected),
    )  # fmt: skip


def _reasons(upload: Upload) -> None:
    reasons = sorted((upload.filtered_by | upload.rejected_by).items(), key=lambda item: (-item[1], item[0]))
    if reasons:
        with st.expander(t("onboarding.import.reasons")):
            rows = "".join(f"<li>{escape(reason)}: {escape(number(count))}</li>" for reason, count in reasons)
            st.html(f'<ul class="ts-detail">{rows}</ul>')
    if upload.dropped_by:
        fields = sorted(upload.dropped_by.items(), key=lambda item: (-item[1], item[0]))
        named = ", ".join(f"{name} {number(count)}" for name, count in fields)
        st.html(f'<p class="ts-detail">{escape(t("onboarding.import.dropped", fields=named))}</p>')
    if upload.local_times:
        zone = t("onboarding.import.local_times", count=number(upload.local_times), zone=upload.time_zone)
        st.html(f'<p class="ts-detail">{escape(zone)}</p>')


def _what_next(mine: Studio, upload: Upload) -> None:
    if upload.first_day is None or upload.last_day is None:
        st.caption(t("onboarding.import.nothing_new"))
        return
    if upload.options.get("untitled"):
        st.warning(t("onboarding.import.untitled"), icon=":material/label_off:")
    st.caption(t("onboarding.import.days", first=day(upload.first_day), last=day(upload.last_day)))
    if upload.last_day in mine.posts.days():
        go_on("feed", t("onboarding.import.read"), "dynamic_feed")
    else:
        st.caption(t("onboarding.import.materializing"))
