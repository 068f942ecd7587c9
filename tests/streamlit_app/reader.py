"""Pages as people see them: the app run by Streamlit's AppTest, over a home, for somebody who is signed in.

    reader = readers.of("acme", "editor")
    page = reader.open("feed", q="ferry")
    assert "Ferry" in shown(page)

AppTest seeds what the gate hands over (`st.user`); the gate itself is tested in tests/web.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from streamlit.testing.v1 import AppTest

from tgstudio_dagster.catalog.people.logins import open_session
from tgstudio_dagster.catalog.people.models import User
from tgstudio_dagster.catalog.people.principals import principal_of
from tgstudio_dagster.catalog.people.tenants import add_member, add_user
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.home import PROJECT
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.services.platform import Platform

APP = PROJECT / "streamlit_app"
Role = Literal["owner", "editor", "viewer", "operator"]


@dataclass
class Reader:
    """Somebody who is signed in, in a tenant, in a role."""

    platform: Platform
    user: User
    tenant: str
    sid: str

    @property
    def principal(self) -> Principal:
        return principal_of(self.platform.catalog, self.user.id, self.tenant)

    @property
    def studio(self) -> Any:
        return self.platform.studio(self.principal)

    def open(self, page: str = "feed", *, locale: str = "ru-RU", **query: Any) -> AppTest:
        """The page after its first run; `query` is its address's."""
        app = AppTest.from_file(str(APP / "app.py"), default_timeout=60)
        app.user = {"user": self.user.id, "tenant": self.tenant, "sid": self.sid}
        app.context = {"locale": locale}
        for name, value in query.items():
            app.query_params[name] = value
        # The pages are known by the first run.
        app.run()
        return app if page == "feed" else app.switch_page(f"app_pages/{page}.py").run()


class Readers:
    """Who reads the pages of a home."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    def of(self, tenant: str, role: Role = "owner") -> Reader:
        """A new person of the tenant, signed in."""
        catalog = self.platform.catalog
        user = add_user(catalog, f"{role} of {tenant}", is_operator=role == "operator")
        if role != "operator":
            add_member(catalog, tenant, user.id, role)
        sid = open_session(
            catalog, user.id, "local", tenant=tenant, now=utc_now(), ttl=self.platform.ttl, user_agent=None
        )
        return Reader(self.platform, user, tenant, sid)


def shown(page: AppTest) -> str:
    """Everything that the page says, as one text: what a test looks for, or must not find."""
    said = []
    for block in (page.main, page.sidebar):
        for element in block:
            said.append(_text(element))
    return "\n".join(said)


def _text(element: Any) -> str:
    parts = [str(getattr(element, name, "")) for name in ("label", "value", "body", "help", "options", "icon")]
    parts.append(str(getattr(element, "proto", "")))
    children = getattr(element, "children", None)
    return "\n".join([*parts, *(_text(child) for child in (children or {}).values())])


def pages() -> list[str]:
    """The keys of all pages."""
    return sorted(path.stem for path in Path(APP / "app_pages").glob("[a-z]*.py"))
