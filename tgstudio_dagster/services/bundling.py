"""Analysts' bundles: asking for one, how far it is, and its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from tgstudio_dagster.catalog.work.bundles import Bundle, BundleFormat, create_bundle, get_bundle, list_bundles
from tgstudio_dagster.core.errors import ConflictError, FieldError, SettingsError
from tgstudio_dagster.lake.bundle import BUNDLE_TABLES
from tgstudio_dagster.lake.tables import TABLES
from tgstudio_dagster.services.exporting import MediaFile

if TYPE_CHECKING:
    from tgstudio_dagster.services.facade import Studio

MAX_DAYS = 3_660


def bundles(studio: Studio) -> list[Bundle]:
    """The tenant's bundles, newest first: status, bytes, error."""
    return list_bundles(studio.catalog, studio.principal)


def request_bundle(
    studio: Studio,
    first: date,
    last: date,
    tables: Sequence[str] = (),
    format: BundleFormat = "both",
    *,
    now: datetime,
) -> Bundle:
    """Ask for tables (default: `lake.bundle.BUNDLE_TABLES`) of a range of days as a zip; a sensor has it built.

    Raises SettingsError for days, tables or a format that make no bundle, ConflictError where too many wait already.
    """
    studio.may_edit("ask for bundles")
    if unknown := sorted(set(tables) - set(TABLES)):
        raise FieldError("tables", f"{', '.join(unknown)} is no table; name some of {', '.join(TABLES)}.")
    if (last - first).days >= MAX_DAYS:
        raise SettingsError(f"first, last: {(last - first).days + 1} days are too many; ask for at most {MAX_DAYS}.")
    wanted = list(tables or BUNDLE_TABLES)
    return create_bundle(
        studio.catalog, studio.principal, first=first, last=last, tables=wanted, format=format, now=now
    )


def open_bundle(studio: Studio, bundle_id: str) -> MediaFile:
    """The bundle's zip. Raises NotFoundError, or ConflictError where it is not built."""
    found = get_bundle(studio.catalog, studio.principal, bundle_id)
    if found.status != "done" or found.uri is None:
        raise ConflictError(f"Bundle {bundle_id} is {found.status}: {found.error or 'wait until it is done'}.")
    return replace(studio.media_file(found.uri), name=f"{studio.tenant.slug}-{found.first}-{found.last}.zip")
