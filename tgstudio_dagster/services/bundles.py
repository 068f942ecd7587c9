"""Analysts' bundles: asking for one, how far it is, and its file; and the tables that one may hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from tgstudio_dagster.capabilities import hidden_tables
from tgstudio_dagster.catalog.work.bundles import Bundle, create_bundle, get_bundle, list_bundles
from tgstudio_dagster.core.errors import ConflictError, FieldError, SettingsError
from tgstudio_dagster.core.vocabulary import BundleFormat
from tgstudio_dagster.lake.bundle import BUNDLE_TABLES
from tgstudio_dagster.lake.tables import TABLES
from tgstudio_dagster.services.files import MediaFile, open_file
from tgstudio_dagster.services.scope import Scope, Service, does

__all__ = ["BUNDLE_TABLES", "TABLES", "Bundle", "Bundles", "tables_of"]

MAX_DAYS = 3_660


def tables_of(scope: Scope) -> list[str]:
    """The tables that the tenant has: none of a capability that it lacks."""
    hidden = hidden_tables(scope.off())
    return [name for name in TABLES if name not in hidden]


class Bundles(Service):
    """The tenant's bundles."""

    @does("bundles.all")
    def all(self) -> list[Bundle]:
        """The tenant's bundles, newest first: status, bytes, error."""
        return list_bundles(self.scope.catalog, self.scope.principal)

    @does("bundles.get")
    def get(self, bundle_id: str) -> Bundle:
        """How far a bundle has come. Raises NotFoundError."""
        return get_bundle(self.scope.catalog, self.scope.principal, bundle_id)

    @does("bundles.request")
    def request(
        self,
        first: date,
        last: date,
        tables: Sequence[str] = (),
        format: BundleFormat = "both",
        *,
        now: datetime | None = None,
    ) -> Bundle:
        """Ask for tables (default: `lake.bundle.BUNDLE_TABLES`) of a range of days as a zip; a sensor has it built.

        Raises SettingsError for days, tables or a format that make no bundle, ConflictError where too many wait already.
        """
        known = tables_of(self.scope)
        if unknown := sorted(set(tables) - set(known)):
            raise FieldError("tables", f"{', '.join(unknown)} is no table; name some of {', '.join(known)}.").coded(
                "bundle.tables", tables=", ".join(unknown)
            )
        if (last - first).days >= MAX_DAYS:
            raise SettingsError(
                f"first, last: {(last - first).days + 1} days are too many; ask for at most {MAX_DAYS}."
            ).coded("days.too_many", count=(last - first).days + 1, limit=MAX_DAYS)
        return create_bundle(
            self.scope.catalog,
            self.scope.principal,
            first=first,
            last=last,
            tables=list(tables or [name for name in BUNDLE_TABLES if name in known]),
            format=format,
            now=now or self.scope.clock(),
        )

    @does("bundles.open")
    def open(self, bundle_id: str) -> MediaFile:
        """The bundle's zip. Raises NotFoundError, or ConflictError where it is not built."""
        bundle = get_bundle(self.scope.catalog, self.scope.principal, bundle_id)
        if bundle.status != "done" or bundle.uri is None:
            raise ConflictError(f"Bundle {bundle_id} is {bundle.status}: {bundle.error or 'wait until it is done'}.")
        name = f"{self.scope.tenant.slug}-{bundle.first}-{bundle.last}.zip"
        return replace(open_file(self.scope, bundle.uri), name=name)
