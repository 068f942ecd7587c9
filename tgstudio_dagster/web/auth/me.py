"""Who asks: what a session or a key is told of itself."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from tgstudio_dagster.catalog.people.logins import tenants_of
from tgstudio_dagster.web.who import Visitor, platform_of, visitor

router = APIRouter()


class Me(BaseModel):
    """Who asks. `csrf` is for the header X-CSRF-Token of a session's unsafe calls; a key needs none."""

    user: dict[str, Any]
    tenant: str
    role: str
    scopes: list[str]
    tenants: list[str]
    language: str
    csrf: str | None


@router.get("/v1/me", tags=["session"])
def me(request: Request, who: Annotated[Visitor, Depends(visitor())]) -> Me:
    """Who you are here, what you may do, and where else you may work."""
    platform = platform_of(request)
    user = who.user
    return Me(
        user={"id": user.id, "name": user.name, "telegram_id": user.telegram_id, "username": user.username},
        tenant=who.principal.tenant,
        role=who.principal.role,
        scopes=sorted(who.scopes),
        tenants=[one.slug for one in tenants_of(platform.catalog, user)] if who.sid else [who.principal.tenant],
        language=who.language,
        csrf=platform.csrf_token(who.sid) if who.sid else None,
    )
