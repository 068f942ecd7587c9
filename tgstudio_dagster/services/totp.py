"""Codes of an authenticator app (RFC 6238): six digits that change each half minute."""

from __future__ import annotations

import hmac
from datetime import datetime

import pyotp

ISSUER = "TG Studio"
_EITHER_SIDE = 1
"""Half minutes that a clock may be ahead or behind."""


def new_secret() -> str:
    """A random secret, as apps take it (base32, 160 bits)."""
    return pyotp.random_base32()


def address_of(secret: str, login: str) -> str:
    """The otpauth:// address that an app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER)


def step_of(secret: str, code: str, at: datetime) -> int | None:
    """The number of the half minute whose code this is, around `at`; None where it is none. Compared in constant time."""
    totp, typed = pyotp.TOTP(secret), "".join(code.split())
    now = int(at.timestamp()) // totp.interval
    steps = [
        step
        for step in range(now - _EITHER_SIDE, now + _EITHER_SIDE + 1)
        if hmac.compare_digest(totp.generate_otp(step).encode(), typed.encode())
    ]
    return steps[0] if steps else None
