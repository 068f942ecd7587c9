"""Routes about analysts' bundles: asking for tables of a range of days, and their archive."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field, StringConstraints

from tgstudio_dagster.core.cursor import paged
from tgstudio_dagster.core.vocabulary import BundleFormat
from tgstudio_dagster.services.bundles import Bundle as BundleRow
from tgstudio_dagster.web.api.common import Asked, Cursor, Day, Limit, OwnStudio, Page, Told
from tgstudio_dagster.web.api.route import ApiRoute
from tgstudio_dagster.web.files import BINARY, serve

router = APIRouter(route_class=ApiRoute, prefix="/v1/bundles")
BundleId = Annotated[
    str, Path(pattern=r"^[a-z0-9]{1,63}-[a-z0-9]{1,63}$", examples=["demo-01jq0000000000000000000000"])
]


class NewBundle(Asked):
    """Tables of a range of days (UTC), both ends included."""

    first: Day = Field(examples=["2026-03-09"])
    last: Day = Field(examples=["2026-03-15"])
    tables: list[Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]] = Field(
        default=[], max_length=30, description="Names as in the data dictionary; empty: those that an analyst needs."
    )
    format: BundleFormat = "both"


class Bundle(Told):
    """An archive of tables, asked for or built."""

    id: str
    first: date
    last: date
    tables: list[str]
    format: BundleFormat
    status: Literal["queued", "running", "done", "failed"]
    bytes: int | None
    error: str | None
    file: str | None = Field(description="Path of the archive on this site, once it is done.")
    created_at: datetime
    updated_at: datetime


@router.get("", summary="The tenant's bundles")
def bundles(studio: OwnStudio, limit: Limit = 50, cursor: Cursor = None) -> Page[Bundle]:
    """Newest first."""
    place = lambda one: [-round(one.created_at.timestamp() * 1e6), one.id]  # noqa: E731
    some, further = paged(sorted(studio.bundles.all(), key=place), place, cursor=cursor, limit=limit)
    return Page[Bundle](items=[_bundle(one) for one in some], cursor=further)


@router.post("", status_code=202, summary="Ask for a bundle")
def ask(studio: OwnStudio, response: Response, asked: NewBundle) -> Bundle:
    """It is built by a run; `GET /v1/bundles/{bundle_id}` tells when it is there."""
    made = studio.bundles.request(asked.first, asked.last, asked.tables, asked.format)
    response.headers["location"] = f"/v1/bundles/{made.id}"
    return _bundle(made)


@router.get("/{bundle_id}", summary="How far a bundle has come")
def state(studio: OwnStudio, bundle_id: BundleId) -> Bundle:
    """Its status, and its file's path once it is done."""
    return _bundle(studio.bundles.get(bundle_id))


@router.get("/{bundle_id}/file", response_class=Response, responses=BINARY, summary="A bundle's archive")
def download(request: Request, studio: OwnStudio, bundle_id: BundleId) -> Response:
    """A zip; one `Range` of bytes may be asked for."""
    return serve(request, studio.bundles.open(bundle_id), {"etag": f'"{bundle_id}"'})


def _bundle(row: BundleRow) -> Bundle:
    names = [name for name in Bundle.model_fields if name != "file"]
    file = f"/v1/bundles/{row.id}/file" if row.status == "done" else None
    return Bundle(**{name: getattr(row, name) for name in names}, file=file)
