"""Imports: what each of the tenant's has read and rejected, however it was begun."""

from __future__ import annotations

from tgstudio_dagster.catalog.work.imports import ImportState, Reject, list_imports, rejects
from tgstudio_dagster.services.scope import Service, does

__all__ = ["ImportState", "Imports", "Reject"]


class Imports(Service):
    """The tenant's imports."""

    @does("imports.sources")
    def sources(self) -> list[ImportState]:
        """What was imported, however it was begun, newest first: counts of each file."""
        return list_imports(self.scope.catalog, self.scope.tenant.slug)

    @does("imports.rejects")
    def rejects(self, import_id: str) -> list[Reject]:
        """What an import rejected, in the file's order."""
        return rejects(self.scope.catalog, self.scope.tenant.slug, import_id)
