"""Who asks, in one request: by session cookie or by API key; and whether they may, from there, so often.

Routes ask for a `Studio` (`Depends(studio)`); what each needs stands in services/policy.py. How a session began is handled
in auth/.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Literal

from fastapi import Request

from tgstudio_dagster.catalog.money.plans import limits_of
from tgstudio_dagster.catalog.people.api_keys import ApiKey, find_key, with_parents
from tgstudio_dagster.catalog.people.logins import (
    own_tenant,
    read_session,
    read_user,
    session_hash,
    session_tenants,
    switch_tenant,
)
from tgstudio_dagster.catalog.people.models import User
from tgstudio_dagster.catalog.people.principals import principal_of
from tgstudio_dagster.catalog.people.refusals import ADDRESS, KEY
from tgstudio_dagster.catalog.people.tenants import tenant_settings
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import ForbiddenError, NotFoundError, SignInError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.scopes import check_scope, scopes_of
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.people import inside
from tgstudio_dagster.services.platform import Platform
from tgstudio_dagster.services.policy import of_route
from tgstudio_dagster.services.scope import Credential
from tgstudio_dagster.services.sessions import session_cookie
from tgstudio_dagster.web.refusing import address_block, refused

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "x-csrf-token"
WATCH_HEADER = "x-watch"
"""Sent by an open page that only asks whether its session still stands: that is no use of it."""
Calls = Literal["api_calls_per_day", "mcp_calls_per_day"]
WRONG_KEYS = 20
"""Wrong keys of one address in a minute, before it is told to wait."""
_SIGN_IN = "Sign in, or send `Authorization: Bearer tgs_…` with a key from Settings."


@dataclass(frozen=True)
class Visitor:
    """Somebody who may be here. Of `key` and `sid` one is set: a program, or a person's browser."""

    principal: Principal
    user: User
    scopes: frozenset[str]
    key: ApiKey | None
    sid: str | None
    ip: str
    language: Literal["ru", "en"]
    paces: tuple[tuple[str, int], ...] = ()
    """Calls a minute that the key may make, and the keys that it comes from, each with its id."""
    signed_in_at: datetime | None = None

    @property
    def holder(self) -> str:
        """Whose a confirmation is: the key's id, or the session's hash."""
        return self.key.id if self.key is not None else session_hash(self.sid or "")

    @property
    def credential(self) -> Credential:
        """By what they ask."""
        return Credential(self.key, self.signed_in_at, self.sid, self.ip)

    def need(self, *scopes: str) -> None:
        """Raises ForbiddenError where the visitor lacks one of these scopes."""
        for scope in scopes:
            check_scope(scope, self.principal, self.scopes)


@cache
def visitor(*scopes: str) -> Callable[[Request], Visitor]:
    """A route's dependency: the visitor, who has all of these scopes.

    It raises SignInError (401), ForbiddenError (403: CSRF token, scope, address, user agent), QuotaError (429).
    """

    def dependency(request: Request) -> Visitor:
        found = identify(request)
        found.need(*scopes)
        return found

    return dependency


def studio(request: Request) -> Studio:
    """A route's dependency: the studio of its visitor, whom the policy lets do what the route does.

    Raises as `visitor` does, and ForbiddenError; NotFoundError where the tenant does not have the route's capability.
    """
    found = identify(request)
    opened = platform_of(request).studio(found.principal, found.scopes, found.credential)
    opened.scope.allow(of_route(f"{request.method} {request.scope['route'].path}").name)
    return opened


def platform_of(request: Request) -> Platform:
    """What the app has open."""
    platform: Platform = request.app.state.platform
    return platform


def identify(request: Request) -> Visitor:
    """Who sends this request, found out (and counted) once however often it is asked. Raises as `visitor` does."""
    known: Visitor | None = getattr(request.state, "visitor", None)
    if known is None:
        known = request.state.visitor = _identify(request)
    return known


