"""What a tenant decides about itself: settings, keys, and the history of what was asked with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from tgstudio_dagster.catalog.people import api_keys, tenants
from tgstudio_dagster.catalog.people.api_requests import list_requests
from tgstudio_dagster.catalog.people.audit import audit
from tgstudio_dagster.catalog.people.models import ApiKey, Request
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.core.errors import ForbiddenError

if TYPE_CHECKING:
    from tgstudio_dagster.services.facade import Studio

OWNERS = ("sending", "allowed_ips")
"""Settings by which a tenant opens or closes a door: an owner's to change."""


def put_settings(studio: Studio, settings: TenantSettings) -> TenantSettings:
    """Replace what the tenant has set. Raises ForbiddenError where an editor would change what is an owner's."""
    studio.may_edit("change settings")
    before = studio.settings
    changed = [name for name in TenantSettings.model_fields if getattr(settings, name) != getattr(before, name)]
    if studio.principal.role == "editor" and (locked := [name for name in changed if name in OWNERS]):
        raise ForbiddenError("only an owner of the tenant may change that; ask one.", field=", ".join(locked))
    tenants.put_settings(studio.catalog, studio.tenant.slug, settings)
    if changed:
        audit(studio.catalog, studio.principal, "settings.put", None, {"changed": changed})
    return settings


def keys(studio: Studio) -> list[ApiKey]:
    """The keys that the principal may see, newest first, ended ones too; never their secrets."""
    return api_keys.list_keys(studio.catalog, studio.principal)


def create_key(
    studio: Studio,
    name: str,
    scopes: Sequence[str],
    *,
    rate_per_minute: int | None = None,
    ips: Sequence[str] | None = None,
    user_agents: Sequence[str] | None = None,
    tools: Sequence[str] | None = None,
    expires_at: datetime | None = None,
    now: datetime,
) -> tuple[ApiKey, str]:
    """A new key and its secret, which is shown this once (see `catalog.api_keys`)."""
    studio.may_edit("make keys")
    return api_keys.create_key(
        studio.catalog,
        studio.principal,
        name,
        scopes,
        rate_per_minute=rate_per_minute,
        ips=ips,
        user_agents=user_agents,
        tools=tools,
        expires_at=expires_at,
        now=now,
    )


def revoke_key(studio: Studio, key_id: str, now: datetime) -> None:
    """End a key at once. Raises NotFoundError where the principal sees no key of this id."""
    studio.may_edit("revoke keys")
    api_keys.revoke_key(studio.catalog, studio.principal, key_id, now=now)


def requests(
    studio: Studio, kind: Literal["api", "mcp"] | None = None, limit: int = 50, cursor: str | None = None
) -> tuple[list[Request], str | None]:
    """What was asked by the API or tools, newest first: a page, and the cursor of the next one (None: the last)."""
    return list_requests(studio.catalog, studio.principal, kind=kind, limit=limit, cursor=cursor)
