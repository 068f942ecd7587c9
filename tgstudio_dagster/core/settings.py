"""Every environment variable of TG Studio: typed, documented, checked at start. (SESSION_KEY_1…: `catalog/accounts/vault.py`.)

What one machine decides belongs here. What one tenant decides (filters, language, tone, time zone) is a catalog row:
see `catalog/people/tenants.py`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tgstudio_dagster.core.errors import FieldError

_S = TypeVar("_S", bound=BaseSettings)


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
    dagster_url: str | None = Field(
        default=None, description="Dagster's web server, where runs are asked after; default: its port on loopback."
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
        description="Days that runs and their events stay in Dagster's storage; the lake is not touched.",
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
    def dagster_address(self) -> str:
        """Where Dagster's web server answers."""
        return self.dagster_url or f"http://127.0.0.1:{self.dagster_port}"

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


class ReaderSettings(BaseSettings):
    """The process that reads Telegram: `TGSTUDIO_READER_*` variables."""

    model_config = SettingsConfigDict(env_prefix="TGSTUDIO_READER_", extra="ignore", frozen=True)

    host: str = Field(default="127.0.0.1", description="Address of the reader's `/healthz` and `/metrics`.")
    port: int = Field(default=3090, ge=0, le=65535, description="Port of the reader's `/healthz` and `/metrics`.")
    listen: bool = Field(
        default=True,
        description="Whether accounts stay connected and hear of new posts, edits and deletes as they happen.",
    )


class WebSettings(BaseSettings):
    """The web app: `TGSTUDIO_WEB_*` variables. Lists are separated by commas."""

    model_config = SettingsConfigDict(env_prefix="TGSTUDIO_WEB_", extra="ignore", frozen=True)

    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 only behind a proxy with TLS.")
    port: int = Field(default=3080, ge=1, le=65535, description="Port of the web app.")
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^/\s?#@]+$",
        description="What people type: `https://studio.example.org`. Default: `http://127.0.0.1:PORT`.",
    )
    session_keys: SecretStr | None = Field(
        default=None,
        description="Keys that sign sessions, each of 32 characters or more: the first signs, all are accepted. Default: "
        "a random one, kept in the home.",
    )
    session_hours: float = Field(default=12, gt=0, description="A session ends when it is not used for so long.")
    session_days: float = Field(
        default=30, gt=0, description="A session ends after so long even where it is used all the time."
    )
    upload_megabytes: int = Field(
        default=512,
        ge=1,
        description="Largest file that is taken in by the browser; it is held in memory until it is stored.",
    )
    sign_up: bool = Field(
        default=False, description="Whether an unknown person who signs in gets a tenant of their own."
    )
    bot_token: SecretStr | None = Field(
        default=None, description="Token of the bot whose login widget signs people in."
    )
    bot_name: str | None = Field(default=None, pattern=r"^\w{5,32}$", description="Username of that bot, without @.")
    oidc_issuer: str = Field(
        default="https://oauth.telegram.org",
        pattern=r"^https?://\S+$",
        description="Issuer of Telegram's OpenID Connect.",
    )
    oidc_client_id: str | None = Field(default=None, description="The bot's id, as BotFather's Web Login shows it.")
    oidc_client_secret: SecretStr | None = Field(default=None, description="The secret that BotFather shows beside it.")
    cors_origins: str = Field(default="", description="Origins whose pages may call `/v1` with a key; none by default.")
    trusted_proxies: str = Field(
        default="", description="Addresses or networks of proxies whose X-Forwarded-For and -Proto are believed."
    )
    redis_url: SecretStr | None = Field(
        default=None,
        description="`redis://…` that counts calls of a minute for several web processes; else each counts.",
    )

    @property
    def origin(self) -> str:
        """Scheme, host and port of what people type."""
        return self.public_url or f"http://127.0.0.1:{self.port}"

    @property
    def origins(self) -> frozenset[str]:
        """Origins whose pages are this web app's own."""
        own = {self.origin}
        return frozenset(own if self.public_url else own | {f"http://localhost:{self.port}"})


@cache
def settings() -> Settings:
    """The process's settings, read once. Raises SettingsError that names the variable and what it should be."""
    return _read(Settings)


@cache
def telegram_settings() -> TelegramSettings:
    """How this process reaches Telegram, read once. Raises SettingsError as `settings` does."""
    return _read(TelegramSettings)


@cache
def reader_settings() -> ReaderSettings:
    """How this process reads for all tenants, read once. Raises SettingsError as `settings` does."""
    return _read(ReaderSettings)


@cache
def web_settings() -> WebSettings:
    """How this process serves the web app, read once. Raises SettingsError as `settings` does."""
    return _read(WebSettings)


def _read(kind: type[_S]) -> _S:
    try:
        return kind()
    except ValidationError as error:
        first = error.errors()[0]
        prefix = kind.model_config.get("env_prefix", "")
        name = prefix + "_".join(str(part) for part in first["loc"]).upper()
        raise FieldError(name, f"{first['msg']}. Set it right, or unset it for the default.") from error
