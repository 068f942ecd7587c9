"""Who looks at a page: the identity that the gate in front of Streamlit has verified, looked up in the catalog each run.

The gate hands over the user, the tenant and the login session as headers (`server.trustedUserHeaders` in
.streamlit/config.toml); they are frozen when a tab connects, so a session that was ended meanwhile, or works in another
tenant now, is noticed here. How people sign in is web/auth's matter.
"""

from __future__ import annotations

from typing import NoReturn

from streamlit_app.door import st
from streamlit_app.i18n import t
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.people import Identity, identity_in, read_session
from tgstudio_dagster.services.platform import Platform, current


def platform() -> Platform:
    """What this process has open: the catalog, the lake, the desk of pairings. Pages go through `studio()` where they can."""
    return current()


def current_identity() -> Identity:
    """Who is signed in, read anew from the catalog; without one who may be here the page stops."""
    user_id, tenant, sid = (st.user.get(name) for name in ("user", "tenant", "sid"))
    if not (isinstance(user_id, str) and isinstance(sid, str)):
        _sign_in(t("common.session.none"))
    opened = current()
    session = read_session(opened.catalog, sid, utc_now(), opened.ttl)
    if session is None or session.user_id != user_id:
        _sign_in(t("common.session.ended"))
    if session.tenant is None:
        _stop(t("common.session.no_tenant"))
    if session.tenant != (tenant or None):
        st.html("<script>window.location.reload()</script>", unsafe_allow_javascript=True)
        _stop(t("common.session.moved"))
    try:
        return identity_in(opened.catalog, session, sid)
    except NotFoundError:
        _stop(t("common.session.not_yours"))


def current_principal() -> Principal:
    """As whom this page acts."""
    return current_identity().principal


def studio() -> Studio:
    """All that this page may read and do."""
    identity = current_identity()
    return current().studio(identity.principal, credential=identity.credential)


def csrf_token() -> str:
    """What a form on a page must carry as its field `csrf`."""
    return current().csrf_token(current_identity().sid)


def _sign_in(why: str) -> NoReturn:
    st.html("<script>window.location.replace('/login')</script>", unsafe_allow_javascript=True)
    st.warning(why, icon=":material/lock:")
    st.html(f'<a class="ts-link" href="/login" target="_self">{t("common.session.sign_in")}</a>')
    st.stop()


def _stop(why: str) -> NoReturn:
    st.warning(why, icon=":material/lock:")
    st.stop()
