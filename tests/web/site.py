"""A site: the whole web app on a free port of this process, with people of several tenants and roles, and their keys.

    with Site(home) as site:
        anna = site.sign_in("acme", "editor")
        anna.get("/v1/me").json()
        anna.post("/v1/orders", json={…})            # carries the CSRF token itself
        program = site.program("acme", "read", role="viewer")

The pages are a stub that echoes what the gate hands over (Streamlit itself runs in tests of `tgstudio up`). Homes: `bare_home`
has two empty tenants, `acme` and `other`; `sample_home` (conftest.py) also the sample, materialized, as tenant `demo`.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import httpx2
import uvicorn
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from tgstudio_dagster.asgi import Pages, build_app
from tgstudio_dagster.catalog.people.api_keys import ApiKey, create_key
from tgstudio_dagster.catalog.people.logins import open_session
from tgstudio_dagster.catalog.people.models import User
from tgstudio_dagster.catalog.people.principals import principal_of
from tgstudio_dagster.catalog.people.tenants import add_member, add_user
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.settings import Settings, WebSettings, settings, telegram_settings, web_settings
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.platform import Platform, use
from tgstudio_dagster.services.sessions import session_cookie

Role = Literal["owner", "editor", "viewer", "operator"]


class StubPages:
    """In place of Streamlit: answers with the headers it was handed; its socket echoes until it is closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await JSONResponse({"path": scope["path"], "headers": dict(Headers(scope=scope))})(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": Headers(scope=scope).get("x-tgstudio-tenant", "")})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})

    def lifespan(self) -> Callable[[Any], AbstractAsyncContextManager[None]]:
        @asynccontextmanager
        async def nothing(_app: Any) -> AsyncIterator[None]:
            yield

        return nothing


def confirmed(client: Client, path: str, body: dict[str, Any], **more: Any) -> httpx2.Response:
    """What a POST that is confirmed first answers: to its draft where that is refused, else to the same with its token."""
    draft = client.post(path, json=body)
    if draft.status_code != 200:
        return draft
    return client.post(path, json={**body, "confirmation": draft.json()["confirmation"]}, **more)


class Client(httpx2.Client):
    """A browser that is signed in, a program with a key, or nobody; `cookie` and `csrf` are the browser's."""

    def __init__(
        self, site: Site, *, cookie: str | None = None, csrf: str | None = None, key: str | None = None
    ) -> None:
        headers = {"origin": site.url} if cookie else {}
        if cookie:
            # By hand: a cookie that is Secure would not be sent to a test's http address.
            headers["cookie"] = cookie
        if csrf:
            headers["x-csrf-token"] = csrf
        if key:
            headers["authorization"] = f"Bearer {key}"
        super().__init__(base_url=site.url, headers=headers, timeout=30, trust_env=False)
        self.cookie, self.csrf, self.key = cookie, csrf, key
        self.user: User | None = None
        self.sid: str | None = None


class Site:
    """The app over a home. `web` are more WebSettings; `environment` more variables while it runs."""

    def __init__(
        self, home: Path, *, pages: Pages | None = None, environment: dict[str, str] | None = None, **web: Any
    ) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {"TGSTUDIO_HOME": str(home), "TGSTUDIO_WEB_PORT": str(self.port), **(environment or {})}
        self._web = {"port": self.port, **web}
        self._pages = pages or StubPages()
        self._clients: list[Client] = []
        self._users: dict[tuple[str, str], User] = {}

    def __enter__(self) -> Site:
        self._former = {name: os.environ.get(name) for name in self._environment}
        os.environ.update(self._environment)
        _forget()
        self.platform = Platform.open(Settings(home=self.home), WebSettings(**self._web))
        self.app = build_app(self.platform, pages=self._pages)
        config = uvicorn.Config(
            self.app,
            port=self.port,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        give_up = time.monotonic() + 120
        while not self._server.started:
            assert self._thread.is_alive() and time.monotonic() < give_up, "the site did not start"
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()
        self._server.should_exit = True
        self._thread.join(15)
        use(None)
        self.platform.close()
        for name, value in self._former.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        _forget()

    @property
    def catalog(self) -> Any:
        """The app's catalog."""
        return self.platform.catalog

    def user(self, tenant: str, role: Role = "owner") -> User:
        """The tenant's user of this role, made when first asked for."""
        if (tenant, role) not in self._users:
            made = add_user(self.catalog, f"{role} of {tenant}", is_operator=role == "operator")
            if role != "operator":
                add_member(self.catalog, tenant, made.id, role)
            self._users[tenant, role] = made
        return self._users[tenant, role]

    def principal(self, tenant: str, role: Role = "owner") -> Principal:
        """As whom that user acts."""
        return principal_of(self.catalog, self.user(tenant, role).id, tenant)

    def studio(self, tenant: str, role: Role = "owner") -> Studio:
        """That user's studio."""
        return self.platform.studio(self.principal(tenant, role))

    def sign_in(self, tenant: str, role: Role = "owner", *, now: datetime | None = None) -> Client:
        """A browser that is signed in as that user, in that tenant."""
        user = self.user(tenant, role)
        sid = open_session(
            self.catalog, user.id, "local", tenant=tenant, now=now or utc_now(), ttl=self.platform.ttl, user_agent=None
        )
        token = self.platform.signer.sign(sid, user.id, utc_now())
        name = session_cookie(self.platform.web_settings).name
        client = self._keep(Client(self, cookie=f"{name}={token}", csrf=self.platform.csrf_token(sid)))
        client.user, client.sid = user, sid
        return client

    def key(self, tenant: str, *scopes: str, role: Role = "owner", **options: Any) -> tuple[ApiKey, str]:
        """A key of that user, and its secret."""
        return create_key(
            self.catalog, self.principal(tenant, role), "test", scopes or ("read",), now=utc_now(), **options
        )

    def program(self, tenant: str, *scopes: str, role: Role = "owner", **options: Any) -> Client:
        """A program with a key of that user."""
        return self._keep(Client(self, key=self.key(tenant, *scopes, role=role, **options)[1]))

    def bearer(self, secret: str) -> Client:
        """A program with this key."""
        return self._keep(Client(self, key=secret))

    def nobody(self) -> Client:
        """A browser that is not signed in."""
        return self._keep(Client(self))

    def _keep(self, client: Client) -> Client:
        self._clients.append(client)
        return client


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def copy_home(source: Path, target: Path) -> Path:
    """A home of a test's own: the catalog is copied; the lake's files, which are never changed in place, are shared."""
    target.mkdir(parents=True, exist_ok=True)
    for path in source.rglob("*"):
        part = path.relative_to(source)
        if path.is_dir() or part.parts[0] == "dagster":
            continue
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        if part.parts[0] in {"lake", "sample", "exports"}:
            os.link(path, target / part)
        else:
            (target / part).write_bytes(path.read_bytes())
    return target


def _forget(caches: Iterable[Any] = (settings, web_settings, telegram_settings)) -> None:
    for one in caches:
        one.cache_clear()
