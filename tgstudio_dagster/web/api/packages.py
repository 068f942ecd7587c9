"""Routes about packages: what is ready to publish, people's versions of it, and files of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field, StringConstraints

from tgstudio_dagster.core.cursor import read_place, write_place
from tgstudio_dagster.core.vocabulary import ExportFormat
from tgstudio_dagster.services.packages import Export, split_id
from tgstudio_dagster.services.packages import Package as MadePackage
from tgstudio_dagster.web.api.common import (
    Asked,
    Cursor,
    OwnStudio,
    Page,
    Told,
    file_path,
    permalink,
)
from tgstudio_dagster.web.api.orders import OrderId
from tgstudio_dagster.web.api.route import ApiRoute

router = APIRouter(route_class=ApiRoute, prefix="/v1")
PackageId = Annotated[
    str,
    Path(pattern=r"^[a-z0-9]{1,63}-[a-z0-9]{1,63}-[a-z]{1,10}$", examples=["demo-01jq0000000000000000000000-tg"]),
]
FileFormat = Annotated[ExportFormat, Query(alias="format", description="What kind of file.")]
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            **{
                mime: {"schema": {"type": "string", "format": "binary"}}
                for mime in ("text/csv", "application/vnd.apache.parquet", "application/zip")
            },
        },
    }
}


class Checked(Told):
    """One limit or rule that was checked, with the counted figure."""

    name: str
    passed: bool
    detail: str


class Listed(Told):
    """A package, in short."""

    package_id: str
    order_id: str
    topic_id: str
    platform: str
    headline: str
    post_time: datetime
    text: str
    hashtags: list[str]
    image: str | None = Field(description="Path of the image on this site.")
    edit: int | None = Field(description="Number of the person's version that counts; null: as it was made.")


class ImageChoice(Told):
    """One of the order's images."""

    n: int
    file: str | None
    width: int
    height: int
    refused: str | None = Field(description="Why the platform can't take it; null where it can.")


class Preview(Told):
    """The text as the platform's feed shows it: `shown`, then `folded` behind "more"; `over` is beyond the limit."""

    count: int
    limit: int
    unit: str
    shown: str
    folded: str
    over: str


class Source(Told):
    """One version of one post that a sentence rests on."""

    channel_id: int
    msg_id: int
    version: int
    channel: str | None
    url: str | None
    date: datetime | None
    text: str | None
    stale: Literal["edited", "deleted", "missing"] | None


class Sentence(Told):
    """A sentence, and the posts that it rests on."""

    text: str
    needs_verification: bool
    unsupported: list[str]
    sources: list[Source]


class Edit(Told):
    """A person's version."""

    n: int
    text: str
    hashtags: list[str]
    image: int | None
    created_by: str | None
    created_at: datetime


class Package(Told):
    """A package as it is to be published, and all that is known of it. `stale`: cited posts that changed since."""

    package_id: str
    order_id: str
    topic_id: str
    platform: str
    headline: str
    dek: str
    language: str
    post_time: datetime
    text: str
    made_text: str = Field(description="As it was made, before people's versions.")
    variants: dict[str, str]
    hashtags: list[str]
    image: ImageChoice | None
    images: list[ImageChoice]
    preview: Preview
    checks: list[Checked]
    stale: list[Source]
    sentences: list[Sentence]
    source_links: list[str | None]
    edits: list[Edit] = Field(description="Newest first; the first is what counts.")


class NewVersion(Asked):
    """A person's version of a package: what is exported in place of what was made."""

    text: str = Field(min_length=1, max_length=70_000)
    hashtags: list[Annotated[str, StringConstraints(min_length=1, max_length=100)]] | None = Field(
        default=None, max_length=30, description="The last line's; null: those that stand in the text."
    )
    image: int | None = Field(default=None, ge=0, le=100, description="n of one of the order's images; null: its own.")


