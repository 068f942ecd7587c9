"""How Telegram is reached, and how gently: `TELEGRAM_*` variables."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class TelegramSettings(BaseSettings):
    """How Telegram is reached, and how gently: `TELEGRAM_*` variables. The paces are this product's own cautious ones.

    Telegram publishes no flood limits: what it asks for is always obeyed, whatever is set here.
    """

    model_config = SettingsConfigDict(env_prefix="TELEGRAM_", extra="ignore", frozen=True)

    api_id: int | None = Field(default=None, ge=1, description="Your application's api_id, from my.telegram.org.")
    api_hash: SecretStr | None = Field(default=None, description="Your application's api_hash.")
    dc: str | None = Field(
        default=None,
        pattern=r"^[1-9]\d{0,4}:[^:\s]+:\d{1,5}$",
        description="Another first data centre, `id:host:port`: a test one. Default: Telegram's own.",
    )
    rsa_public_key_file: Path | None = Field(
        default=None, description="PEM (PKCS#1) of the public key of a test data centre; needed with TELEGRAM_DC."
    )
    proxy: SecretStr | None = Field(
        default=None,
        description="`socks5://user:password@host:port`, `socks4://…` or `http://…`; needs the extra `proxy`.",
    )
    transport: Literal["full", "abridged", "intermediate"] = Field(default="full", description="MTProto's framing.")
    device_name: str = Field(default="TG Studio", min_length=1, description="Shown in Telegram's list of devices.")
    connect_seconds: float = Field(default=20, gt=0, description="To connect and to greet the server.")
    request_seconds: float = Field(default=30, gt=0, description="To answer one call, or one part of a file.")
    retries: int = Field(
        default=4, ge=0, description="Repeats of a call after a lost connection or a fault of Telegram."
    )
    retry_seconds: float = Field(default=1, ge=0, description="Wait before the first repeat; it doubles each time.")
    flood_sleep_seconds: int = Field(
        default=60, ge=0, description="Longest wait that is slept; longer ones end the run."
    )
    page_seconds: float = Field(default=1, ge=0, description="Pace of one account: at least this from page to page.")
    resolves_per_minute: float = Field(default=20, gt=0, description="Usernames looked up, per account.")
    dialogs_per_minute: float = Field(default=1, gt=0, description="Lists of dialogs asked for, per account.")
    joins_per_minute: float = Field(default=2, gt=0, description="Channels joined, per account.")
    batch_messages: int = Field(default=1000, ge=1, description="Messages to one landing and checkpoint.")
    read_minutes: float = Field(
        default=10, gt=0, description="Longest reading of a tenant; the next one goes on there."
    )
    tenants_at_once: int = Field(default=64, ge=1, description="Tenants that the reader reads side by side.")
    observe: str = Field(
        default="1h:10m,6h:30m,24h:2h,48h:6h",
        pattern=r"^\d+[mh]:\d+[mh](,\d+[mh]:\d+[mh])*$",
        description="How often young posts are observed again: `age:interval`, ascending.",
    )
    media_parallel: int = Field(default=3, ge=1, le=16, description="Files downloaded at once, per account.")
    pairing_seconds: float = Field(default=300, gt=0, description="How long a pairing may take.")
    login_attempts: int = Field(default=3, ge=1, description="Wrong codes or passwords before a pairing fails.")
