"""An OpenID Connect issuer on loopback that behaves as Telegram's: discovery, keys, authorization, and the code's token.

`answer` gives the next token's claims another form, so that a test can make it lie; what is asked of it is checked as RFC
6749 and 7636 say (client authentication, redirect address, PKCE), a wrong question is answered with 400.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID = "7000001"
CLIENT_SECRET = "the-secret-of-botfather"
Answer = Callable[[dict[str, Any]], str]


@dataclass
class Person:
    """Who signs in at the issuer."""

    id: int = 4242
    name: str = "Аня Иванова"
    username: str | None = "anya"


@dataclass
class OidcServer:
    """The issuer; `start()` and `stop()` it. `person` signs in next; `answer` makes the token of its claims."""

    person: Person = field(default_factory=Person)
    answer: Answer | None = None
    echo_nonce: bool = True
    broken: bool = False
    asked: list[str] = field(default_factory=list)

    def start(self) -> OidcServer:
        self._codes: dict[str, dict[str, str]] = {}
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = "k1"
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def settings(self) -> dict[str, Any]:
        """WebSettings that sign in here."""
        return {
            "oidc_issuer": self.issuer,
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret": CLIENT_SECRET,
        }

    def rotate(self) -> None:
        """Sign with another key from now on, and publish that one only."""
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = f"k{secrets.token_hex(2)}"

    def consent(self, address: str) -> str:
        """What a person's browser does at `/auth`: the address that it is sent back to."""
        query = dict(parse_qsl(urlsplit(address).query))
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT_ID
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def claims(self, query: dict[str, str]) -> dict[str, Any]:
        """What the token says if it says the truth."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": "opaque-per-client",
            "id": self.person.id,
            "name": self.person.name,
            "preferred_username": self.person.username,
            "iat": now,
            "exp": now + 600,
        }
        return claims | {"nonce": query["nonce"]} if self.echo_nonce else claims

    def sign(self, claims: dict[str, Any], *, algorithm: str = "RS256", key: Any = None, kid: str | None = None) -> str:
        """A token of these claims."""
        return jwt.encode(claims, key or self._key, algorithm, headers={"kid": kid or self.kid})

    def public_numbers(self) -> dict[str, Any]:
        """The published key, as a JWK."""
        jwk: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return jwk | {"kid": self.kid, "use": "sig", "alg": "RS256"}

    def _token(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        query = self._codes.pop(form.get("code", ""), None)
        if query is None or authorization != f"Basic {basic}" or form.get("grant_type") != "authorization_code":
            return None
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode()
        if challenge.rstrip("=") != query["code_challenge"] or form["redirect_uri"] != query["redirect_uri"]:
            return None
        claims = self.claims(query)
        token = self.answer(claims) if self.answer else self.sign(claims)
        return {"access_token": "unused", "token_type": "Bearer", "id_token": token}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                if server.broken:
                    self._send(500, {})
                elif self.path == "/.well-known/openid-configuration":
                    ends = {name: f"{server.issuer}/{end}" for name, end in _ENDS.items()}
                    self._send(200, {"issuer": server.issuer, **ends})
                elif self.path == "/.well-known/jwks.json":
                    self._send(200, {"keys": [server.public_numbers()]})
                elif self.path.startswith("/auth?"):
                    self.send_response(302)
                    self.send_header("location", server.consent(self.path))
                    self.end_headers()
                else:
                    self._send(404, {})

            def do_POST(self) -> None:
                server.asked.append(self.path)
                length = int(self.headers["content-length"])
                form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
                found = server._token(form, self.headers.get("authorization", ""))
                self._send(200 if found else 400, found or {"error": "invalid_grant"})

            def log_message(self, *_: object) -> None:
                pass

            def _send(self, status: int, body: dict[str, Any]) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        return Handler


_ENDS = {"authorization_endpoint": "auth", "token_endpoint": "token", "jwks_uri": ".well-known/jwks.json"}
