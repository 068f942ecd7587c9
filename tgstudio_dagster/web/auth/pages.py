"""The pages of those who are not let in yet, or on their way out: in Russian and in English.

What a form does stands in routes.py.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from tgstudio_dagster.core.settings import WebSettings
from tgstudio_dagster.web.auth.attempts import Attempt

Language = Literal["ru", "en"]
FOLDER = Path(__file__).parent / "templates"
WORDS: dict[Language, dict[str, str]] = {
    "ru": {
        "language": "Язык",
        "title": "Вход",
        "with_telegram": "Войти через Telegram",
        "telegram_hint": "Telegram подтвердит, кто вы. Пароль от него сюда не попадает.",
        "needs_script": "Для кнопки Telegram нужен JavaScript.",
        "or_local": "Или учётная запись этой машины",
        "login": "Имя для входа",
        "password": "Пароль",
        "sign_in": "Войти",
        "code_title": "Код подтверждения",
        "code": "Шесть цифр из приложения",
        "code_hint": "Потеряли приложение? Оператор отключит коды: tgstudio user totp ИМЯ --off",
        "local_hint": "Забыли пароль? Оператор задаст новый: tgstudio user password ИМЯ",
        "nothing": "Войти пока некому: запустите tgstudio up, он создаст учётную запись оператора.",
        "footer": "Студия работает на вашей машине.",
        "sign_out_title": "Выход",
        "sign_out": "Выйти",
        "sign_out_hint": "Все открытые вкладки этого браузера закроют сеанс.",
        "back": "Вернуться в студию",
        "wrong": "Неверное имя или пароль.",
        "stale": "Страница входа устарела. Попробуйте ещё раз.",
        "telegram": "Telegram не подтвердил вход. Попробуйте ещё раз.",
        "forbidden": "Вам сюда пока нельзя.",
        "refused_title": "Нет доступа",
        "often": "Слишком много попыток. Подождите минуту.",
        "broken": "Вход сейчас не работает.",
    },
    "en": {
        "language": "Language",
        "title": "Sign in",
        "with_telegram": "Sign in with Telegram",
        "telegram_hint": "Telegram confirms who you are. Its password never comes here.",
        "needs_script": "Telegram's button needs JavaScript.",
        "or_local": "Or an account of this machine",
        "login": "Login",
        "password": "Password",
        "sign_in": "Sign in",
        "code_title": "Confirmation code",
        "code": "Six digits from your app",
        "code_hint": "Lost the app? The operator switches codes off: tgstudio user totp LOGIN --off",
        "local_hint": "Forgotten it? The operator sets a new one: tgstudio user password LOGIN",
        "nothing": "Nobody can sign in yet: run tgstudio up, it makes an operator's account.",
        "footer": "The studio runs on your own machine.",
        "sign_out_title": "Sign out",
        "sign_out": "Sign out",
        "sign_out_hint": "Every open tab of this browser ends its session.",
        "back": "Back to the studio",
        "wrong": "The login or the password is wrong.",
        "stale": "This sign-in page is too old. Try again.",
        "telegram": "Telegram did not confirm the sign-in. Try again.",
        "forbidden": "You may not come in yet.",
        "refused_title": "No access",
        "often": "Too many attempts. Wait a minute.",
        "broken": "Signing in does not work now.",
    },
}


def sign_in_page(
    web: WebSettings,
    attempt: Attempt,
    language: Language,
    *,
    local: bool,
    status: int = 200,
    error: str | None = None,
    detail: str | None = None,
    login: str = "",
) -> HTMLResponse:
    """The sign-in page with what is configured: Telegram's button, else its widget, and the form of local accounts."""
    oidc = web.oidc_client_id is not None and web.oidc_client_secret is not None
    widget = web.bot_name if web.bot_token is not None and not oidc else None
    words = WORDS[language]
    return _page(
        "sign_in.html",
        language,
        words["title"],
        status,
        widget=widget,
        oidc=oidc,
        local=local,
        start=urlencode({"next": attempt.next}),
        callback=f"{web.origin}/auth/telegram/callback?{urlencode({'state': attempt.state})}",
        csrf=attempt.csrf,
        next=attempt.next,
        login=login,
        languages={code: urlencode({"lang": code, "next": attempt.next}) for code in WORDS},
        error=words[error] if error else None,
        detail=detail,
    )


def code_page(attempt: Attempt, language: Language, *, login: str, proof: str) -> HTMLResponse:
    """The page that asks for the code of an app, after the right password."""
    words = WORDS[language]
    return _page(
        "code.html", language, words["code_title"], 200, csrf=attempt.csrf, login=login, proof=proof, next=attempt.next
    )


def sign_out_page(csrf: str, language: Language) -> HTMLResponse:
    """The page that asks whether to sign out."""
    return _page("sign_out.html", language, WORDS[language]["sign_out_title"], 200, csrf=csrf)


def refused_page(detail: str, language: Language, *, status: int) -> HTMLResponse:
    """The page of somebody who is signed in, and may not see what was asked for."""
    words = WORDS[language]
    return _page("refused.html", language, words["refused_title"], status, error=words["forbidden"], detail=detail)


@cache
def style() -> str:
    """The style sheet of both."""
    return (FOLDER / "style.css").read_text(encoding="utf-8")


def _page(name: str, language: Language, title: str, status: int, **values: Any) -> HTMLResponse:
    known = {"languages": None, "error": None, "detail": None, **values}
    text = _templates().get_template(name).render(language=language, title=title, t=WORDS[language], **known)
    return HTMLResponse(text, status, headers=_headers(widget=bool(values.get("widget"))))


@cache
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def _headers(*, widget: bool) -> dict[str, str]:
    policy = [
        "default-src 'none'",
        "style-src 'self'",
        "img-src data:",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
    if widget:
        policy += ["script-src https://telegram.org", "frame-src https://oauth.telegram.org"]
    return {
        "content-security-policy": "; ".join(policy),
        "cache-control": "no-store",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
    }
