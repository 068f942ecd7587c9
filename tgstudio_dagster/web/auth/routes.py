"""Where people sign in and out, and change the tenant they work in.

How each proof is checked stands in its own module (local.py, oidc.py, widget.py); who may do what, in who.py.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request
from pydantic import SecretStr
from starlette.responses import RedirectResponse, Response

from tgstudio_dagster.catalog.people.audit import audit
from tgstudio_dagster.catalog.people.logins import (
    Way,
    burn,
    end_session,
    local_user,
    open_session,
    own_tenant,
    read_session,
    sign_in_telegram,
    switch_tenant,
)
from tgstudio_dagster.catalog.people.models import User
from tgstudio_dagster.catalog.people.principals import principal_of
from tgstudio_dagster.catalog.people.refusals import SIGN_IN
from tgstudio_dagster.core.cache import TtlCache
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import (
    ConflictError,
    FieldError,
    ForbiddenError,
    QuotaError,
    SettingsError,
    SignInError,
    TGStudioError,
)
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.services.local_accounts import LocalAccounts
from tgstudio_dagster.services.platform import Platform
from tgstudio_dagster.services.sessions import session_cookie
from tgstudio_dagster.web.auth import me, pages
from tgstudio_dagster.web.auth.attempts import Attempt, attempt_cookie, local_path, new_attempt, read_attempt
from tgstudio_dagster.web.auth.known_browser import known_browser, remember_browser
from tgstudio_dagster.web.auth.oidc import Telegram
from tgstudio_dagster.web.auth.widget import TelegramPerson, verify_widget
from tgstudio_dagster.web.metrics import SIGN_INS
from tgstudio_dagster.web.problems import status_of
from tgstudio_dagster.web.refusing import address_block, refused
from tgstudio_dagster.web.who import (
    CSRF_HEADER,
    check_address,
    check_origin,
    platform_of,
    preferred_language,
)

router = APIRouter()
router.include_router(me.router)
PER_ADDRESS = 30
"""Attempts a minute from one address."""
PER_LOGIN = 5
"""Attempts a minute with one login from one address."""
PER_LOGIN_ANYWHERE = 60
"""Attempts in a quarter of an hour with one login, from wherever."""
CODE_LASTS = timedelta(minutes=3)
"""Between the password and the code; and so long a used code is remembered."""
Lang = Literal["ru", "en"]
_CLIENTS = TtlCache[tuple[str, str, str]](most=4)
"""Each keeps what its issuer has published."""


@router.get("/login", include_in_schema=False)
def sign_in(
    request: Request,
    next: str = "/",
    lang: Lang | None = None,
    again: bool = False,  # noqa: A002 - its name in the address
) -> Response:
    """The sign-in page; whoever is signed in goes on at once, unless they are to sign in `again`."""
    platform = platform_of(request)
    if _sid(request, platform) is not None and not again:
        return _go(local_path(next))
    known = read_attempt(request, platform.web_settings)
    attempt = Attempt(known.secret, local_path(next)) if known else new_attempt(next)
    return _page(request, attempt, lang)


@router.get("/auth/style.css", include_in_schema=False)
def style() -> Response:
    """The style sheet of the sign-in page."""
    return Response(pages.style(), media_type="text/css", headers={"cache-control": "public, max-age=3600"})


@router.post("/auth/local", include_in_schema=False)
def sign_in_locally(
    request: Request,
    login: Annotated[str, Form(max_length=200)],
    password: Annotated[SecretStr, Form(max_length=1000)],
    csrf: Annotated[str, Form(max_length=200)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002
    lang: Annotated[Lang | None, Form()] = None,
) -> Response:
    """Sign in with a local account."""
    platform, ip = platform_of(request), _ip(request)
    attempt = read_attempt(request, platform.web_settings)
    if attempt is None or not attempt.is_csrf(csrf):
        SIGN_INS.labels("local", "stale").inc()
        return _page(request, attempt or new_attempt(next), lang, status=403, error="stale", login=login)
    attempt = Attempt(attempt.secret, local_path(next))
    try:
        check_origin(platform, request.headers.get("origin"))
        name = login.strip().lower()[:64]
        _slow_down(platform, name, ip, known_browser(request, platform, name))
        accounts = LocalAccounts(platform.settings)
        account = accounts.check(login, password)
        user = local_user(
            platform.catalog, account.login, account.name, is_operator=account.is_operator,
            account_hash=accounts.hashes().get(account.login),
        )  # fmt: skip
        if accounts.needs_code(account.login):
            return _code_page(request, platform, attempt, account.login, lang)
        response = _begin(request, platform, user, "local", attempt.next)
    except TGStudioError as error:
        return _failed(request, attempt, lang, "local", error, login=login)
    return response


@router.post("/auth/code", include_in_schema=False)
def enter_code(
    request: Request,
    login: Annotated[str, Form(max_length=64)],
    code: Annotated[str, Form(max_length=20)],
    proof: Annotated[str, Form(max_length=200)] = "",
    csrf: Annotated[str, Form(max_length=200)] = "",
    lang: Annotated[Lang | None, Form()] = None,
) -> Response:
    """The second step of an account that asks for a code: `proof` says that its password was right a moment ago."""
    platform, now = platform_of(request), utc_now()
    attempt = read_attempt(request, platform.web_settings)
    if attempt is None or not attempt.is_csrf(csrf):
        return _page(request, attempt or new_attempt("/"), lang, status=403, error="stale")
    accounts = LocalAccounts(platform.settings)
    try:
        check_origin(platform, request.headers.get("origin"))
        platform.limiter.take("sign_in_code_from", address_block(_ip(request)), PER_ADDRESS)
        until, _, mac = proof.partition(".")
        fresh = until.isdecimal() and int(until) >= now.timestamp()
        if not fresh or not platform.signer.is_mac("code", _half_way(attempt, accounts, login, until), mac):
            raise SignInError("the first step took place too long ago, or in another browser.")
        # Counted only of who has the password: others would use the owner's tries up.
        platform.limiter.take("sign_in_code", login, PER_LOGIN)
        platform.limiter.take("sign_in_code_long", login, PER_LOGIN_ANYWHERE, minutes=15)
        step = accounts.check_code(login, code, now)
        burn(platform.catalog, f"code:{login}:{step}", now + CODE_LASTS, now)
        account = next(one for one in accounts.all() if one.login == login)
        user = local_user(platform.catalog, login, account.name, is_operator=account.is_operator)
        return _begin(request, platform, user, "local", attempt.next)
    except TGStudioError as error:
        return _failed(request, attempt, lang, "local", error, login=login)


def _code_page(request: Request, platform: Platform, attempt: Attempt, login: str, lang: Lang | None) -> Response:
    until = str(int((utc_now() + CODE_LASTS).timestamp()))
    mac = platform.signer.mac("code", _half_way(attempt, LocalAccounts(platform.settings), login, until))
    page = pages.code_page(attempt, lang or _language(request), login=login, proof=f"{until}.{mac}")
    attempt_cookie(platform.web_settings).set(page, attempt.cookie)
    return page


def _half_way(attempt: Attempt, accounts: LocalAccounts, login: str, until: str) -> str:
    """What the proof of the first step is of: this browser's attempt, this account as it is now, and for so long."""
    return f"{attempt.secret} {login} {accounts.hashes().get(login, '')} {until}"


