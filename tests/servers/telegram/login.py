"""Signing in: by code, by QR code, with a two-factor password, at another data centre; and signing out."""

from __future__ import annotations

import os
import re
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from telethon import functions, types
from telethon.password import big_num_for_hash

from tests.servers.telegram.dispatch import Context, handles
from tests.servers.telegram.model import User, Viewer
from tests.servers.telegram.password import challenge, proves
from tests.servers.telegram.render import user_object
from tests.servers.telegram.tl import Refusal, fill
from tests.servers.telegram.wire import Key

if TYPE_CHECKING:
    from tests.servers.telegram.server import TelegramServer

_auth = functions.auth


@dataclass
class QrToken:
    """A token that a client shows as a QR code, or takes to another data centre once it is accepted."""

    key: Key
    until: float
    accepted: User | None = None


@dataclass(frozen=True)
class SentCode:
    """A code on its way to a phone."""

    phone: str
    until: float


@handles(functions.help.GetConfigRequest, public=True)
def get_config(context: Context, request: Any) -> Any:
    now = datetime.fromtimestamp(time.time() + context.server.clock_ahead, UTC)
    options = [fill(types.DcOption, id=dc, ip_address="127.0.0.1", port=p) for dc, p in context.server.ports.items()]
    return fill(
        types.Config,
        date=now,
        expires=now + timedelta(hours=1),
        this_dc=context.connection.dc,
        me_url_prefix="https://t.me/",
        dc_options=options,
    )


@handles(functions.help.GetNearestDcRequest, public=True)
def get_nearest_dc(context: Context, request: Any) -> Any:
    return types.NearestDc("DE", context.connection.dc, context.connection.dc)


# By code


@handles(_auth.SendCodeRequest, public=True)
def send_code(context: Context, request: Any) -> Any:
    phone = _phone(request.phone_number)
    user = context.server.user_by_phone(phone)
    if user is not None and user.deactivated:
        raise Refusal(400, "PHONE_NUMBER_BANNED")
    if user is not None and user.dc != context.connection.dc:
        raise Refusal(303, f"PHONE_MIGRATE_{user.dc}")
    return _sent(context, phone, types.auth.SentCodeTypeApp(5))


@handles(_auth.ResendCodeRequest, public=True)
def resend_code(context: Context, request: Any) -> Any:
    _known_code(context, request)
    del context.server.codes[request.phone_code_hash]
    return _sent(context, _phone(request.phone_number), types.auth.SentCodeTypeSms(5))


@handles(_auth.CancelCodeRequest, public=True)
def cancel_code(context: Context, request: Any) -> Any:
    return context.server.codes.pop(request.phone_code_hash, None) is not None


@handles(_auth.SignInRequest, public=True)
def sign_in(context: Context, request: Any) -> Any:
    _known_code(context, request)
    if not request.phone_code:
        raise Refusal(400, "PHONE_CODE_EMPTY")
    if request.phone_code != context.server.code:
        raise Refusal(400, "PHONE_CODE_INVALID")
    del context.server.codes[request.phone_code_hash]
    user = context.server.user_by_phone(request.phone_number)
    return _let_in(context.key, user) if user else types.auth.AuthorizationSignUpRequired()


def _phone(given: str) -> str:
    digits = given.lstrip("+").replace(" ", "")
    if not re.fullmatch(r"\d{5,15}", digits):
        raise Refusal(400, "PHONE_NUMBER_INVALID")
    return digits


def _sent(context: Context, phone: str, kind: Any) -> Any:
    server = context.server
    digest = secrets.token_hex(9)
    server.codes[digest] = SentCode(phone, time.time() + server.code_seconds)
    return types.auth.SentCode(kind, digest, next_type=types.auth.CodeTypeSms(), timeout=60)


def _known_code(context: Context, request: Any) -> None:
    sent = context.server.codes.get(request.phone_code_hash)
    if sent is None or sent.until < time.time() or sent.phone != _phone(request.phone_number):
        raise Refusal(400, "PHONE_CODE_EXPIRED")


def _let_in(key: Key, user: User) -> Any:
    if user.deactivated:
        raise Refusal(401, "USER_DEACTIVATED_BAN")
    key.user, key.lost, key.scanned = user, None, None
    key.waiting = user.secret is not None
    if key.waiting:
        raise Refusal(401, "SESSION_PASSWORD_NEEDED")
    return _authorization(key, user)


def _authorization(key: Key, user: User) -> Any:
    return types.auth.Authorization(user_object(user, Viewer(user.id, key.session)))


# By password


