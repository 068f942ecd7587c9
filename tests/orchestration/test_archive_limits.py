"""Archives that are small until they are unpacked: what they become counts, and nothing of it stays."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from tests.exports import desktop_export
from tests.orchestration.test_uploads import Importing
from tests.orchestration.test_uploads import ticks as ticks
from tgstudio_dagster.catalog.money.plans import limits_of, spend, spent
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.telegram.sources.uploads import BYTES_OF_A_FILE, QUOTA

MB = 2**20


def squeezed(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def leave(ticks: Importing, size: int) -> None:
    """Have the tenant so many bytes left of its day."""
    now = utc_now()
    limit = limits_of(ticks.catalog, "acme").upload_bytes_per_day
    spend(ticks.catalog, "acme", QUOTA, now.date(), limit - size - spent(ticks.catalog, "acme", QUOTA, now.date()))


@pytest.mark.parametrize("name", ["export.zip", "result.json.gz"])
def test_what_unpacks_to_more_than_the_day_allows_is_refused_and_leaves_nothing(ticks: Importing, name: str) -> None:
    zeros = b"0" * 40 * MB
    bomb = (
        gzip.compress(zeros) if name.endswith("gz") else squeezed(**{"result.json": desktop_export(), "x.bin": zeros})
    )
    assert len(bomb) < MB
    leave(ticks, 8 * MB)
    upload = ticks.hand_in(bomb, name)
    ticks.work()
    row = ticks.row(upload)
    assert (row.status, row.landed) == ("failed", 0)
    assert "unpacks to more than may be handed in" in (row.error or "")
    assert list((ticks.home / "uploads").iterdir()) == []
    assert ticks.lake.tenant("acme").uploads.stored() == {}


def test_very_many_files_are_refused_by_the_plan(ticks: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    most = limits_of(ticks.catalog, "acme").upload_bytes_per_day // BYTES_OF_A_FILE
    monkeypatch.setattr("tgstudio_dagster.telegram.sources.uploads.MOST_FILES", min(most, 50))
    upload = ticks.hand_in(
        squeezed(**{f"{n}.bin": b"" for n in range(60)}, **{"result.json": desktop_export()}), "e.zip"
    )
    ticks.work()
    row = ticks.row(upload)
    assert row.status == "failed" and "61 files" in (row.error or "")
    assert list((ticks.home / "uploads").iterdir()) == []


def test_what_is_unpacked_counts_against_the_day(ticks: Importing) -> None:
    content = squeezed(**{"result.json": desktop_export(), "x.bin": b"0" * 4 * MB})
    before = spent(ticks.catalog, "acme", QUOTA, utc_now().date())
    upload = ticks.hand_in(content, "export.zip")
    ticks.work()
    assert ticks.row(upload).status == "done"
    assert spent(ticks.catalog, "acme", QUOTA, utc_now().date()) - before == 4 * MB + len(desktop_export())
