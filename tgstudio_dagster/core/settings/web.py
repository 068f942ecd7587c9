"""The web app: `TGSTUDIO_WEB_*` variables."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


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
        description="Largest file that is taken in by the browser, where it waits on the disk.",
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
