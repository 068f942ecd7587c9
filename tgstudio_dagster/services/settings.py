"""What a tenant decides about itself."""

from __future__ import annotations

from tgstudio_dagster.catalog.people import tenants
from tgstudio_dagster.catalog.people.audit import audit
from tgstudio_dagster.catalog.people.ranking_weights import COUNTERS, SHIPPED, RankingWeights
from tgstudio_dagster.catalog.people.tenant_settings import Filters, TenantSettings
from tgstudio_dagster.core.errors import FieldError, ForbiddenError
from tgstudio_dagster.services.people import inside
from tgstudio_dagster.services.policy import POLICY
from tgstudio_dagster.services.scope import Service, does

__all__ = ["COUNTERS", "SHIPPED", "Filters", "OwnSettings", "RankingWeights", "TenantSettings"]

OPENING = ("sending", "allowed_ips")
"""Settings by which a tenant opens or closes a door: the action `settings.open`."""


class OwnSettings(Service):
    """The tenant's settings."""

    @does("settings.get")
    def get(self) -> TenantSettings:
        """What the tenant has set, the defaults for the rest."""
        return self.scope.settings()

    @does("settings.put")
    def put(self, settings: TenantSettings) -> TenantSettings:
        """Replace what the tenant has set. Raises ForbiddenError where an editor would change what is an owner's."""
        scope = self.scope
        before = tenants.tenant_settings(scope.catalog, scope.tenant.slug)
        changed = [name for name in TenantSettings.model_fields if getattr(settings, name) != getattr(before, name)]
        locked = [name for name in changed if name in OPENING]
        if locked and not scope.may("settings.open"):
            raise ForbiddenError(POLICY["settings.open"].refusal, field=", ".join(locked))
        if locked and scope.credential.key is not None:
            raise ForbiddenError("a key changes nothing of that; sign in to do it.", field=", ".join(locked))
        if locked:
            scope.allow("settings.open")
        ip = scope.credential.ip
        if (
            "allowed_ips" in changed
            and ip is not None
            and settings.allowed_ips
            and not inside(ip, settings.allowed_ips)
        ):
            raise FieldError("allowed_ips", f"they would shut you out: you are at {ip}. Add it, or a network with it.")
        tenants.put_settings(scope.catalog, scope.tenant.slug, settings)
        if changed:
            audit(scope.catalog, scope.principal, "settings.put", None, {"changed": changed})
        return settings
