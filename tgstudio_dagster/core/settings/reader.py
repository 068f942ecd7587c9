"""The reader: `TGSTUDIO_READER_*` variables."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ReaderSettings(BaseSettings):
    """The process that reads Telegram: `TGSTUDIO_READER_*` variables."""

    model_config = SettingsConfigDict(env_prefix="TGSTUDIO_READER_", extra="ignore", frozen=True)

    host: str = Field(default="127.0.0.1", description="Address of the reader's `/healthz` and `/metrics`.")
    port: int = Field(default=3090, ge=0, le=65535, description="Port of the reader's `/healthz` and `/metrics`.")
    listen: bool = Field(
        default=True,
        description="Whether accounts stay connected and hear of new posts, edits and deletes as they happen.",
    )
