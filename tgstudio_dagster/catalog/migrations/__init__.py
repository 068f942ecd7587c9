"""How the catalog's tables came to be: one module per step in versions/, run by Catalog.upgrade().

A step names its tables and columns itself and imports no model: models move on, steps stay as they were.
"""

from __future__ import annotations

HEAD = "0011"
"""Name of the newest step; a test compares it with the modules in versions/."""

VERSION_TABLE = "tgstudio_version"
"""Not Alembic's own name: in production Dagster keeps its `alembic_version` in the same database."""


def version_table(capability: str) -> str:
    """Where the state of a capability's own tables stands: they come, and may stay, without the catalog's steps knowing."""
    return f"{VERSION_TABLE}_{capability}"
