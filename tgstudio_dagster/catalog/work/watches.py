"""Watches: what a program has its tenant's posts looked through for, and how far it was told of them.

What is new to a watch stands in posts/watching.py; this module keeps its rule and its cursor.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.plans import lock_tenant
from tgstudio_dagster.catalog.people.audit import audit
from tgstudio_dagster.catalog.work.models import Watch
from tgstudio_dagster.core.errors import ConflictError, FieldError, ForbiddenError, NotFoundError
from tgstudio_dagster.core.ids import new_id
from tgstudio_dagster.core.principal import Principal

__all__ = ["MAX_WATCHES", "Watch", "WatchRule", "add_watch", "drop_watch", "get_watch", "list_watches", "move_watch"]

MAX_WATCHES = 100
"""Watches of one tenant."""
_LONGEST_NAME = 100
_Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
_Words = Annotated[tuple[_Word, ...], Field(max_length=50)]


class WatchRule(BaseModel):
    """Which posts a watch is for. An empty list means no restriction; words compare without case, wherever they stand."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    words: _Words = Field(default=(), description="Every one of these stands in the text.")
    any_words: _Words = Field(default=(), description="At least one of these stands in the text.")
    channels: _Words = Field(default=(), description="Usernames, with or without @, or ids.")
    langs: _Words = Field(default=(), description="Language codes, for example ru.")
    types: _Words = Field(default=(), description="Types, for example text, photo, video; default: all but service.")

    @model_validator(mode="after")
    def _restricts(self) -> WatchRule:
        if not (self.words or self.any_words or self.channels or self.langs or self.types):
            raise ValueError("name at least one of words, any_words, channels, langs or types")
        return self

    @classmethod
    def parse(cls, given: dict[str, Any]) -> WatchRule:
        """From plain values; raises SettingsError that names the field."""
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "rule"
            raise FieldError(where, f"{first['msg'].removeprefix('Value error, ')}.") from error


def add_watch(catalog: Catalog, principal: Principal, name: str, rule: WatchRule, *, seen: str, now: datetime) -> Watch:
    """A new watch, to be told of what comes after `seen`.

    Raises ForbiddenError for a viewer, SettingsError for the name, ConflictError where there is one of this name, or too
    many.
    """
    _may_edit(principal)
    name = name.strip()
    if not 0 < len(name) <= _LONGEST_NAME:
        raise FieldError("name", f"give the watch a name of 1 to {_LONGEST_NAME} characters.")
    with catalog.tenant_session(principal, writing=True) as session:
        lock_tenant(session, principal)
        if session.scalar(select(Watch.id).where(Watch.name == name)) is not None:
            raise ConflictError(f"there is a watch {name!r} already; choose another, or delete that one.", field="name")
        if (session.scalar(select(func.count()).select_from(Watch)) or 0) >= MAX_WATCHES:
            raise ConflictError(f"a tenant has {MAX_WATCHES} at most; delete one that is not needed.", field="watches")
        watch = Watch(
            id=new_id(),
            tenant=principal.tenant,
            name=name,
            definition=rule.model_dump(mode="json"),
            seen=seen,
            created_by=principal.user_id,
            created_at=now,
            updated_at=now,
        )
        session.add(watch)
        audit(session, principal, "watch.create", watch.id, {"name": name})
        return watch


def list_watches(catalog: Catalog, principal: Principal) -> list[Watch]:
    """The tenant's watches, by name."""
    with catalog.tenant_session(principal) as session:
        return list(session.scalars(select(Watch).order_by(Watch.name)))


def get_watch(catalog: Catalog, principal: Principal, named: str) -> Watch:
    """The tenant's watch of this id or name. Raises NotFoundError where there is none."""
    with catalog.tenant_session(principal) as session:
        return _get(session, named)


def move_watch(catalog: Catalog, principal: Principal, named: str, *, seen: str, now: datetime) -> Watch:
    """Keep that the watch was told of everything up to `seen`. Raises ForbiddenError for a viewer, NotFoundError."""
    _may_edit(principal)
    with catalog.tenant_session(principal, writing=True) as session:
        watch = _get(session, named)
        watch.seen, watch.updated_at = seen, now
        return watch


def drop_watch(catalog: Catalog, principal: Principal, named: str) -> Watch:
    """Remove the watch. Raises ForbiddenError for a viewer, NotFoundError."""
    _may_edit(principal)
    with catalog.tenant_session(principal, writing=True) as session:
        watch = _get(session, named)
        session.delete(watch)
        audit(session, principal, "watch.delete", watch.id, {"name": watch.name})
        return watch


def _get(session: Session, named: str) -> Watch:
    # An id first: a name may read like another's id.
    found = list(session.scalars(select(Watch).where(or_(Watch.id == named, Watch.name == named)).limit(2)))
    if not found:
        raise NotFoundError(f"There is no watch {named[:_LONGEST_NAME]!r}; list the watches for their names.")
    return next((one for one in found if one.id == named), found[0])


def _may_edit(principal: Principal) -> None:
    if not principal.may_edit:
        raise ForbiddenError(
            "a viewer may read watches, not change them; ask an editor or an owner of the tenant.", field="role"
        )
