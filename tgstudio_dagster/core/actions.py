"""What an action is: one thing that may be done, and what the policy says of it (services/policy.py lists them)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tgstudio_dagster.core.principal import Role
from tgstudio_dagster.core.scopes import KeyScope

Door = Literal["route", "tool", "page", "command"]


@dataclass(frozen=True)
class Action:
    """One thing that may be done; `name` is `noun.method`.

    `scope` is what a program's key needs, None: no key may; `anybody` needs no scope, only to be signed in. `what` ends the
    refusal "a viewer may read, not …", `refusal` replaces it. `confirmed` are the doors that ask first. `quotas` are limits
    of the plan. `turn`: it reads so much of the lake that few may do it at a time. `recent`: a session must have
    signed in within the last minutes (services/scope.py).
    """

    name: str
    role: Role = "viewer"
    scope: KeyScope | None = "read"
    anybody: bool = False
    what: str = ""
    refusal: str = ""
    confirmed: tuple[Door, ...] = ()
    quotas: tuple[str, ...] = ()
    turn: bool = False
    recent: bool = False
    routes: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()

    @property
    def noun(self) -> str:
        """What it is done to."""
        return self.name.partition(".")[0]
