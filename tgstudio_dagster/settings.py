"""Every environment variable of TG Studio: typed, documented, checked at start.

What one machine decides belongs here. What one tenant decides (filters, language, tone, time zone) is a catalog row:
see `catalog/tenants.py`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tgstudio_dagster.errors import SettingsError


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
    dagster_port: int = Field(default=3070, ge=1, le=65535, description="Port of Dagster's UI, on loopback.")
    first_day: str = Field(
        default="2020-01-01",
        pattern=r"^\d{4}-\d{2}-\d{2}$",
        description="First day (UTC) of the `date` partitions; older messages are rejected by name.",
    )

    @property
    def catalog_url(self) -> str:
        """SQLAlchemy URL of the catalog."""
        if self.database_url is None:
            return f"sqlite:///{self.home.resolve() / 'catalog.sqlite'}"
        if self.database_url.startswith("postgresql://"):
            raise SettingsError(
                "TGSTUDIO_DATABASE_URL: write postgresql+psycopg2://… (SQLAlchemy maps postgresql:// to another driver)."
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


@cache
def settings() -> Settings:
    """The process's settings, read once. Raises SettingsError that names the variable and what it should be."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "TGSTUDIO_" + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"{name}: {first['msg']}. Set it right, or unset it for the default.") from error