@router.get("/packages", summary="What is ready to publish")
def packages(
    studio: OwnStudio,
    order: Annotated[
        str | None, Query(pattern=r"^[a-z0-9]{1,63}-[a-z0-9]{1,63}$", description="Only this one's.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="Most orders whose packages the page holds.")] = 20,
    cursor: Cursor = None,
) -> Page[Listed]:
    """Newest order first, people's versions laid over. A page ends between orders."""
    before = None if cursor is None else read_place(cursor, (str,))[0]
    # One more than is shown: whether there are more is known without counting them.
    found = studio.packages.all(order, limit=limit + 1, before=before) if order is None else studio.packages.all(order)
    shown = found["order_id"].unique(maintain_order=True).to_list()[:limit]
    further = write_place([shown[-1]]) if order is None and found["order_id"].n_unique() > limit else None
    rows = [row for row in found.to_dicts() if row["order_id"] in shown]
    return Page[Listed](items=[_listed(row) for row in rows], cursor=further)


@router.get("/packages/{package_id}", summary="One package")
def package(studio: OwnStudio, package_id: PackageId) -> Package:
    """How its platform shows it, its checks, the sources of each sentence, and people's versions."""
    return _package(studio.packages.get(package_id))


@router.put("/packages/{package_id}", summary="Edit a package")
def edit(studio: OwnStudio, package_id: PackageId, asked: NewVersion) -> Package:
    """A new version; earlier ones stay in `edits`. What the platform would not take is refused, with the counted figure."""
    made = studio.packages.edit(package_id, asked.text, asked.hashtags, asked.image)
    return _package(made)


@router.get("/packages/{package_id}/export", response_class=Response, responses=_FILE, summary="A package as a file")
def export(studio: OwnStudio, package_id: PackageId, file_format: FileFormat = "json") -> Response:
    """With the latest version laid over; `zip` holds the text, the image, JSON and CSV."""
    order_id, platform = split_id(package_id)
    return _download(studio.packages.export([order_id], file_format, platforms=[platform]))


@router.get(
    "/orders/{order_id}/export", response_class=Response, responses=_FILE, summary="An order's packages as a file"
)
def export_order(studio: OwnStudio, order_id: OrderId, file_format: FileFormat = "zip") -> Response:
    """As of one package, of all platforms."""
    return _download(studio.packages.export([order_id], file_format))


@router.get("/exports", response_class=Response, responses=_FILE, summary="Several orders' packages as a file")
def export_orders(
    studio: OwnStudio,
    order: Annotated[
        list[Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,63}-[a-z0-9]{1,63}$")]],
        Query(min_length=1, max_length=100, description="Ids of the orders."),
    ],
    file_format: FileFormat = "zip",
) -> Response:
    """One file of all of them; in a `zip` a folder for each."""
    return _download(studio.packages.export(order, file_format))


def _download(file: Export) -> Response:
    named = f"attachment; filename*=utf-8''{quote(file.name)}"
    return Response(file.content, media_type=file.mime, headers={"content-disposition": named})


def _listed(row: Mapping[str, Any]) -> Listed:
    return Listed(
        **{name: row[name] for name in Listed.model_fields if name != "image"}, image=file_path(row["image_uri"])
    )


def _package(made: MadePackage) -> Package:
    plain = (
        "package_id",
        "order_id",
        "topic_id",
        "platform",
        "headline",
        "dek",
        "language",
        "post_time",
        "text",
        "made_text",
    )
    return Package(
        **{name: getattr(made, name) for name in plain},
        variants=dict(made.variants),
        hashtags=list(made.hashtags),
        image=None if made.image is None else _choice(made.image),
        images=[_choice(image) for image in made.images],
        preview=Preview.model_validate(made.preview),
        checks=[Checked.model_validate(check) for check in made.checks],
        stale=[_source(source) for source in made.stale],
        sentences=[
            Sentence(
                text=one.text,
                needs_verification=one.needs_verification,
                unsupported=list(one.unsupported),
                sources=[_source(source) for source in one.sources],
            )
            for one in made.explanation.sentences
        ],
        source_links=[permalink(link) for link in made.source_links],
        edits=[Edit.model_validate(edit) for edit in made.edits],
    )


def _choice(image: Any) -> ImageChoice:
    return ImageChoice(
        n=image.n, file=file_path(image.uri), width=image.width, height=image.height, refused=image.refused
    )


def _source(source: Any) -> Source:
    found = Source.model_validate(source)
    return found.model_copy(update={"url": permalink(found.url)})
