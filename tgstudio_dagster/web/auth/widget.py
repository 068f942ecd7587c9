"""Telegram's login widget: whether what came back in the address was signed with the bot's token, and is fresh.

https://core.telegram.org/widgets/login#checking-authorization. That a proof is used once is the catalog's matter.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from tgstudio_dagster.core.errors import SignInError

FIELDS = frozenset({"id", "first_name", "last_name", "username", "photo_url", "auth_date"})
"""What Telegram signs. Whatever else is in the address is not Telegram's, and takes no part."""
LONGEST = timedelta(seconds=300)
_AHEAD = timedelta(seconds=30)
"""Telegram's clock may be ahead of this machine's by so much."""


@dataclass(frozen=True)
class TelegramPerson:
    """Whom Telegram vouches for. `proof` may be accepted once, until `expires_at`."""

    telegram_id: int
    name: str
    username: str | None
    proof: str
    expires_at: datetime


def verify_widget(pairs: Iterable[tuple[str, str]], bot_token: SecretStr, now: datetime) -> TelegramPerson:
    """The person whom a callback's query vouches for. Raises SignInError where it does not hold; it never says why exactly."""
    signed: dict[str, str] = {}
    for name, value in pairs:
        if name in FIELDS or name == "hash":
            if name in signed:
                raise SignInError("Telegram's answer names a field twice; sign in again.")
            signed[name] = value
    found = signed.pop("hash", "")
    lines = "\n".join(f"{name}={signed[name]}" for name in sorted(signed))
    key = hashlib.sha256(bot_token.get_secret_value().encode()).digest()
    right = hmac.new(key, lines.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(right.encode(), found.encode()):
        raise SignInError("Telegram's answer is not signed by this bot; sign in again.")
    try:
        telegram_id = int(signed["id"])
        signed_at = datetime.fromtimestamp(int(signed["auth_date"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        raise SignInError("Telegram's answer lacks who signed in, or when; sign in again.") from None
    if not -_AHEAD <= now - signed_at <= LONGEST:
        raise SignInError("Telegram's answer is too old; sign in again. If it goes on, set this machine's clock.")
    name = " ".join(part for part in (signed.get("first_name"), signed.get("last_name")) if part)
    return TelegramPerson(
        telegram_id, name or str(telegram_id), signed.get("username"), right, signed_at + LONGEST + _AHEAD
    )
