"""One browser's attempt to sign in: a random secret in a short-lived cookie, from which all that binds its steps follows.

So a form, a widget's answer or Telegram's code is accepted only from the browser that asked for it, and nothing is stored.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request

from tgstudio_dagster.core.settings import WebSettings
from tgstudio_dagster.services.sessions import Cookie

SECONDS = 15 * 60
_SECRET = re.compile(r"[\w-]{43}")


@dataclass(frozen=True)
class Attempt:
    """The secret of the cookie, and where the browser is to go in the end."""

    secret: str
    next: str

    @property
    def state(self) -> str:
        """What comes back with Telegram's answer."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """What Telegram's token may repeat."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """PKCE's code verifier (RFC 7636)."""
        return self._derived("verifier")

    @property
    def csrf(self) -> str:
        """What the sign-in form repeats."""
        return self._derived("form")

    @property
    def cookie(self) -> str:
        """The cookie's value."""
        return f"{self.secret}.{base64.urlsafe_b64encode(self.next.encode()).decode()}"

    def is_state(self, found: str | None) -> bool:
        """Whether an answer is to this attempt; compared in constant time."""
        return hmac.compare_digest(self.state.encode(), (found or "").encode())

    def is_csrf(self, found: str | None) -> bool:
        """Whether a form is this attempt's; compared in constant time."""
        return hmac.compare_digest(self.csrf.encode(), (found or "").encode())

    def _derived(self, purpose: str) -> str:
        return (
            base64.urlsafe_b64encode(hmac.digest(self.secret.encode(), purpose.encode(), "sha256")).decode().rstrip("=")
        )


def attempt_cookie(web: WebSettings) -> Cookie:
    """The cookie of an attempt."""
    return Cookie("tgstudio_sign_in", web, seconds=SECONDS)


def new_attempt(target: str) -> Attempt:
    """A new attempt that is to end at `target`."""
    return Attempt(secrets.token_urlsafe(32), local_path(target))


def read_attempt(request: Request, web: WebSettings) -> Attempt | None:
    """The attempt that a browser is in; None where there is none, or it has run out."""
    secret, _, target = request.cookies.get(attempt_cookie(web).name, "").partition(".")
    if not _SECRET.fullmatch(secret):
        return None
    try:
        return Attempt(secret, local_path(base64.urlsafe_b64decode(target).decode()))
    except ValueError:
        return Attempt(secret, "/")


def local_path(target: str) -> str:
    """The target where it is a path of this app that may be gone to after signing in, else `/`."""
    # Browsers take a backslash for a slash, and drop tabs and line ends.
    if not target.startswith("/") or target.startswith(("//", "/\\")) or re.search(r"[\x00-\x20\x7f\\]", target):
        return "/"
    try:
        parts = urlsplit(target)
    except ValueError:
        return "/"
    if parts.scheme or parts.netloc or parts.path.startswith(("/login", "/auth/")) or len(target) > 1000:
        return "/"
    return target