def _slow_down(platform: Platform, login: str, ip: str, browser: str | None) -> None:
    """Count an attempt. A browser that signed in by this login before has a count of its own: nobody else uses that up."""
    take, block = platform.limiter.take, address_block(ip)
    if browser is not None:
        take("sign_in_browser", browser, PER_LOGIN)
        take("sign_in_browser_long", browser, PER_LOGIN_ANYWHERE, minutes=15)
        return
    take("sign_in", block, PER_ADDRESS)
    take("sign_in_login", f"{block} {login}", PER_LOGIN)
    take("sign_in_anywhere", login, PER_LOGIN_ANYWHERE, minutes=15)


@router.get("/auth/telegram/start", include_in_schema=False)
def start_telegram(request: Request, next: str = "/") -> Response:  # noqa: A002
    """Go to Telegram to sign in there."""
    platform = platform_of(request)
    attempt = new_attempt(next)
    try:
        platform.limiter.take("sign_in", address_block(_ip(request)), PER_ADDRESS)
        response = _go(_telegram(platform).address(attempt))
    except TGStudioError as error:
        return _failed(request, attempt, None, "oidc", error)
    attempt_cookie(platform.web_settings).set(response, attempt.cookie)
    return response


@router.get("/auth/telegram/callback", include_in_schema=False)
def telegram_answers(request: Request) -> Response:
    """What Telegram answers: the code of OpenID Connect, or the widget's signed fields."""
    platform, now = platform_of(request), utc_now()
    attempt = read_attempt(request, platform.web_settings)
    query = request.query_params
    way: Way = "widget" if "hash" in query else "oidc"
    try:
        platform.limiter.take("sign_in", address_block(_ip(request)), PER_ADDRESS)
        states = query.getlist("state")
        if attempt is None or len(states) != 1 or not attempt.is_state(states[0]):
            raise SignInError("This answer is to another sign-in, or comes too late; sign in again.")
        person = _person(request, platform, attempt, way)
        burn(platform.catalog, f"{way}:{person.proof}", person.expires_at, now)
        user = sign_in_telegram(
            platform.catalog,
            person.telegram_id,
            person.name,
            person.username,
            sign_up=platform.web_settings.sign_up,
            now=now,
        )
        return _begin(request, platform, user, way, attempt.next)
    except TGStudioError as error:
        return _failed(request, new_attempt(attempt.next if attempt else "/"), None, way, error)


