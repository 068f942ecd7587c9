"""The tool that tells how a tenant's Telegram accounts are, and, for keys that may, pairs one by a QR code."""

from __future__ import annotations

import io
import time
from typing import Annotated, Any, Literal

from pydantic import Field

from tgstudio_dagster.core.errors import FieldError
from tgstudio_dagster.mcp.envelope import Answer, Item
from tgstudio_dagster.mcp.tool import Arguments, Call, Tool, short, username
from tgstudio_dagster.services.accounts import Pairing

_WAIT_SECONDS = 8.0
"""How long a call waits for Telegram to give the code of a pairing that was just begun."""
_LOOK_SECONDS = 0.1
_NEXT = {
    "PENDING": "A person scans the code in Telegram: Settings > Devices > Link Desktop Device. Ask for action=pairing again; "
    "the code renews itself.",
    "PASSWORD_NEEDED": "The account has a two-factor password. Never ask for it here: the person enters it in the studio, "
    "under Accounts; or cancel, and pair there or by `tgstudio login`.",
    "CONFIRM_NEEDED": "Ask a person whether this is the account they mean; then action=confirm or action=decline.",
    "AUTHORIZED": "The account is paired.",
    "FAILED": "Nothing was paired; action=pair begins again.",
    "EXPIRED": "Nothing was paired in time; action=pair begins again.",
}


class StatusArguments(Arguments):
    """Nothing to choose."""


class PairArguments(Arguments):
    """What is to be done."""

    action: Annotated[
        Literal["status", "pair", "pairing", "confirm", "decline", "cancel"],
        Field(
            default="status",
            description=(
                "status: the accounts. pair: begin to pair an account, with a QR code that a person scans. pairing: how "
                "far that is. confirm, decline: whether the account that scanned it is meant. cancel."
            ),
        ),
    ]
    pairing_id: Annotated[
        str | None, Field(default=None, max_length=40, description="As pair gave it; for all but status and pair.")
    ]


def _auth(call: Call, given: Arguments) -> Answer:
    if not isinstance(given, PairArguments) or given.action == "status":
        return _status(call)
    pairings = call.studio.pairings
    if given.action == "pair":
        return _shown(_with_code(call, pairings.begin_qr()))
    if given.pairing_id is None:
        raise FieldError("pairing_id", "name the pairing, as action=pair gave it.")
    match given.action:
        case "confirm":
            row = pairings.confirm(given.pairing_id)
        case "decline":
            row = pairings.decline(given.pairing_id)
        case "cancel":
            row = pairings.cancel(given.pairing_id)
        case _:
            row = pairings.get(given.pairing_id)
    return _shown(row)


def _status(call: Call) -> Answer:
    waits = call.studio.accounts.waits(call.now)
    items = []
    for one in call.studio.accounts.all():
        if one.status == "removed":
            continue
        held = [{"method": wait.method, "until": wait.not_before} for wait in waits if wait.account_id == one.id]
        facts = {"account": one.id, "status": one.status, "username": username(one.username), "waits": held}
        items.append(Item(facts, {"name": short(one.name)} | ({"error": short(one.error)} if one.error else {})))
    sending = call.studio.settings.get().sending
    return Answer({"accounts": len(items), "sending": "on" if sending else "off"}, items=items)


def _with_code(call: Call, row: Pairing) -> Pairing:
    """The pairing, once it has a code to show or has ended."""
    give_up = time.monotonic() + _WAIT_SECONDS
    while row.status == "PENDING" and not row.url and time.monotonic() < give_up:
        time.sleep(_LOOK_SECONDS)
        row = call.studio.pairings.get(row.id)
    return row


def _shown(row: Pairing) -> Answer:
    facts: dict[str, Any] = {
        "pairing_id": row.id,
        "status": row.status,
        "next": _NEXT.get(row.status, "Finish it in the studio, under Accounts."),
        "until": row.deadline,
        "account": row.account_id,
    }
    if row.status == "PENDING" and row.url:
        # The code is a key to the account while it lasts: it is in the answer only, never in a log or the history.
        facts |= {"url": row.url, "url_until": row.url_expires_at, "qr": _picture(row.url)}
    words = {"name": short(row.name), "telegram_id": row.telegram_id, "error": short(row.error)}
    return Answer(facts, {name: value for name, value in words.items() if value is not None})


def _picture(url: str) -> str:
    """The QR code in half blocks, light on dark."""
    import segno

    art = io.StringIO()
    segno.make(url, error="l", micro=False).terminal(out=art, border=2, compact=True)
    return art.getvalue()


TELEGRAM_AUTH = Tool(
    name="telegram_auth",
    title="Accounts",
    about="Tells which Telegram accounts are paired, whether they work, and what Telegram makes them wait for.",
    arguments=StatusArguments,
    run=_auth,
    wider=(PairArguments, "With action=pair it begins to pair an account by a QR code that a person scans."),
    open_world=True,
)