@handles(functions.account.GetPasswordRequest, public=True)
def get_password(context: Context, request: Any) -> Any:
    key = context.key
    unknown = {
        "new_algo": types.PasswordKdfAlgoUnknown(),
        "new_secure_algo": types.SecurePasswordKdfAlgoUnknown(),
        "secure_random": os.urandom(8),
    }
    if key.user is None:
        raise Refusal(401, "AUTH_KEY_UNREGISTERED")
    if key.user.secret is None:
        return fill(types.account.Password, **unknown)
    key.challenge = challenge(key.user.secret)
    return fill(
        types.account.Password,
        has_password=True,
        current_algo=key.user.secret[0],
        srp_B=big_num_for_hash(key.challenge.public),
        srp_id=1,
        **unknown,
    )


@handles(_auth.CheckPasswordRequest, public=True)
def check_password(context: Context, request: Any) -> Any:
    key = context.key
    if key.user is None or key.user.secret is None:
        raise Refusal(401, "AUTH_KEY_UNREGISTERED")
    if key.challenge is None:
        raise Refusal(400, "SRP_ID_INVALID")
    asked, key.challenge = key.challenge, None
    if not proves(key.user.secret, asked, request.password):
        raise Refusal(400, "PASSWORD_HASH_INVALID")
    key.waiting = False
    return _authorization(key, key.user)


# By QR code


@handles(_auth.ExportLoginTokenRequest, public=True)
def export_login_token(context: Context, request: Any) -> Any:
    server, key = context.server, context.key
    if key.waiting:
        raise Refusal(401, "SESSION_PASSWORD_NEEDED")
    if key.signed_in is not None and key.lost is None:
        return types.auth.LoginTokenSuccess(_authorization(key, key.signed_in))
    if key.scanned is not None:
        if key.scanned.dc == context.connection.dc:
            return types.auth.LoginTokenSuccess(_let_in(key, key.scanned))
        token = os.urandom(32)
        server.tokens[token] = QrToken(key, time.time() + server.qr_seconds, key.scanned)
        return types.auth.LoginTokenMigrateTo(key.scanned.dc, token)
    token, until = os.urandom(32), time.time() + server.qr_seconds
    server.tokens[token] = QrToken(key, until)
    return types.auth.LoginToken(datetime.fromtimestamp(until + server.clock_ahead, UTC), token)


@handles(_auth.ImportLoginTokenRequest, public=True)
def import_login_token(context: Context, request: Any) -> Any:
    token = context.server.tokens.pop(request.token, None)
    if token is None or token.accepted is None:
        raise Refusal(400, "AUTH_TOKEN_INVALID")
    if token.until < time.time():
        raise Refusal(400, "AUTH_TOKEN_EXPIRED")
    if token.accepted.dc != context.connection.dc:
        raise Refusal(400, "AUTH_TOKEN_INVALID2")
    return types.auth.LoginTokenSuccess(_let_in(context.key, token.accepted))


@handles(_auth.AcceptLoginTokenRequest)
def accept_login_token(context: Context, request: Any) -> Any:
    accept(context.server, request.token, context.user)
    return fill(types.Authorization, app_name="phone", device_model="phone")


def accept(server: TelegramServer, token: bytes, user: User) -> None:
    """Scan a QR code as the user; raises Refusal AUTH_TOKEN_INVALID or AUTH_TOKEN_EXPIRED."""
    shown = server.tokens.pop(token, None)
    if shown is None:
        raise Refusal(400, "AUTH_TOKEN_INVALID")
    if shown.until < time.time():
        raise Refusal(400, "AUTH_TOKEN_EXPIRED")
    shown.key.scanned = user
    news = bytes(types.UpdateShort(types.UpdateLoginToken(), datetime.now(UTC)))
    for connection in server.connections:
        if connection.key is shown.key and connection.updates:
            connection.send(news, reply=False)


# To another data centre, and out


@handles(_auth.ExportAuthorizationRequest)
def export_authorization(context: Context, request: Any) -> Any:
    if request.dc_id == context.connection.dc or request.dc_id not in context.server.ports:
        raise Refusal(400, "DC_ID_INVALID")
    ticket = os.urandom(32)
    context.server.tickets[ticket] = context.viewer
    return types.auth.ExportedAuthorization(context.me, ticket)


@handles(_auth.ImportAuthorizationRequest, public=True)
def import_authorization(context: Context, request: Any) -> Any:
    owner = context.server.tickets.pop(request.bytes, None)
    if owner is None or owner.user_id != request.id:
        raise Refusal(400, "AUTH_BYTES_INVALID")
    user = context.server.users[request.id]
    context.key.user, context.key.waiting, context.key.ticket_of = user, False, owner.session
    return _authorization(context.key, user)


@handles(_auth.LogOutRequest, public=True)
def log_out(context: Context, request: Any) -> Any:
    context.key.user = context.key.scanned = None
    context.key.lost = None
    return types.auth.LoggedOut()
