"""What a browser carries: a signed token that names its session, and the token that its forms repeat.

The session itself is a catalog row (catalog/people/logins.py), so it ends when the row says so, whatever the cookie says.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from datetime import datetime, timedelta
from pathlib import Path

import jwt
from starlette.responses import Response

from tgstudio_dagster.core.errors import FieldError
from tgstudio_dagster.core.settings import Settings, WebSettings

KEY_FILE = "web_session.key"
_ISSUER = "tgstudio"
_SHORTEST_KEY = 32


class Signer:
    """The keys that sign sessions: the first signs, each is accepted, so that a key is replaced without signing out all."""

    def __init__(self, keys: list[str], longest: timedelta = timedelta(days=30)) -> None:
        if not keys or any(len(key) < _SHORTEST_KEY for key in keys):
            raise FieldError(
                "TGSTUDIO_WEB_SESSION_KEYS",
                f"each key needs {_SHORTEST_KEY} characters or more; `tgstudio keys new` prints one.",
            )
        self._longest = longest
        self._keys = {_number(key): key for key in keys}
        self._first = _number(keys[0])

    @classmethod
    def open(cls, settings: Settings, web: WebSettings) -> Signer:
        """The keys that are set, else the one in the home, which is made where there is none.

        Raises SettingsError for a key that is too short, or a file that can't be read or written.
        """
        if web.session_keys is not None:
            keys = [key.strip() for key in web.session_keys.get_secret_value().split(",")]
            return cls([key for key in keys if key], _longest(web))
        path = settings.home.resolve() / KEY_FILE
        try:
            _make(path)
            return cls([path.read_text().strip()], _longest(web))
        except OSError as error:
            raise FieldError(
                "TGSTUDIO_HOME",
                f"the session key {path} can't be kept: {error.strerror}. Choose a folder you may write, or "
                "set TGSTUDIO_WEB_SESSION_KEYS.",
            ) from error

    def sign(self, sid: str, user_id: str, now: datetime) -> str:
        """The token of a session, for its cookie: a JWT (HS256) with the id of its key."""
        claims = {"iss": _ISSUER, "sub": user_id, "sid": sid, "iat": now, "exp": now + self._longest}
        return jwt.encode(claims, self._keys[self._first], "HS256", headers={"kid": self._first})

    def sid(self, token: str | None) -> str | None:
        """The session that a token names; None for what was not signed here, or has run out."""
        if not token:
            return None
        try:
            key = self._keys[jwt.get_unverified_header(token)["kid"]]
            claims = jwt.decode(
                token, key, ["HS256"], issuer=_ISSUER, options={"require": ["exp", "iat", "iss", "sub", "sid"]}
            )
        except (jwt.PyJWTError, KeyError, TypeError):
            return None
        sid = claims["sid"]
        return sid if isinstance(sid, str) else None

    def csrf(self, sid: str) -> str:
        """What a form of this session carries (`csrf`), or a script's call (`X-CSRF-Token`)."""
        return _mac(self._keys[self._first], sid)

    def is_csrf(self, sid: str, token: str | None) -> bool:
        """Whether a request carries this session's token; compared in constant time."""
        found = (token or "").encode()
        return any(hmac.compare_digest(_mac(key, sid).encode(), found) for key in self._keys.values())

    def mac(self, purpose: str, text: str) -> str:
        """What proves later that this app has said `text`, for one purpose."""
        return _proof(self._keys[self._first], purpose, text)

    def is_mac(self, purpose: str, text: str, proof: str) -> bool:
        """Whether `mac` gave the proof, with any of the keys; compared in constant time."""
        found = proof.encode("utf-8", "replace")
        return any(hmac.compare_digest(_proof(key, purpose, text).encode(), found) for key in self._keys.values())


class Cookie:
    """One of the app's cookies: not readable by scripts, sent over TLS (or to this machine) only, not with foreign posts.

    Over TLS its name has the prefix `__Host-`: no other host, not even a subdomain, can set it.
    """

    def __init__(self, name: str, web: WebSettings, *, seconds: int) -> None:
        self.name = f"__Host-{name}" if web.origin.startswith("https://") else name
        self._seconds = seconds

    def set(self, response: Response, value: str) -> None:
        """Have the browser keep it."""
        response.set_cookie(
            self.name, value, max_age=self._seconds, path="/", secure=True, httponly=True, samesite="lax"
        )

    def drop(self, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(self.name, path="/", secure=True, httponly=True, samesite="lax")


def session_cookie(web: WebSettings) -> Cookie:
    """The cookie of a session."""
    return Cookie("tgstudio", web, seconds=int(_longest(web).total_seconds()))


def _longest(web: WebSettings) -> timedelta:
    return timedelta(days=web.session_days)


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    if path.exists():
        return
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(48))
    try:
        # Whole or not at all, and the first process's where two make one at once.
        os.link(fresh, path)
    except FileExistsError:
        return
    finally:
        fresh.unlink()


def _number(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def _mac(key: str, sid: str) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key.encode(), f"csrf:{sid}".encode(), "sha256")).decode().rstrip("=")


def _proof(key: str, purpose: str, text: str) -> str:
    return hmac.digest(key.encode(), f"{purpose}\0{text}".encode(), "sha256").hex()
