"""Confirmations: what posts or orders first says what it would do, and does it when its token comes back.

A token is of exactly what was shown to one key or session, and lasts some minutes. That it works once is handled by
`use_token`, or by whoever names the work by its `nonce`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.logins import burn
from tgstudio_dagster.core.errors import ConflictError
from tgstudio_dagster.services.sessions import Signer

LASTS = timedelta(minutes=10)
_PURPOSE = "confirmation"


@dataclass(frozen=True)
class Confirmed:
    """A token that held: what names it, and until when."""

    nonce: str
    until: datetime


def draw_token(signer: Signer, holder: str, what: Mapping[str, Any], now: datetime) -> tuple[str, datetime]:
    """A token that confirms exactly `what` (plain values) for its holder, a key or a session, and until when."""
    until = (now + LASTS).replace(microsecond=0)
    nonce = secrets.token_hex(8)
    stamp = f"{int(until.timestamp())}.{nonce}"
    return f"{stamp}.{signer.mac(_PURPOSE, _said(holder, what, stamp))}", until


def check_token(signer: Signer, token: str, holder: str, what: Mapping[str, Any], now: datetime) -> Confirmed:
    """Raises ConflictError where the token is of something else, of another holder, or too old."""
    stamp, _, mac = token.rpartition(".")
    seconds, _, nonce = stamp.partition(".")
    if not seconds.isdecimal() or not signer.is_mac(_PURPOSE, _said(holder, what, stamp), mac):
        raise ConflictError(
            "it is not of this draft. Call again without it, show the new draft, then repeat the call "
            "unchanged with the new token.",
            field="confirmation",
        )
    until = datetime.fromtimestamp(int(seconds), UTC)
    if now > until:
        raise ConflictError("it has run out. Call again without it for a new draft and token.", field="confirmation")
    return Confirmed(nonce, until)


def use_token(catalog: Catalog, confirmed: Confirmed, now: datetime) -> None:
    """Use the token up. Raises ConflictError where it was used before."""
    try:
        burn(catalog, f"confirmation/{confirmed.nonce}", confirmed.until, now)
    except ConflictError as error:
        raise ConflictError(
            "it was used already; the list of orders shows what came of it.", field="confirmation"
        ) from error


def _said(holder: str, what: Mapping[str, Any], stamp: str) -> str:
    return json.dumps([holder, what, stamp], ensure_ascii=True, sort_keys=True, default=str)
