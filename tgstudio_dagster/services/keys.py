"""API keys: what programs identify themselves with, and the history of what was asked with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tgstudio_dagster.catalog.people import api_keys
from tgstudio_dagster.catalog.people.api_requests import list_requests
from tgstudio_dagster.catalog.people.models import ApiKey, Request
from tgstudio_dagster.core.vocabulary import CallKind
from tgstudio_dagster.services.scope import Service, does

__all__ = ["ApiKey", "Keys", "Request"]


class Keys(Service):
    """The tenant's keys, as far as the principal may see them: their own, those of all users for an owner."""

    @does("keys.all")
    def all(self) -> list[ApiKey]:
        """The keys that the principal may see, newest first, ended ones too; never their secrets."""
        return api_keys.list_keys(self.scope.catalog, self.scope.principal)

    @does("keys.create")
    def create(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        rate_per_minute: int | None = None,
        ips: Sequence[str] | None = None,
        user_agents: Sequence[str] | None = None,
        tools: Sequence[str] | None = None,
        expires_at: datetime | None = None,
        now: datetime | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key and its secret, which is shown this once. One that a key asks for has no more than that, and ends with it.

        Raises what `catalog.people.api_keys.create_key` does.
        """
        return api_keys.create_key(
            self.scope.catalog,
            self.scope.principal,
            name,
            scopes,
            rate_per_minute=rate_per_minute,
            ips=ips,
            user_agents=user_agents,
            tools=tools,
            expires_at=expires_at,
            parent=self.scope.credential.key,
            now=now or self.scope.clock(),
        )

    @does("keys.revoke")
    def revoke(self, key_id: str, now: datetime | None = None) -> None:
        """End a key at once. Raises NotFoundError where the principal sees no key of this id."""
        api_keys.revoke_key(self.scope.catalog, self.scope.principal, key_id, now=now or self.scope.clock())

    @does("keys.calls")
    def calls(
        self, kind: CallKind | None = None, limit: int = 50, cursor: str | None = None
    ) -> tuple[list[Request], str | None]:
        """What was asked by the API or tools, newest first: a page, and the cursor of the next one (None: the last)."""
        return list_requests(self.scope.catalog, self.scope.principal, kind=kind, limit=limit, cursor=cursor)
