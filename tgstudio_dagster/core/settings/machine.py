"""What one machine decides: `TGSTUDIO_*` variables that every process reads."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from tgstudio_dagster.core.errors import FieldError

DAGSTER_PATH = "/dagster"
"""Dagster's UI, below the studio's address."""
LONGEST_SOCKET = 100
"""Bytes of a socket's path: the system takes 107."""


class Settings(BaseSettings):
    """All settings, read from `TGSTUDIO_*` variables (S3 credentials also from the usual `AWS_*` ones)."""

    model_config = SettingsConfigDict(env_prefix="TGSTUDIO_", extra="ignore", frozen=True)

    home: Path = Field(
        default=Path(".tgstudio"),
        description="Folder of the embedded profile: catalog, lake, Dagster's storage and logs.",
    )
    database_url: str | None = Field(
        default=None,
        description="SQLAlchemy URL of the catalog; `postgresql+psycopg2://…` in production. Default: SQLite in the home.",
    )
    lake_url: str | None = Field(
        default=None, description="Root of the lake: a folder, or `s3://bucket/prefix`. Default: `lake` in the home."
    )
    s3_endpoint_url: str | None = Field(
        default=None, description="Endpoint of an S3-compatible store (MinIO, SeaweedFS); unset for AWS."
    )
    s3_access_key_id: str | None = Field(default=None, description="S3 key id; unset: the AWS default chain.")
    s3_secret_access_key: SecretStr | None = Field(default=None, description="S3 secret.")
    dagster_socket: Path | None = Field(
        default=None,
        description="Socket of Dagster's web server, which the web app and the reader share with it. Default: in the home.",
    )
    alert_url: SecretStr | None = Field(
        default=None, description="Address that is sent a POST of JSON when runs fail; it may carry a token."
    )
    capabilities: str = Field(
        default="", description="Capabilities of others: `module:NAME`, several separated by commas."
    )
    outbox_days: int = Field(
        default=30, ge=1, description="Days that events and their deliveries to webhooks are kept, told or not."
    )
    webhook_http: bool = Field(default=False, description="Whether webhooks may be posted without TLS (http://).")
    webhook_private: bool = Field(
        default=False, description="Whether webhooks may reach private, loopback and link-local addresses."
    )
    first_day: str = Field(
        default="2013-08-01",
        pattern=r"^\d{4}-\d{2}-\d{2}$",
        description="First day (UTC) that posts are taken from; older ones are rejected. Its month is the first partition.",
    )
    retention_days: int = Field(
        default=30,
        ge=1,
        description="Days that runs and their events stay in Dagster's storage, and answers of models in the catalog; the "
        "lake is not touched.",
    )
    embeddings_model: str = Field(
        default="lexical",
        min_length=1,
        description="`lexical`: words alone; `ml`: the extra's own sentence model; or another model's name or folder.",
    )
    embeddings_device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Where the sentence model runs; auto: the GPU where there is one."
    )
    embeddings_batch: int | None = Field(
        default=None, ge=1, description="Texts at a time. Default: 1 on a CPU (as quick as more), 32 on a GPU."
    )

    @property
    def dagster_socket_path(self) -> Path:
        """Where Dagster's web server listens: in the home, or below the folder for temporary files where that is too long."""
        path = (self.dagster_socket or self.home / "dagster.sock").resolve()
        if len(os.fsencode(path)) <= LONGEST_SOCKET:
            return path
        name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"tgstudio-{os.getuid()}" / f"{name}.sock"

    @property
    def catalog_url(self) -> str:
        """SQLAlchemy URL of the catalog."""
        if self.database_url is None:
            return f"sqlite:///{self.home.resolve() / 'catalog.sqlite'}"
        if self.database_url.startswith("postgresql://"):
            raise FieldError(
                "TGSTUDIO_DATABASE_URL",
                "write postgresql+psycopg2://… (SQLAlchemy maps postgresql:// to another driver).",
            )
        return self.database_url

    @property
    def lake_root(self) -> str:
        """Root of the lake: an absolute folder or an `s3://` URL, without a trailing slash."""
        if self.lake_url is None:
            return str(self.home.resolve() / "lake")
        if "://" in self.lake_url:
            return self.lake_url.rstrip("/")
        return str(Path(self.lake_url).resolve())
