"""A browser that has signed in by a local login before: a signed cookie says so, and others' guesses do not slow it down.

It lets nobody in. All it is worth is a count of attempts of its own.
"""

from __future__ import annotations

import re
import secrets

from starlette.requests import Request
from starlette.responses import Response

from tgstudio_dagster.services.platform import Platform
from tgstudio_dagster.services.sessions import Cookie

SECONDS = 365 * 24 * 3600
_PURPOSE = "known-browser"
_NAME = re.compile(r"[\w-]{22}")


def known_browser(request: Request, platform: Platform, login: str) -> str | None:
    """The random name of the browser, where it has signed in by this login; None otherwise."""
    browser, _, mac = request.cookies.get(_cookie(platform).name, "").partition(".")
    if not _NAME.fullmatch(browser) or not platform.signer.is_mac(_PURPOSE, f"{browser} {login}", mac):
        return None
    return browser


def remember_browser(request: Request, response: Response, platform: Platform, login: str) -> None:
    """Have the browser known by this login from now on, by the name that it has already."""
    browser = known_browser(request, platform, login) or secrets.token_urlsafe(16)
    _cookie(platform).set(response, f"{browser}.{platform.signer.mac(_PURPOSE, f'{browser} {login}')}")


def _cookie(platform: Platform) -> Cookie:
    return Cookie("tgstudio_browser", platform.web_settings, seconds=SECONDS)
