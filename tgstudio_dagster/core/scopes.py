"""Roles and the scopes of API keys: which there are, and which scopes a role can have. Who needs which: services/policy.py."""

from __future__ import annotations

from collections.abc import Set
from typing import Literal, get_args

from tgstudio_dagster.core.errors import ForbiddenError
from tgstudio_dagster.core.principal import Principal, Role

KeyScope = Literal["read", "order", "send", "admin"]
Scopes = Set[str]
SCOPES: tuple[KeyScope, ...] = get_args(KeyScope)
RANK: dict[Role, int] = {"viewer": 0, "editor": 1, "owner": 2, "operator": 3}
"""A role may do what those of a lower rank may."""
_SCOPES_OF: dict[Role, frozenset[KeyScope]] = {
    "viewer": frozenset({"read"}),
    "editor": frozenset({"read", "order", "send"}),
    "owner": frozenset(SCOPES),
    "operator": frozenset(SCOPES),
}


def scopes_of(role: Role) -> frozenset[KeyScope]:
    """What a role may do: a viewer reads; an editor also orders and sends; an owner also administers."""
    return _SCOPES_OF[role]


def check_scope(scope: str, principal: Principal, scopes: Scopes) -> None:
    """Raises ForbiddenError where the scope is not among the visitor's: for want of a role, or left out of their key."""
    if scope in scopes:
        return
    who = f"the role {principal.role} may not {scope}"
    if scope in scopes_of(principal.role):
        who = f"this key has not the scope {scope!r}; it has {', '.join(sorted(scopes))}"
    raise ForbiddenError(f"{who}.", field="scope")
