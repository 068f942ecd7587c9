"""What every catalog table is made of: the declarative base, UTC times, ids, and the mark of a row that a tenant owns.

No table belongs here (see models.py and its neighbours), no query and no connection.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    MetaData,
    String,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from sqlalchemy.types import TypeDecorator

SLUG_LENGTH = 40
ID_LENGTH = 26
"""Length of a ULID."""


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware on the way in (a naive one raises ValueError), in UTC on the way out.

    SQLite has no time zones, so what it stores is UTC without one.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC for the database."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; the catalog takes aware times only")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC, aware."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all catalog tables; constraint names follow one pattern so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[Any]: JSON,
        list[str]: JSON,
    }


class TenantOwned:
    """A row of one tenant: what a tenant's session (engine.py) filters by and checks on write."""

    @declared_attr
    def tenant(cls) -> Mapped[str]:
        """Slug of the tenant."""
        return mapped_column(String(SLUG_LENGTH), ForeignKey("tenants.slug"))


def one_of(column: str, *values: str) -> str:
    """SQL of a check that the column holds one of the values."""
    return f"{column} in ({', '.join(repr(value) for value in values)})"


KEY_LENGTH = SLUG_LENGTH + 1 + ID_LENGTH
"""Length of `<tenant>-<ulid>`."""


def account_key() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant", "account_id"], ["tg_accounts.tenant", "tg_accounts.id"])


def channel_key() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant", "channel_id"], ["channels.tenant", "channels.channel_id"])
