"""What one tenant decides about itself, as models: filters of what comes in, voice of what goes out.

Kept as JSON in the catalog's `settings` rows (see `tenants.py`); applied by `posts/filters.py` and the newsroom.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from ipaddress import ip_network
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tgstudio_dagster.catalog.people.ranking_weights import RankingWeights
from tgstudio_dagster.core.errors import FieldError
from tgstudio_dagster.core.vocabulary import Goal, Language, PlatformName, Tone


class Filters(BaseModel):
    """What a tenant lets in. An empty list means no restriction; words and hashtags compare without case."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_file_size: int = Field(default=20 * 2**20, ge=0, description="Bytes; larger files are listed, not stored.")
    media_kinds: tuple[str, ...] = Field(default=(), description="Kinds of media to store, for example photo, video.")
    extensions: tuple[str, ...] = Field(default=(), description="File extensions to store, without the dot.")
    media_channels: tuple[str, ...] = Field(
        default=(), description="Store media of these channels only: usernames without @, or ids."
    )
    media_keywords: tuple[str, ...] = Field(
        default=(), description="Store media only of posts whose text holds one of these words."
    )
    keywords: tuple[str, ...] = Field(default=(), description="Keep posts whose text holds one of these words.")
    exclude_keywords: tuple[str, ...] = Field(default=(), description="Drop posts whose text holds one of these.")
    hashtags: tuple[str, ...] = Field(default=(), description="Keep posts with one of these hashtags, without #.")
    since: date | None = Field(default=None, description="Drop posts before this day (UTC).")
    until: date | None = Field(default=None, description="Drop posts after this day (UTC).")
    channels: tuple[str, ...] = Field(default=(), description="Keep these channels: usernames without @, or ids.")
    senders: tuple[int, ...] = Field(default=(), description="Keep posts of these sender ids.")
    types: tuple[str, ...] = Field(default=(), description="Keep posts of these types, for example text, photo.")


class TenantSettings(BaseModel):
    """Everything a tenant may set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    time_zone: str = Field(
        default="UTC", description="IANA name; for display, post times, and local times of old exports."
    )
    language: Language = Field(default="ru", description="Language of editor results.")
    tone: Tone = Field(default="neutral", description="Tone of editor results.")
    platforms: tuple[PlatformName, ...] = Field(default=("tg", "vk", "x", "ig"), description="Packages of an order.")
    vk_text_limit: int = Field(default=16384, ge=100, description="VK's post limit: sources say 2048 or 16384.")
    sending: bool = Field(default=False, description="Whether its accounts may post to Telegram (`tgstudio send`).")
    allowed_ips: tuple[str, ...] = Field(
        default=(), description="Addresses or networks (CIDR) that may use the studio and the API; empty: any."
    )
    filters: Filters = Filters()
    ranking: RankingWeights = Field(default=RankingWeights(), description="Weights of the ranking formula.")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in _zones():
            raise ValueError(f"{value!r} is no IANA time zone; write for example Europe/Moscow")
        return value

    @field_validator("allowed_ips")
    @classmethod
    def _known_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        # What is no network would be compared with every caller's address, and shut everyone out.
        for one in value:
            try:
                ip_network(one, strict=False)
            except ValueError as error:
                raise ValueError(
                    f"{one!r} is no address or network; write for example 192.0.2.7 or 192.0.2.0/24"
                ) from error
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.time_zone)


@cache
def _zones() -> set[str]:
    # It looks through the machine's files: too slow to do whenever settings are read.
    return available_timezones()


class OrderRequest(BaseModel):
    """What a user may choose about an order; what is not chosen comes from the tenant's settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    platforms: tuple[PlatformName, ...] = ()
    language: Language | None = None
    tone: Tone | None = None
    goal: Goal = "packages"

    @classmethod
    def parse(
        cls, *, platforms: str | None, language: str | None, tone: str | None, goal: str = "packages"
    ) -> OrderRequest:
        """From a command line's words; raises SettingsError that names the field and what it may be."""
        names = tuple(dict.fromkeys(part.strip() for part in platforms.split(","))) if platforms else ()
        try:
            return cls.model_validate({"platforms": names, "language": language, "tone": tone, "goal": goal})
        except ValidationError as error:
            first = error.errors()[0]
            raise FieldError(
                str(first["loc"][0]), f"{first['input']!r} is not known; {first['msg'].lower()}."
            ) from error