@router.get("/auth/logout", include_in_schema=False)
def ask_to_sign_out(request: Request) -> Response:
    """The page that asks whether to sign out."""
    platform = platform_of(request)
    sid = _sid(request, platform)
    if sid is None:
        return _go("/login")
    return pages.sign_out_page(platform.csrf_token(sid), _language(request))


@router.post("/auth/logout", tags=["session"], status_code=303, response_class=RedirectResponse)
def sign_out(request: Request, csrf: Annotated[str, Form(max_length=200)] = "") -> Response:
    """End the session: its cookie is worth nothing any more, and every open tab ends. 303 to the sign-in page.

    `csrf` (or the header X-CSRF-Token) is the session's token, as `GET /v1/me` gives it.
    """
    platform = platform_of(request)
    sid = _sid(request, platform)
    if sid is not None:
        _check_form(request, platform, sid, csrf)
        end_session(platform.catalog, sid, utc_now())
    response = _go("/login")
    session_cookie(platform.web_settings).drop(response)
    response.headers["clear-site-data"] = '"cache"'
    return response


@router.post("/auth/tenant", include_in_schema=False)
def change_tenant(
    request: Request,
    tenant: Annotated[str, Form(max_length=40)],
    csrf: Annotated[str, Form(max_length=200)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002
) -> Response:
    """Have the session work in another tenant of its user's."""
    platform = platform_of(request)
    sid = _sid(request, platform)
    session = read_session(platform.catalog, sid, utc_now(), platform.ttl) if sid else None
    if sid is None or session is None:
        raise SignInError("Sign in first.")
    _check_form(request, platform, sid, csrf)
    there = principal_of(platform.catalog, session.user_id, tenant)
    check_address(platform, there.tenant, _ip(request))
    switch_tenant(platform.catalog, sid, there.tenant)
    return _go(local_path(next))


def _person(request: Request, platform: Platform, attempt: Attempt, way: Way) -> TelegramPerson:
    if way == "oidc":
        codes = request.query_params.getlist("code")
        if len(codes) != 1:
            raise SignInError("Telegram did not let you in; sign in again.")
        return _telegram(platform).person(codes[0], attempt)
    token = platform.web_settings.bot_token
    if token is None:
        raise FieldError("TGSTUDIO_WEB_BOT_TOKEN", "not set, so the widget's answers can't be checked.")
    return verify_widget(request.query_params.multi_items(), token, utc_now())


def _begin(request: Request, platform: Platform, user: User, way: Way, target: str) -> Response:
    """Open a session, in place of the one the browser may have had: what stood in its cookie before is never kept."""
    now, ip = utc_now(), _ip(request)
    tenant = own_tenant(platform.catalog, user)
    if tenant is not None:
        check_address(platform, tenant, ip)
        who: Principal = principal_of(platform.catalog, user.id, tenant)
        audit(platform.catalog, who, "session.begin", user.id, {"way": way, "ip": ip})
    former = _token(request, platform)
    if former is not None:
        end_session(platform.catalog, former, now)
    agent = request.headers.get("user-agent")
    sid = open_session(
        platform.catalog,
        user.id,
        way,
        tenant=tenant,
        now=now,
        ttl=platform.ttl,
        longest=platform.longest,
        user_agent=agent,
    )
    response = _go(target)
    session_cookie(platform.web_settings).set(response, platform.signer.sign(sid, user.id, now))
    if user.login is not None:
        remember_browser(request, response, platform, user.login)
    attempt_cookie(platform.web_settings).drop(response)
    SIGN_INS.labels(way, "ok").inc()
    return response


def _failed(
    request: Request, attempt: Attempt, lang: Lang | None, way: Way, error: TGStudioError, *, login: str = ""
) -> Response:
    what, detail = "broken", str(error)
    if isinstance(error, QuotaError):
        what, detail = "often", ""
    elif isinstance(error, ForbiddenError):
        what = "forbidden"
    elif isinstance(error, SignInError | ConflictError):
        what = "wrong" if way == "local" else "telegram"
        detail = "" if way == "local" else detail
    SIGN_INS.labels(way, what).inc()
    refused(platform_of(request), SIGN_IN, subject=login.strip().lower() or way, ip=_ip(request), error=error)
    status = 401 if isinstance(error, ConflictError) else status_of(error)
    response = _page(
        request,
        attempt,
        lang,
        status=503 if what == "broken" else status,
        error=what,
        detail=detail or None,
        login=login,
    )
    if isinstance(error, QuotaError):
        response.headers["retry-after"] = str(max(1, round((error.until - utc_now()) / timedelta(seconds=1))))
    return response


def _page(request: Request, attempt: Attempt, lang: Lang | None, **shown: Any) -> Response:
    platform = platform_of(request)
    try:
        local = bool(LocalAccounts(platform.settings).all())
    except SettingsError as error:
        local = True
        shown = {"status": 503, "error": "broken", "detail": str(error)} | shown
    page = pages.sign_in_page(platform.web_settings, attempt, lang or _language(request), local=local, **shown)
    attempt_cookie(platform.web_settings).set(page, attempt.cookie)
    return page


def _check_form(request: Request, platform: Platform, sid: str, csrf: str) -> None:
    check_origin(platform, request.headers.get("origin"))
    if not platform.signer.is_csrf(sid, csrf or request.headers.get(CSRF_HEADER)):
        raise ForbiddenError("missing or wrong; load the page again.", field="csrf")


def _sid(request: Request, platform: Platform) -> str | None:
    """The session of the request, where it has not ended."""
    sid = _token(request, platform)
    return sid if sid and read_session(platform.catalog, sid, utc_now(), platform.ttl) else None


def _token(request: Request, platform: Platform) -> str | None:
    return platform.signer.sid(request.cookies.get(session_cookie(platform.web_settings).name))


def _telegram(platform: Platform) -> Telegram:
    web = platform.web_settings
    if web.oidc_client_id is None or web.oidc_client_secret is None:
        raise SettingsError(
            "TGSTUDIO_WEB_OIDC_CLIENT_ID and TGSTUDIO_WEB_OIDC_CLIENT_SECRET: not set; BotFather shows both."
        )
    issuer, client, secret = web.oidc_issuer, web.oidc_client_id, web.oidc_client_secret
    return _CLIENTS.get(
        (issuer, client, secret.get_secret_value()),
        lambda: Telegram(issuer, client, secret, f"{web.origin}/auth/telegram/callback"),
    )


def _go(address: str) -> RedirectResponse:
    return RedirectResponse(address, 303, {"cache-control": "no-store", "referrer-policy": "no-referrer"})


def _ip(request: Request) -> str:
    return request.client.host if request.client else ""


def _language(request: Request) -> Lang:
    return preferred_language(request.headers.get("accept-language"))
