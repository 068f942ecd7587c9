"""You: where you are signed in, and your own password."""

from __future__ import annotations

from pydantic import SecretStr

from streamlit_app.components.states import guarded
from streamlit_app.door import st
from streamlit_app.formats import moment
from streamlit_app.i18n import t
from streamlit_app.plain import bold
from streamlit_app.principal import current_identity
from streamlit_app.settings_parts.saving import done
from tgstudio_dagster.core.errors import SettingsError
from tgstudio_dagster.services import Studio

LONGEST = 256


def show(mine: Studio) -> None:
    """The list of sessions, and the form of the password for whoever has one here."""
    _sessions(mine)
    if current_identity().user.login is not None:
        _password(mine)


def _sessions(mine: Studio) -> None:
    st.subheader(t("settings.own.sessions"))
    st.caption(t("settings.own.sessions_text"))
    zone = mine.settings.get().zone
    for session in mine.people.sessions():
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"session_{session.name}"):
            st.markdown(bold((session.user_agent or t("settings.own.unknown"))[:90]))
            st.caption(
                t("settings.own.session", began=moment(session.began, zone), seen=moment(session.seen, zone),
                  ends=moment(session.ends, zone))
            )  # fmt: skip
            if session.here:
                st.badge(t("settings.own.here"), color="green", icon=":material/check_circle:")
            elif st.button(t("settings.own.end"), icon=":material/logout:", key=f"end_{session.name}"):
                with guarded():
                    mine.people.end_session(session.name)
                    done(t("settings.own.ended"))


def _password(mine: Studio) -> None:
    with st.form("own_password", clear_on_submit=True):
        st.subheader(t("settings.own.password"))
        st.caption(t("settings.own.password_text"))
        current = st.text_input(
            t("settings.own.current"),
            type="password",
            autocomplete="current-password",
            max_chars=LONGEST,
            key="own_now",
        )
        new = st.text_input(
            t("settings.own.new"), type="password", autocomplete="new-password", max_chars=LONGEST, key="own_new"
        )
        again = st.text_input(
            t("settings.own.again"), type="password", autocomplete="new-password", max_chars=LONGEST, key="own_again"
        )
        sent = st.form_submit_button(t("settings.own.change"), type="primary", icon=":material/key:", key="own_change")
    if sent:
        with guarded():
            if new != again:
                raise SettingsError(t("settings.own.differ"))
            mine.people.change_password(SecretStr(current or ""), SecretStr(new or ""))
            done(t("settings.own.changed"))
