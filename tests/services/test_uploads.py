"""Handing in a file: who may, what is taken, what it counts against, and whose it is."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path

import pytest

from tests.builders import make_tenant
from tests.exports import desktop_export
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.models import Quota
from tgstudio_dagster.catalog.money.plans import spend, spent
from tgstudio_dagster.catalog.work.uploads import MAX_WAITING, begin_upload, settle_upload
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import (
    ConflictError,
    ForbiddenError,
    LimitError,
    NotFoundError,
    QuotaError,
    SourceError,
)
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.settings import web_settings
from tgstudio_dagster.lake.store import Lake, S3Options
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services import uploads as uploads_module
from tgstudio_dagster.services.uploads import QUOTA, Uploads

EDITOR = Principal("demo", None, "editor")
OPERATOR = Principal("demo", None, "operator")
OTHER = Principal("other", None, "owner")


class Endless:
    """A file that never ends; it says how much of it was read."""

    def __init__(self) -> None:
        self.given = 0

    def read(self, size: int, /) -> bytes:
        self.given += size
        return b"x" * size


class Desk:
    def __init__(self, catalog: Catalog, lake: Lake) -> None:
        self.catalog, self.lake = catalog, lake

    def of(self, principal: Principal = EDITOR) -> Uploads:
        return Studio.open(principal, self.catalog, self.lake).uploads

    def stored(self) -> list[str]:
        return sorted(f"{name}.{extension}" for name, extension in self.lake.tenant("demo").uploads.stored())

    def quota(self, limit: int) -> None:
        with self.catalog.tenant_session("demo", writing=True) as session:
            session.merge(Quota(tenant="demo", name=QUOTA, limit=limit))


@pytest.fixture
def desk(catalog: Catalog, lake_root: tuple[str, dict[str, str] | None]) -> Desk:
    make_tenant(catalog)
    make_tenant(catalog, "other")
    root, options = lake_root
    return Desk(catalog, Lake(root, s3=S3Options(**options) if options else None))


def test_what_is_handed_in_lies_in_the_lake_and_waits(desk: Desk) -> None:
    content = desktop_export()
    upload = desk.of().upload("exports\\result.json", io.BytesIO(content))
    assert (upload.status, upload.name, upload.bytes) == ("waiting", "result.json", len(content))
    assert desk.stored() == [f"{upload.id}.json"]
    with desk.lake.tenant("demo").uploads.open(upload.id, "json") as stored:
        assert stored.read() == content
    assert spent(desk.catalog, "demo", QUOTA, utc_now().date()) == len(content)


def test_what_no_source_reads_is_refused_before_it_is_read(desk: Desk) -> None:
    endless = Endless()
    with pytest.raises(SourceError, match=r"evil\.sh: upload result\.json"):
        desk.of().upload("../../evil.sh", endless)
    assert endless.given == 0 and desk.of().all() == []


def test_a_file_whose_size_is_known_is_refused_before_it_is_read(desk: Desk) -> None:
    desk.quota(1_000)
    endless = Endless()
    with pytest.raises(QuotaError, match=rf"{QUOTA}: 0 of 1000 are used today") as refused:
        desk.of().upload("result.json", endless, size=1_001)
    assert (endless.given, refused.value.name) == (0, QUOTA)
    assert spent(desk.catalog, "demo", QUOTA, utc_now().date()) == 0


def test_a_file_that_runs_over_the_days_bytes_is_refused_while_it_comes_in(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads_module, "BLOCK", 2**20)
    desk.quota(3 * 2**20)
    endless = Endless()
    with pytest.raises(QuotaError):
        desk.of().upload("result.json", endless)
    assert endless.given == 4 * 2**20
    assert desk.stored() == [] and desk.of().all() == []
    assert spent(desk.catalog, "demo", QUOTA, utc_now().date()) == 3 * 2**20


def test_a_file_larger_than_the_setting_is_refused_as_a_limit(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TGSTUDIO_WEB_UPLOAD_MEGABYTES", "2")
    web_settings.cache_clear()
    try:
        for size in (None, 3 * 2**20):
            with pytest.raises(LimitError, match="more than 2 MB"):
                desk.of().upload("result.json", Endless(), size=size)
    finally:
        web_settings.cache_clear()
    assert desk.stored() == []


def test_only_so_many_wait_at_once_and_a_cancelled_one_makes_room(desk: Desk) -> None:
    first, *_ = [desk.of().upload("a.json", io.BytesIO(desktop_export())) for _ in range(MAX_WAITING)]
    with pytest.raises(LimitError, match=f"uploads: {MAX_WAITING} wait"):
        desk.of().upload("a.json", io.BytesIO(desktop_export()))
    assert desk.of().cancel(first.id).status == "cancelled"
    assert f"{first.id}.json" not in desk.stored()
    desk.of().upload("a.json", io.BytesIO(desktop_export()))


def test_a_viewer_may_look_and_do_nothing(desk: Desk) -> None:
    upload = desk.of().upload("a.json", io.BytesIO(desktop_export()))
    viewer = desk.of(Principal("demo", None, "viewer"))
    assert [one.id for one in viewer.all()] == [upload.id]
    for refused in (
        lambda: viewer.upload("a.json", Endless()),
        lambda: viewer.cancel(upload.id),
        lambda: viewer.forget(upload.id),
    ):
        with pytest.raises(ForbiddenError):
            refused()


def test_only_the_operator_names_a_path_of_the_machine(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    file.write_bytes(desktop_export())
    with pytest.raises(ForbiddenError, match="only the operator"):
        desk.of().from_path(str(file))
    upload = desk.of(OPERATOR).from_path(str(file))
    assert (upload.name, upload.path, upload.status) == ("result.json", str(file), "waiting")
    with pytest.raises(SourceError, match="no such file"):
        desk.of(OPERATOR).from_path(str(tmp_path / "nowhere"))


def test_another_tenants_uploads_do_not_exist(desk: Desk) -> None:
    upload = desk.of().upload("a.json", io.BytesIO(desktop_export()))
    other = desk.of(OTHER)
    assert other.all() == [] and other.scope.lake.uploads.stored() == {}
    for refused in (partial(other.cancel, upload.id), partial(other.forget, upload.id)):
        with pytest.raises(NotFoundError):
            refused()
    spend(desk.catalog, "other", QUOTA, utc_now().date(), 1)
    assert spent(desk.catalog, "demo", QUOTA, utc_now().date()) == len(desktop_export())


def test_an_upload_is_taken_off_the_list_when_it_has_ended(desk: Desk) -> None:
    upload = desk.of().upload("a.json", io.BytesIO(desktop_export()))
    with pytest.raises(ConflictError, match="waiting"):
        desk.of().forget(upload.id)
    begin_upload(desk.catalog, upload.id, "run-1")
    settle_upload(desk.catalog, upload.id, "run-1", "done")
    with pytest.raises(ConflictError, match="done"):
        desk.of().cancel(upload.id)
    desk.of().forget(upload.id)
    assert desk.of().all() == []
