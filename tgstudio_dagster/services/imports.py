"""Imports: those begun in the browser, and what every import of the tenant has read and rejected."""

from __future__ import annotations

from typing import BinaryIO

from tgstudio_dagster.catalog.work.imports import ImportState, Reject, list_imports, rejects
from tgstudio_dagster.services import importing
from tgstudio_dagster.services.importing import Import
from tgstudio_dagster.services.scope import Service, does

__all__ = ["Import", "ImportState", "Imports", "Reject"]


class Imports(Service):
    """The tenant's imports."""

    @does("imports.all")
    def all(self) -> list[Import]:
        """The imports that were begun in the browser, newest first, and how far they are."""
        return importing.imports(self.scope.machine().home, self.scope.principal)

    @does("imports.sources")
    def sources(self) -> list[ImportState]:
        """What was imported, however it was begun, newest first: counts of each file."""
        return list_imports(self.scope.catalog, self.scope.tenant.slug)

    @does("imports.rejects")
    def rejects(self, import_id: str) -> list[Reject]:
        """What an import rejected, in the file's order."""
        return rejects(self.scope.catalog, self.scope.tenant.slug, import_id)

    @does("imports.upload")
    def upload(self, name: str, content: BinaryIO) -> Import:
        """Keep what was uploaded, and begin to import it. Raises SourceError for what is no .json, .jsonl or .zip."""
        return importing.upload(self.scope.machine().home, self.scope.principal, name, content)

    @does("imports.from_path")
    def from_path(self, path: str) -> Import:
        """Begin to import a file or folder of this machine: a path reaches other tenants' files. Raises SourceError."""
        return importing.import_from(self.scope.machine().home, self.scope.principal, path)

    @does("imports.proceed")
    def proceed(self, import_id: str) -> Import:
        """Go on with an import that was stopped or failed. Raises NotFoundError, ConflictError where it runs or is through."""
        return importing.proceed(self.scope.machine().home, self.scope.principal, import_id)

    @does("imports.forget")
    def forget(self, import_id: str) -> None:
        """Take an import off the list; what it has imported stays. Raises NotFoundError, ConflictError while it runs."""
        importing.forget(self.scope.machine().home, self.scope.principal, import_id)