def _identify(request: Request) -> Visitor:
    platform, now = platform_of(request), utc_now()
    ip = request.client.host if request.client else ""
    language = preferred_language(request.headers.get("accept-language"))
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme:
        if scheme.lower() != "bearer" or not secret.strip():
            raise SignInError(_SIGN_IN)
        agent = request.headers.get("user-agent", "")
        try:
            program = of_key(platform, secret.strip(), now, ip=ip, user_agent=agent, language=language)
            if program.key is not None and program.key.tools is not None:
                raise ForbiddenError("this key is for language models' tools: use it at /mcp.", field="tools")
            return program
        except SignInError as error:
            refused(platform, KEY, subject=secret.strip()[:10], ip=ip, error=error)
            platform.limiter.take("wrong_keys", address_block(ip), WRONG_KEYS)
            raise
        except ForbiddenError as error:
            refused(platform, ADDRESS, subject=secret.strip()[:10], ip=ip, error=error)
            raise
    sid = platform.signer.sid(request.cookies.get(session_cookie(platform.web_settings).name))
    if sid is None:
        raise SignInError(_SIGN_IN)
    if request.method not in SAFE:
        check_origin(platform, request.headers.get("origin"))
        if not platform.signer.is_csrf(sid, request.headers.get(CSRF_HEADER)):
            raise ForbiddenError("missing or wrong; GET /v1/me gives the session's.", field="X-CSRF-Token")
    return of_session(platform, sid, now, ip=ip, language=language, slide=WATCH_HEADER not in request.headers)


def of_session(
    platform: Platform, sid: str, now: datetime, *, ip: str, language: Literal["ru", "en"] = "ru", slide: bool = True
) -> Visitor:
    """The visitor of a session, which lasts on if it is to `slide`.

    Raises SignInError where it has ended, ForbiddenError for who belongs to no tenant, or by the address.
    """
    asked = f"session {slide} {session_hash(sid)}"
    principal, user, allowed, began = platform.remembered.get(asked, lambda: _session(platform, sid, now, slide=slide))
    _check_inside(principal.tenant, ip, allowed)
    scopes, spoken = scopes_of(principal.role), _language(user, language)
    return Visitor(principal, user, scopes, None, sid, ip, spoken, signed_in_at=began)


def _session(
    platform: Platform, sid: str, now: datetime, *, slide: bool
) -> tuple[Principal, User, tuple[str, ...], datetime]:
    """Whom a session is of, and from where the tenant lets people in."""
    platform.notice_accounts()
    session = read_session(platform.catalog, sid, now, platform.ttl, slide=slide)
    if session is None:
        raise SignInError("This session has ended; sign in again.")
    user = read_user(platform.catalog, session.user_id)
    try:
        principal = principal_of(platform.catalog, user.id, session.tenant or "")
    except NotFoundError:
        slug = own_tenant(platform.catalog, user)
        if slug is None:
            raise ForbiddenError("you belong to none; ask the operator of this studio.", field="tenant") from None
        principal = switch_tenant(platform.catalog, sid, slug)
    return principal, user, tenant_settings(platform.catalog, principal.tenant).allowed_ips, session.created_at


def of_key(
    platform: Platform,
    secret: str,
    now: datetime,
    *,
    ip: str | None,
    user_agent: str,
    language: Literal["ru", "en"] = "ru",
    calls: Calls | None = "api_calls_per_day",
) -> Visitor:
    """The visitor of an API key. The call is counted, by the minute and as one of the day's `calls` (None: not counted).

    `ip` None is this machine itself (stdio): no address is checked, nor a user agent. Raises SignInError,
    ForbiddenError, QuotaError.
    """
    asked = f"key {hashlib.sha256(secret.encode()).hexdigest()}"
    key, principal, user, allowed, paces = platform.remembered.get(asked, lambda: _key(platform, secret, now))
    if ip is not None:
        _check_inside(principal.tenant, ip, allowed)
        if key.ips and not inside(ip, key.ips):
            raise ForbiddenError(f"this key may not be used from {ip}.", field="ips")
        if key.user_agents and not any(user_agent.lower().startswith(one.lower()) for one in key.user_agents):
            raise ForbiddenError("this key may not be used by this program.", field="user_agents")
    scopes = frozenset(key.scopes) & scopes_of(principal.role)
    found = Visitor(principal, user, scopes, key, None, ip or "", _language(user, language), paces)
    if calls is not None:
        count_call(platform, found, calls, now)
    return found


