"""Telegram's OpenID Connect, by Authlib: the code flow with state, nonce and PKCE (S256), and the check of its id token.

https://core.telegram.org/bots/telegram-login. What is Telegram's own stands here: the Telegram id is the claim `id` (`sub`
differs from client to client), and the nonce is checked where it comes back, as Telegram is reported not to return it.
"""

from __future__ import annotations

import hashlib
import threading
import time
from datetime import UTC, datetime
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from pydantic import SecretStr

from tgstudio_dagster.core.cache import TtlCache
from tgstudio_dagster.core.errors import SignInError
from tgstudio_dagster.web.auth.attempts import Attempt
from tgstudio_dagster.web.auth.widget import TelegramPerson

SCOPES = "openid profile"
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
"""Those with a public key only: with a shared one, whoever knows the public key could sign."""
_SECONDS = 10.0
_LEEWAY = 30
_KEEP = 3600.0
_RETRY = 30.0
"""Keys are asked for again at most so often because of a token whose key is not known."""


class Telegram:
    """One client of the issuer. Every method raises SignInError where the issuer does not answer as it should."""

    def __init__(self, issuer: str, client_id: str, client_secret: SecretStr, callback: str) -> None:
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._secret = client_secret
        self._callback = callback
        self._kept = TtlCache[str](seconds=_KEEP, most=2)
        self._keys_at = float("-inf")
        self._lock = threading.Lock()

    def address(self, attempt: Attempt) -> str:
        """Where the browser is sent to."""
        endpoint = self._metadata()["authorization_endpoint"]
        with self._client() as client:
            address, _ = client.create_authorization_url(
                endpoint, state=attempt.state, nonce=attempt.nonce, code_verifier=attempt.verifier
            )
        return str(address)

    def person(self, code: str, attempt: Attempt) -> TelegramPerson:
        """The person whom the code of a callback vouches for."""
        endpoint = self._metadata()["token_endpoint"]
        try:
            with self._client() as client:
                answer = client.fetch_token(endpoint, code=code, code_verifier=attempt.verifier)
        except (httpx2.HTTPError, httpx2.InvalidURL, AuthlibBaseError, ValueError) as error:
            raise _silent(error) from None
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise SignInError("Telegram gave no id token; sign in again.")
        return _person(self._claims(token, attempt), token)

    def _claims(self, token: str, attempt: Attempt) -> CodeIDToken:
        try:
            decoded = self._decode(token)
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                {
                    "iss": {"essential": True, "value": self._issuer},
                    "aud": {"essential": True, "value": self._client_id},
                },
                {
                    "client_id": self._client_id,
                    # An empty one would not be compared: a nonce that comes back must be the attempt's.
                    "nonce": attempt.nonce if "nonce" in decoded.claims else None,
                },
            )
            claims.validate(leeway=_LEEWAY)
        except (JoseError, AuthlibBaseError, ValueError) as error:
            raise SignInError(f"Telegram's token does not hold ({type(error).__name__}); sign in again.") from None
        return claims

    def _decode(self, token: str) -> jwt.Token:
        try:
            return jwt.decode(token, self._keys(), ALGORITHMS)
        except InvalidKeyIdError:
            with self._lock:
                if time.monotonic() - self._keys_at > _RETRY:
                    self._kept.forget("keys")
            return jwt.decode(token, self._keys(), ALGORITHMS)

    def _metadata(self) -> OpenIDProviderMetadata:
        return self._kept.get("metadata", self._discover)

    def _keys(self) -> KeySet:
        return self._kept.get("keys", self._read_keys)

    def _discover(self) -> OpenIDProviderMetadata:
        metadata = OpenIDProviderMetadata(self._read(get_well_known_url(self._issuer, external=True)))
        if metadata.get("issuer") != self._issuer:
            raise SignInError("the issuer there goes by another name.", field="TGSTUDIO_WEB_OIDC_ISSUER")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not isinstance(metadata.get(name), str):
                raise SignInError(f"the issuer does not say its {name}.", field="TGSTUDIO_WEB_OIDC_ISSUER")
        return metadata

    def _read_keys(self) -> KeySet:
        try:
            keys = KeySet.import_key_set(self._read(self._metadata()["jwks_uri"]))  # type: ignore[arg-type]
        except (JoseError, KeyError, TypeError, ValueError):
            raise SignInError("Telegram's sign-in publishes keys that can't be read; try again soon.") from None
        self._keys_at = time.monotonic()
        return keys

    def _read(self, address: str) -> dict[str, Any]:
        try:
            with self._client() as client:
                answer = client.request("GET", address, withhold_token=True)
            answer.raise_for_status()
            body = answer.json()
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise _silent(error) from None
        if not isinstance(body, dict):
            raise SignInError("Telegram's sign-in answered what was not expected; try again soon.")
        return body

    def _client(self) -> OAuth2Client:
        return OAuth2Client(
            self._client_id,
            self._secret.get_secret_value(),
            scope=SCOPES,
            redirect_uri=self._callback,
            code_challenge_method="S256",
            timeout=_SECONDS,
        )


def _person(claims: CodeIDToken, token: str) -> TelegramPerson:
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


def _silent(error: Exception) -> SignInError:
    return SignInError(f"Telegram's sign-in does not answer ({type(error).__name__}); try again soon.")
