"""Telegram's OpenID Connect: the code flow with state and PKCE (S256), and the check of the token it ends with.

https://core.telegram.org/bots/telegram-login. The Telegram id is the claim `id`; `sub` differs from client to client. The
nonce is checked where it comes back: Telegram is reported not to return it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import httpx2
import jwt
from pydantic import SecretStr

from tgstudio_dagster.core.errors import SignInError
from tgstudio_dagster.web.auth.attempts import Attempt
from tgstudio_dagster.web.auth.widget import TelegramPerson

SCOPES = "openid profile"
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Those with a public key only: with a shared one, whoever knows the public key could sign."""
_SECONDS = 10.0
_LEEWAY = 30
_KEEP = 3600.0
_RETRY = 30.0
"""Keys are asked for again at most so often because of a token whose key is not known."""


@dataclass(frozen=True)
class _Issuer:
    authorize: str
    token: str
    keys: str


class Telegram:
    """One client of the issuer. Every method raises SignInError where the issuer does not answer as it should."""

    def __init__(self, issuer: str, client_id: str, client_secret: SecretStr, callback: str) -> None:
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._secret = client_secret
        self._callback = callback
        self._lock = threading.Lock()
        self._known: tuple[float, _Issuer] | None = None
        self._keys: tuple[float, dict[str, jwt.PyJWK]] | None = None

    def address(self, attempt: Attempt) -> str:
        """Where the browser is sent to."""
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._callback,
            "scope": SCOPES,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": _challenge(attempt.verifier),
            "code_challenge_method": "S256",
        }
        address = self._discover().authorize
        return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"

    def person(self, code: str, attempt: Attempt) -> TelegramPerson:
        """The person whom the code of a callback vouches for."""
        body = self._call(
            "POST",
            self._discover().token,
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self._callback,
                "client_id": self._client_id,
                "code_verifier": attempt.verifier,
            },
            auth=(self._client_id, self._secret.get_secret_value()),
        )
        token = body.get("id_token")
        if not isinstance(token, str):
            raise SignInError("Telegram gave no id token; sign in again.")
        return self._verify(token, attempt)

    def _verify(self, token: str, attempt: Attempt) -> TelegramPerson:
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS:
                raise SignInError("Telegram's token is signed in a way that is not accepted.")
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key(header.get("kid")),
                list(ALGORITHMS),
                audience=self._client_id,
                issuer=self._issuer,
                leeway=_LEEWAY,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise SignInError(f"Telegram's token does not hold ({type(error).__name__}); sign in again.") from None
        if claims.get("azp", self._client_id) != self._client_id:
            raise SignInError("Telegram's token was made for another app; sign in again.")
        nonce = claims.get("nonce")
        if nonce is not None and not (
            isinstance(nonce, str) and hmac.compare_digest(nonce.encode(), attempt.nonce.encode())
        ):
            raise SignInError("Telegram's token answers another sign-in; sign in again.")
        try:
            telegram_id = int(claims["id"])
        except (KeyError, TypeError, ValueError):
            raise SignInError("Telegram's token lacks the Telegram id; the scope `profile` gives it.") from None
        username = claims.get("preferred_username") or claims.get("username")
        return TelegramPerson(
            telegram_id,
            str(claims.get("name") or telegram_id),
            username if isinstance(username, str) else None,
            hashlib.sha256(token.encode()).hexdigest(),
            datetime.fromtimestamp(claims["exp"] + _LEEWAY, UTC),
        )

    def _discover(self) -> _Issuer:
        with self._lock:
            if self._known is not None and time.monotonic() - self._known[0] < _KEEP:
                return self._known[1]
            found = self._call("GET", f"{self._issuer}/.well-known/openid-configuration")
            if found.get("issuer") != self._issuer:
                raise SignInError("the issuer there goes by another name.", field="TGSTUDIO_WEB_OIDC_ISSUER")
            try:
                issuer = _Issuer(found["authorization_endpoint"], found["token_endpoint"], found["jwks_uri"])
            except KeyError as error:
                raise SignInError(f"the issuer does not say its {error}.", field="TGSTUDIO_WEB_OIDC_ISSUER") from None
            self._known = time.monotonic(), issuer
            return issuer

    def _key(self, kid: object) -> jwt.PyJWK:
        address = self._discover().keys
        with self._lock:
            age = float("inf") if self._keys is None else time.monotonic() - self._keys[0]
            if self._keys is None or age > _KEEP or (kid not in self._keys[1] and age > _RETRY):
                found = jwt.PyJWKSet.from_dict(self._call("GET", address))
                self._keys = time.monotonic(), {str(key.key_id): key for key in found.keys}
            keys = self._keys[1]
        if kid is None and len(keys) == 1:
            return next(iter(keys.values()))
        if not isinstance(kid, str) or kid not in keys:
            raise SignInError("Telegram's token is signed with a key that Telegram does not publish.")
        return keys[kid]

    def _call(self, method: str, address: str, **sent: Any) -> dict[str, Any]:
        try:
            answer = httpx2.request(method, address, timeout=_SECONDS, **sent)
            answer.raise_for_status()
            body = answer.json()
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise SignInError(f"Telegram's sign-in does not answer ({type(error).__name__}); try again soon.") from None
        if not isinstance(body, dict):
            raise SignInError("Telegram's sign-in answered what was not expected; try again soon.")
        return body


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
