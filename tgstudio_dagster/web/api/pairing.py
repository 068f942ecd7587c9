"""Routes that pair a Telegram account with the tenant: by QR code, or by phone number and code.

What a pairing does is the desk's matter (telegram/accounts/pairing_desk.py). Codes, numbers and passwords are never kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import Field, SecretStr

from tgstudio_dagster.services.accounts import Pairing
from tgstudio_dagster.web.api.common import Asked, Id, OwnStudio, Told
from tgstudio_dagster.web.api.route import SecretRoute

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
def begin_qr(response: Response, studio: OwnStudio) -> Login:
    """Show what `url` holds as a QR code, and ask for the state every second. A pairing of yours that is at work ends."""
    return _begun(response, studio.pairings.begin_qr())


@router.post("/phone", status_code=201, summary="Begin a pairing by phone number")
def begin_phone(response: Response, studio: OwnStudio, asked: Phone) -> Login:
    """Telegram sends a code to the account's other devices, or by SMS."""
    return _begun(response, studio.pairings.begin_phone(asked.phone))


@router.get("/qr/{login_id}", summary="How far a pairing has come")
@router.get("/phone/{login_id}", summary="How far a pairing has come")
def state(studio: OwnStudio, login_id: Id) -> Login:
    """Ask every second until it is AUTHORIZED, FAILED or EXPIRED."""
    return _login(studio.pairings.get(login_id))


@router.post("/phone/{login_id}/code", summary="Enter the code")
def enter_code(studio: OwnStudio, login_id: Id, asked: Code) -> Login:
    """The code that Telegram sent."""
    return _login(studio.pairings.submit_code(login_id, asked.code))


@router.post("/phone/{login_id}/resend", summary="Have the code sent again")
def resend(studio: OwnStudio, login_id: Id) -> Login:
    """Another way, where Telegram has one."""
    return _login(studio.pairings.resend_code(login_id))


@router.post("/qr/{login_id}/password", summary="Enter the two-factor password")
@router.post("/phone/{login_id}/password", summary="Enter the two-factor password")
def enter_password(studio: OwnStudio, login_id: Id, asked: Password) -> Login:
    """It goes to Telegram as a proof, never as it is."""
    return _login(studio.pairings.submit_password(login_id, asked.password))


@router.post("/qr/{login_id}/confirm", summary="Accept who has scanned")
def confirm(studio: OwnStudio, login_id: Id) -> Login:
    """The account named by the pairing is paired."""
    return _login(studio.pairings.confirm(login_id))


@router.post("/qr/{login_id}/decline", summary="Refuse who has scanned")
def decline(studio: OwnStudio, login_id: Id) -> Login:
    """The new session is logged out; nothing is stored."""
    return _login(studio.pairings.decline(login_id))


@router.post("/qr/{login_id}/cancel", summary="End a pairing")
@router.post("/phone/{login_id}/cancel", summary="End a pairing")
def cancel(studio: OwnStudio, login_id: Id) -> Login:
    """Whatever it waits for."""
    return _login(studio.pairings.cancel(login_id))


def _begun(response: Response, row: Pairing) -> Login:
    response.headers["location"] = f"/v1/auth/{row.way}/{row.id}"
    return _login(row)


def _login(row: Pairing) -> Login:
    names = [name for name in Login.model_fields if name != "login_id"]
    return Login(login_id=row.id, **{name: getattr(row, name) for name in names})
