"""Who asks: a principal is a user (or the machine's operator) acting within one tenant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["owner", "editor", "viewer", "operator"]


@dataclass(frozen=True)
class Principal:
    """Everything a front end does, it does as one of these. `user_id` is None for the operator at the command line."""

    tenant: str
    user_id: str | None
    role: Role

    @property
    def may_edit(self) -> bool:
        """Whether it may order, subscribe and set; a viewer only reads."""
        return self.role != "viewer"
