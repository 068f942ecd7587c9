"""Packages: what is ready to publish, people's versions of it, what each sentence rests on, and files of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from tgstudio_dagster.catalog.work.edits import add_edit, latest_edits
from tgstudio_dagster.catalog.work.orders import get_order
from tgstudio_dagster.core.vocabulary import ExportFormat
from tgstudio_dagster.lake.tables.newsroom import CONTENT_PACKAGES
from tgstudio_dagster.newsroom import questions
from tgstudio_dagster.newsroom.edits import check_version, hashtags_of, with_hashtags
from tgstudio_dagster.newsroom.fit import clean
from tgstudio_dagster.newsroom.preview import Preview, preview
from tgstudio_dagster.newsroom.provenance import Explanation, SentenceTrace
from tgstudio_dagster.newsroom.records.package import Package as PackageRecord
from tgstudio_dagster.services.package_files import Export, export_orders, save_packages
from tgstudio_dagster.services.package_records import Package, read_package, read_packages, split_id
from tgstudio_dagster.services.scope import Service, does

__all__ = ["Export", "Package", "Packages", "Preview", "SentenceTrace", "split_id"]

_LAID_OVER = ("text", "hashtags", "image_uri", "checks")


class Packages(Service):
    """The tenant's packages."""

    @does("packages.all")
    def all(self, order_id: str | None = None, *, limit: int | None = None, before: str | None = None) -> pl.DataFrame:
        """Packages of one order, or of all, newest order first, with the latest edits laid over.

        Columns as in `sql/packages.sql`, and `edit`: the number of the person's version, null where there is none. `limit`
        is of orders, `before` an order: those older than it.
        """
        if order_id is not None:
            get_order(self.scope.catalog, self.scope.principal, order_id)
            wanted = [order_id]
        else:
            made = sorted(self.scope.lake.orders(CONTENT_PACKAGES), reverse=True)
            wanted = [one for one in made if before is None or one < before][:limit]
        found = questions.packages(self.scope.lake, orders=wanted)
        edits = latest_edits(self.scope.catalog, self.scope.principal, wanted)
        over = {
            order: PackageRecord.frame(read_packages(self.scope, order).laid_over(edits))
            for order in {order for order, _ in edits} & {*wanted}
        }
        changed = [
            frame.select("package_id", *_LAID_OVER).with_columns(
                edit=pl.Series(
                    [edit.n if (edit := edits.get((order, name))) else None for name in frame["platform"]],
                    dtype=pl.Int64,
                )
            )
            for order, frame in over.items()
        ]
        if not changed:
            return found.with_columns(edit=pl.lit(None, pl.Int64))
        joined = found.join(pl.concat(changed), on="package_id", how="left", maintain_order="left", suffix="_edited")
        edited = pl.col("edit").is_not_null()
        return joined.with_columns(
            pl.when(edited).then(pl.col(f"{name}_edited")).otherwise(pl.col(name)).alias(name) for name in _LAID_OVER
        ).drop([f"{name}_edited" for name in _LAID_OVER])

    @does("packages.get")
    def get(self, package_id: str) -> Package:
        """One package with all that is known of it."""
        return read_package(self.scope, package_id)

    @does("packages.explain")
    def explain(self, package_id: str) -> Explanation:
        """What every sentence of a package rests on, and whether its sources have changed since."""
        return read_package(self.scope, package_id).explanation

    @does("packages.preview")
    def preview(self, package_id: str, text: str, *, image: int | None = None) -> Preview:
        """What the package's platform would show of this text: counts, limit, what it hides or would not take."""
        order_id, name = split_id(package_id)
        whole = read_packages(self.scope, order_id)
        with_image = image is not None or whole.made(package_id, name).image_uri is not None
        return preview(text, whole.target(name), with_image=with_image)

    @does("packages.edit")
    def edit(
        self,
        package_id: str,
        text: str,
        hashtags: Sequence[str] | None = None,
        image: int | None = None,
        *,
        now: datetime | None = None,
    ) -> Package:
        """Keep a new version of the package. `image` is the n of one of the order's images; None keeps the package's own.

        The text is posted as it is; its last line of hashtags becomes `hashtags` where they are given. Raises NewsroomError,
        with the counted figure, for what the platform would not take.
        """
        order_id, name = split_id(package_id)
        whole = read_packages(self.scope, order_id)
        target = whole.target(name)
        own = whole.made(package_id, name).image_uri is not None
        text = clean(text)
        if hashtags is None:
            tags = hashtags_of(text)
        else:
            tags = list(dict.fromkeys(clean(tag).lstrip("#") for tag in hashtags))
            text = with_hashtags(text, tags)
        check_version(text, tags, image, images=whole.images, target=target, with_image=own)
        add_edit(
            self.scope.catalog,
            self.scope.principal,
            order_id=order_id,
            platform=target.name,
            text=text,
            hashtags=tags,
            image=image,
            now=now or self.scope.clock(),
        )
        return read_package(self.scope, package_id)

    @does("packages.export")
    def export(self, order_ids: Sequence[str], format: ExportFormat, *, platforms: Sequence[str] = ()) -> Export:
        """The packages of the orders as one file, with the latest edits laid over (see `package_files.export_orders`)."""
        return export_orders(self.scope, order_ids, format, platforms=platforms)

    @does("packages.save")
    def save(self, packages: pl.DataFrame, folder: Path) -> list[Path]:
        """Copy packages out of the lake, into `<folder>/<order>/` (see `package_files.save_packages`)."""
        return save_packages(self.scope, packages, folder)
