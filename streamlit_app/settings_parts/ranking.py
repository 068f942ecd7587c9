"""Ranking: the weights of the formula; in force when rankings are made next."""

from __future__ import annotations

from streamlit_app.components.states import guarded
from streamlit_app.door import st
from streamlit_app.i18n import t
from streamlit_app.plain import bold
from streamlit_app.settings_parts.saving import button_help, save, seed, set_back
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.settings import COUNTERS, SHIPPED, RankingWeights

COUNTED = ("engagement", "audience", "trend")
FINE = ("half_life_24h", "half_life_7d", "smoothing", "least", "most")
_LEAST = {"smoothing": 0.1, "half_life_24h": 0.5, "half_life_7d": 0.5, "least": -10.0}


def show(mine: Studio) -> None:
    """The form."""
    now = mine.settings.get().ranking
    may = mine.may("settings.put")
    given: dict[str, float | bool] = {}
    with st.form("ranking"):
        st.subheader(t("settings.ranking.head"))
        st.caption(t("settings.ranking.note"))
        st.markdown(bold(t("settings.ranking.counters")))
        _row(now, COUNTERS, given, may=may, step=0.05)
        st.markdown(bold(t("settings.ranking.counted")))
        _row(now, COUNTED, given, may=may, step=0.1)
        given["wide_first"] = st.toggle(
            t("settings.ranking.wide_first"), disabled=not may, key=seed("weight_wide_first", now.wide_first)
        )
        with st.expander(t("settings.ranking.fine"), icon=":material/tune:"):
            _row(now, FINE, given, may=may, step=0.5)
        with st.container(horizontal=True):
            sent = st.form_submit_button(
                t("settings.save"),
                type="primary",
                icon=":material/save:",
                disabled=not may,
                help=button_help(mine),
                key="ranking_save",
            )
            st.form_submit_button(
                t("settings.ranking.shipped"), icon=":material/restart_alt:", disabled=not may or now == SHIPPED,
                on_click=set_back, args=("weight_",), kwargs={"ranking": SHIPPED}, key="ranking_back",
            )  # fmt: skip
    if sent:
        with guarded():
            save(mine, ranking=given)


def _row(
    now: RankingWeights, names: tuple[str, ...], given: dict[str, float | bool], *, may: bool, step: float
) -> None:
    for column, name in zip(st.columns(len(names), gap="small", vertical_alignment="bottom"), names, strict=True):
        with column:
            given[name] = st.number_input(
                t(f"settings.ranking.{name}"), step=step, format="%.2f",
                min_value=_LEAST.get(name, 0.0), max_value=0.0 if name == "least" else 10_000.0, disabled=not may,
                help=t(f"settings.ranking.{name}_help"), key=seed(f"weight_{name}", float(getattr(now, name))),
            )  # fmt: skip
