"""A package as it is read: what was made, with people's edits laid over, what each sentence rests on, its images and checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.catalog.work.edits import PackageEdit, edits_of
from tgstudio_dagster.catalog.work.orders import Order, get_order
from tgstudio_dagster.core.errors import NotFoundError
from tgstudio_dagster.core.vocabulary import PlatformName
from tgstudio_dagster.lake.tables.newsroom import CONTENT_PACKAGES, EDITOR_RESULTS, IMAGES
from tgstudio_dagster.newsroom import provenance
from tgstudio_dagster.newsroom.edits import image_refused, lay_over
from tgstudio_dagster.newsroom.platforms import Platform, platform
from tgstudio_dagster.newsroom.preview import Preview, preview
from tgstudio_dagster.newsroom.provenance import Explanation, SourceTrace
from tgstudio_dagster.newsroom.records.editor_result import EditorResult
from tgstudio_dagster.newsroom.records.image import Image
from tgstudio_dagster.newsroom.records.package import Check
from tgstudio_dagster.newsroom.records.package import Package as PackageRecord
from tgstudio_dagster.newsroom.sources import cited_posts
from tgstudio_dagster.services.scope import Scope


@dataclass(frozen=True)
class ImageChoice:
    """One of the order's images; `refused` says why the platform can't take it, None where it can."""

    n: int
    uri: str
    width: int
    height: int
    refused: str | None


@dataclass(frozen=True)
class Package:
    """A package as it is to be published. `edits` are people's versions, newest first; the first is what counts.

    `made_text` is the text that was made; `variants` are shorter and longer ones (text_short, text_medium, text_long).
    `stale` are the cited posts that were edited or deleted since; `explanation.sentences` carry their sources.
    """

    package_id: str
    order_id: str
    topic_id: str
    platform: PlatformName
    headline: str
    dek: str
    language: str
    post_time: datetime
    text: str
    made_text: str
    variants: Mapping[str, str]
    hashtags: tuple[str, ...]
    image: ImageChoice | None
    images: tuple[ImageChoice, ...]
    preview: Preview
    checks: tuple[Check, ...]
    stale: tuple[SourceTrace, ...]
    explanation: Explanation
    source_links: tuple[str, ...]
    edits: tuple[PackageEdit, ...]


@dataclass(frozen=True)
class OrderPackages:
    """An order's packages as its tables hold them. `packages` are as they were made."""

    order: Order
    result: EditorResult
    packages: tuple[PackageRecord, ...]
    images: tuple[Image, ...]
    settings: TenantSettings

    def target(self, name: str) -> Platform:
        """The platform's limits for the tenant."""
        return platform(cast(PlatformName, name), self.settings)

    def laid_over(self, edits: Mapping[tuple[str, str], PackageEdit]) -> list[PackageRecord]:
        """The packages with the edits in place of what was made."""
        return [
            lay_over(package, edit, result=self.result, images=self.images, target=self.target(package.platform))
            if (edit := edits.get((self.order.id, package.platform)))
            else package
            for package in self.packages
        ]

    def made(self, package_id: str, name: str) -> PackageRecord:
        """The package of a platform as it was made. Raises NotFoundError where it was not."""
        package = next((package for package in self.packages if package.platform == name), None)
        if package is None:
            raise NotFoundError(f"package {package_id}: not made. `tgstudio packages` lists what there is.").coded(
                "package.unknown"
            )
        return package


def read_package(scope: Scope, package_id: str) -> Package:
    """One package with all that is known of it."""
    order_id, name = split_id(package_id)
    whole = read_packages(scope, order_id)
    made = whole.made(package_id, name)
    history = edits_of(scope.catalog, scope.principal, order_id, name)
    target = whole.target(name)
    row = made
    if history:
        row = lay_over(made, history[0], result=whole.result, images=whole.images, target=target)
    messages, versions = cited_posts(scope.lake, whole.result, whole.order.day)
    explanation = provenance.explain(whole.result, messages, versions, row)
    images = tuple(
        ImageChoice(image.n, image.uri, image.width, image.height, image_refused(image, target))
        for image in whole.images
    )
    sources = {(s.channel_id, s.msg_id, s.version): s for trace in explanation.sentences for s in trace.sources}
    return Package(
        package_id=package_id,
        order_id=order_id,
        topic_id=whole.result.topic_id,
        platform=target.name,
        headline=whole.result.headline,
        dek=whole.result.dek,
        language=whole.result.language,
        post_time=row.post_time,
        text=row.text,
        made_text=made.text,
        variants=row.variants,
        hashtags=row.hashtags,
        image=next((image for image in images if image.uri == row.image_uri), None),
        images=images,
        preview=preview(row.text, target, with_image=row.image_uri is not None),
        checks=row.checks,
        stale=tuple(source for _, source in sorted(sources.items()) if source.stale is not None),
        explanation=explanation,
        source_links=whole.result.source_links,
        edits=tuple(history),
    )


def read_packages(scope: Scope, order_id: str) -> OrderPackages:
    """An order's packages. Raises NotFoundError for an unknown order, or one that has none."""
    order = get_order(scope.catalog, scope.principal, order_id)
    found = scope.lake.read(CONTENT_PACKAGES, order=order_id)
    result = scope.lake.read(EDITOR_RESULTS, order=order_id)
    if found.is_empty() or result.is_empty():
        raise NotFoundError(
            f"order {order_id}: it has no packages yet; it is {order.status}, its goal {order.goal}."
        ).coded("order.no_packages")
    images = Image.from_frame(scope.lake.read(IMAGES, order=order_id))
    made = tuple(PackageRecord.from_frame(found))
    return OrderPackages(order, EditorResult.from_row(result.row(0, named=True)), made, tuple(images), scope.settings())


def split_id(package_id: str) -> tuple[str, str]:
    """The order and the platform that a package's id names. Raises NotFoundError where it names none."""
    order_id, _, name = package_id.rpartition("-")
    if not order_id:
        raise NotFoundError(
            f"package {package_id}: an id reads <order>-<platform>. `tgstudio packages` lists them."
        ).coded("package.unknown")
    return order_id, name