def count_call(platform: Platform, visitor: Visitor, calls: Calls, now: datetime) -> None:
    """Count a call of a key, by the minute and as one of the day's `calls`. Raises QuotaError where it is one too many."""
    if visitor.key is not None:
        for key_id, pace in visitor.paces:
            platform.limiter.take("calls_per_minute", key_id, pace)
        platform.calls.take(visitor.principal.tenant, calls, now.date())


def _key(
    platform: Platform, secret: str, now: datetime
) -> tuple[ApiKey, Principal, User, tuple[str, ...], tuple[tuple[str, int], ...]]:
    """A key, whom it acts for, from where the tenant lets programs in, and how many calls a minute of it and of its parents."""
    platform.notice_accounts()
    key, principal = find_key(platform.catalog, secret, now)
    allowed = tenant_settings(platform.catalog, principal.tenant).allowed_ips
    most = limits_of(platform.catalog, principal).calls_per_minute
    paces = tuple((one.id, min(most, one.rate_per_minute or most)) for one in with_parents(platform.catalog, key))
    return key, principal, read_user(platform.catalog, key.user_id), allowed, paces


def check_address(platform: Platform, tenant: str, ip: str) -> None:
    """Raises ForbiddenError where the tenant does not let this address in."""
    _check_inside(tenant, ip, tenant_settings(platform.catalog, tenant).allowed_ips)


def outside(platform: Platform, addresses: Mapping[str, Collection[str]]) -> set[str]:
    """Those of the sessions (by `session_hash`) of which an address is no longer among those their tenant lets in."""
    tenants = session_tenants(platform.catalog, set(addresses))
    allowed = {slug: tenant_settings(platform.catalog, slug).allowed_ips for slug in set(tenants.values())}
    return {
        session
        for session, tenant in tenants.items()
        if allowed[tenant] and not all(inside(ip, allowed[tenant]) for ip in addresses[session])
    }


def _check_inside(tenant: str, ip: str, allowed: tuple[str, ...]) -> None:
    if allowed and not inside(ip, allowed):
        raise ForbiddenError(
            f"tenant {tenant} may not be used from {ip}; its owner says from where.", field="allowed_ips"
        )


def check_origin(platform: Platform, origin: str | None) -> None:
    """Raises ForbiddenError for a request that a page of another origin has sent; none at all is no browser's."""
    if origin is not None and origin not in platform.web_settings.origins:
        raise ForbiddenError(
            "this page belongs to another site; TGSTUDIO_WEB_PUBLIC_URL names this one.", field="Origin"
        )


def preferred_language(accept: str | None) -> Literal["ru", "en"]:
    """The first of the browser's languages that the app speaks; English where it speaks none of them."""
    wishes = []
    for place, part in enumerate((accept or "").split(",")):
        name, _, quality = part.partition(";q=")
        try:
            weight = float(quality or 1)
        except ValueError:
            weight = 0.0
        wishes.append((-weight, place, name.strip().lower()[:2]))
    for _, _, name in sorted(wishes):
        if name in {"ru", "en"}:
            return "ru" if name == "ru" else "en"
    return "en"


def _language(user: User, browser: Literal["ru", "en"]) -> Literal["ru", "en"]:
    return browser if user.language not in {"ru", "en"} else "ru" if user.language == "ru" else "en"
