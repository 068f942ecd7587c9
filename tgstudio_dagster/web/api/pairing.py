"""Routes that pair a Telegram account with the tenant: by QR code, or by phone number and code.

What a pairing does is the desk's matter (telegram/accounts/pairing_desk.py). Codes, numbers and passwords are never kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field, SecretStr

from tgstudio_dagster.catalog.accounts.pairings import Pairing, get_pairing
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.telegram.accounts.pairing_desk import PairingDesk
from tgstudio_dagster.web.api.common import AdministeringVisitor, Asked, Id, Told
from tgstudio_dagster.web.api.route import SecretRoute
from tgstudio_dagster.web.who import Visitor, platform_of

router = APIRouter(route_class=SecretRoute, prefix="/v1/auth")


class Phone(Asked):
    """A phone number, with its country's code."""

    phone: Annotated[SecretStr, Field(min_length=5, max_length=20, examples=["+79990000000"])]


class Code(Asked):
    """The code that Telegram sent."""

    code: Annotated[SecretStr, Field(min_length=1, max_length=20, examples=["12345"])]


class Password(Asked):
    """The account's two-factor password."""

    password: Annotated[SecretStr, Field(min_length=1, max_length=1000, examples=["correct horse"])]


class Login(Told):
    """How far a pairing has come.

    PENDING: show `url` as a QR code, renewed as it is; CODE_NEEDED, PASSWORD_NEEDED, CONFIRM_NEEDED: answer at the routes
    of that name; AUTHORIZED: `account_id` is paired; FAILED, EXPIRED: `error` says why, begin again.
    """

    login_id: str
    way: Literal["qr", "phone"]
    status: Literal[
        "PENDING", "CODE_NEEDED", "PASSWORD_NEEDED", "CONFIRM_NEEDED", "AUTHORIZED", "FAILED", "EXPIRED"
    ]  # fmt: skip
    url: str | None = Field(description="What the QR code shows while PENDING.", examples=["tg://login?token=…"])
    url_expires_at: datetime | None
    deadline: datetime
    attempts_left: int
    telegram_id: int | None = Field(description="Who has scanned.")
    name: str | None = Field(description="Who has scanned.")
    error: str | None
    account_id: str | None


@router.post("/qr", status_code=201, summary="Begin a pairing by QR code")
def begin_qr(request: Request, response: Response, who: AdministeringVisitor) -> Login:
    """Show what `url` holds as a QR code, and ask for the state every second. A pairing of yours that is at work ends."""
    return _begun(response, _desk(request).start_qr(who.principal))


@router.post("/phone", status_code=201, summary="Begin a pairing by phone number")
def begin_phone(request: Request, response: Response, who: AdministeringVisitor, asked: Phone) -> Login:
    """Telegram sends a code to the account's other devices, or by SMS."""
    return _begun(response, _desk(request).start_phone(who.principal, asked.phone))


@router.get("/qr/{login_id}", summary="How far a pairing has come")
@router.get("/phone/{login_id}", summary="How far a pairing has come")
def state(request: Request, who: AdministeringVisitor, login_id: Id) -> Login:
    """Ask every second until it is AUTHORIZED, FAILED or EXPIRED."""
    return _login(get_pairing(platform_of(request).catalog, _mine(request, who, login_id), login_id))


@router.post("/phone/{login_id}/code", summary="Enter the code")
def enter_code(request: Request, who: AdministeringVisitor, login_id: Id, asked: Code) -> Login:
    """The code that Telegram sent."""
    return _login(_desk(request).submit_code(_mine(request, who, login_id), login_id, asked.code))


@router.post("/phone/{login_id}/resend", summary="Have the code sent again")
def resend(request: Request, who: AdministeringVisitor, login_id: Id) -> Login:
    """Another way, where Telegram has one."""
    return _login(_desk(request).resend_code(_mine(request, who, login_id), login_id))


@router.post("/qr/{login_id}/password", summary="Enter the two-factor password")
@router.post("/phone/{login_id}/password", summary="Enter the two-factor password")
def enter_password(request: Request, who: AdministeringVisitor, login_id: Id, asked: Password) -> Login:
    """It goes to Telegram as a proof, never as it is."""
    return _login(_desk(request).submit_password(_mine(request, who, login_id), login_id, asked.password))


@router.post("/qr/{login_id}/confirm", summary="Accept who has scanned")
def confirm(request: Request, who: AdministeringVisitor, login_id: Id) -> Login:
    """The account named by the pairing is paired."""
    return _login(_desk(request).confirm(_mine(request, who, login_id), login_id))


@router.post("/qr/{login_id}/decline", summary="Refuse who has scanned")
def decline(request: Request, who: AdministeringVisitor, login_id: Id) -> Login:
    """The new session is logged out; nothing is stored."""
    return _login(_desk(request).decline(_mine(request, who, login_id), login_id))


@router.post("/qr/{login_id}/cancel", summary="End a pairing")
@router.post("/phone/{login_id}/cancel", summary="End a pairing")
def cancel(request: Request, who: AdministeringVisitor, login_id: Id) -> Login:
    """Whatever it waits for."""
    return _login(_desk(request).cancel(_mine(request, who, login_id), login_id))


def _desk(request: Request) -> PairingDesk:
    return platform_of(request).desk


def _mine(request: Request, who: Visitor, login_id: str) -> Principal:
    """The principal, where it began the pairing. Raises NotFoundError; what another one began is nobody else's."""
    row = get_pairing(platform_of(request).catalog, who.principal, login_id)
    if who.principal.role != "operator" and row.created_by != who.principal.user_id:
        raise NotFoundError(f"There is no pairing {login_id!r} of yours.")
    return who.principal


def _begun(response: Response, row: Pairing) -> Login:
    response.headers["location"] = f"/v1/auth/{row.way}/{row.id}"
    return _login(row)


def _login(row: Pairing) -> Login:
    names = [name for name in Login.model_fields if name != "login_id"]
    return Login(login_id=row.id, **{name: getattr(row, name) for name in names})
