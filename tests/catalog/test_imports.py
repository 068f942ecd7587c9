"""An import goes on where its last checkpoint was, and counts nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.builders import make_tenant
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.work.imports import (
    ImportState,
    Reject,
    begin_import,
    checkpoint,
    finish_import,
    list_imports,
    rejects,
)
from tgstudio_dagster.core.errors import ConflictError, NotFoundError


@pytest.fixture
def begun(catalog: Catalog) -> ImportState:
    """An import that has just begun, of tenant demo."""
    make_tenant(catalog)
    return begin_import(catalog, "demo", path="/x/result.json", source_hash="h1", kind="desktop_export")


def _advance(catalog: Catalog, begun: ImportState, position: int, *bad: Reject) -> None:
    checkpoint(
        catalog,
        begun.id,
        position=position,
        state=f'{{"at": {position}}}',
        read=position,
        landed=position - len(bad),
        filtered=0,
        rejected=len(bad),
        rejects=bad,
    )


def test_a_new_import_begins_at_nothing(begun: ImportState) -> None:
    assert (begun.position, begun.state, begun.read, begun.status, begun.done) == (0, "{}", 0, "running", False)


def test_the_same_file_is_resumed_from_its_checkpoint(catalog: Catalog, begun: ImportState) -> None:
    _advance(catalog, begun, 100)
    again = begin_import(catalog, "demo", path="/moved.json", source_hash="h1", kind="desktop_export")
    assert (again.id, again.position, again.state, again.landed) == (begun.id, 100, '{"at": 100}', 100)
    assert again.path == "/moved.json"


def test_a_failed_import_is_resumed(catalog: Catalog, begun: ImportState) -> None:
    _advance(catalog, begun, 5)
    finish_import(catalog, begun.id, error="disk full")
    again = begin_import(catalog, "demo", path="p", source_hash="h1", kind="k")
    assert (again.status, again.error, again.position) == ("running", None, 5)


def test_a_done_import_comes_back_done(catalog: Catalog, begun: ImportState) -> None:
    _advance(catalog, begun, 7)
    finish_import(catalog, begun.id)
    again = begin_import(catalog, "demo", path="/elsewhere", source_hash="h1", kind="k")
    assert (again.id, again.done, again.landed, again.path) == (begun.id, True, 7, "/x/result.json")


def test_another_tenants_import_of_the_same_file_is_its_own(catalog: Catalog, begun: ImportState) -> None:
    make_tenant(catalog, "other")
    other = begin_import(catalog, "other", path="p", source_hash="h1", kind="k")
    assert other.id != begun.id
    assert [one.id for one in list_imports(catalog, "demo")] == [begun.id]


def test_a_batch_that_is_repeated_doubles_neither_counts_nor_rejects(catalog: Catalog, begun: ImportState) -> None:
    bad = [Reject(3, 2**40, "no date", "{…}"), Reject(9, None, "not an object", "null")]
    _advance(catalog, begun, 10, *bad)
    _advance(catalog, begun, 10, *bad)
    assert rejects(catalog, "demo", begun.id) == bad
    assert [(one.read, one.landed, one.rejected) for one in list_imports(catalog, "demo")] == [(10, 8, 2)]


def test_an_import_does_not_go_back(catalog: Catalog, begun: ImportState) -> None:
    _advance(catalog, begun, 10)
    with pytest.raises(ConflictError, match="can't go back to 9"):
        _advance(catalog, begun, 9)


def test_a_done_import_takes_no_checkpoint(catalog: Catalog, begun: ImportState) -> None:
    finish_import(catalog, begun.id)
    with pytest.raises(ConflictError, match="done"):
        _advance(catalog, begun, 10)


def test_an_unknown_import_is_named(catalog: Catalog, begun: ImportState) -> None:
    with pytest.raises(NotFoundError, match="demo-nosuch"):
        finish_import(catalog, "demo-nosuch")


def test_any_excerpt_can_be_stored(catalog: Catalog, begun: ImportState) -> None:
    _advance(catalog, begun, 1, Reject(0, None, "NUL \0 and \ud800", "🙂\0" * 2000))
    (kept,) = rejects(catalog, "demo", begun.id)
    assert kept.reason == "NUL \ufffd and ?"
    assert kept.excerpt == "🙂\ufffd" * 250


def test_many_rejects_of_one_batch_are_stored(catalog: Catalog, begun: ImportState) -> None:
    _advance(catalog, begun, 5_000, *(Reject(n, n, "bad", "") for n in range(5_000)))
    assert len(rejects(catalog, "demo", begun.id)) == 5_000


_KILLED = """
import sys
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.work.imports import Reject, checkpoint
catalog = Catalog(sys.argv[1])
for n in range(1, 10**6):
    position = n * 100
    checkpoint(catalog, sys.argv[2], position=position, state=str(position), read=position, landed=position - n,
               filtered=0, rejected=n, rejects=[Reject(position - 1, None, "bad", "x")])
    print(position, flush=True)
"""


def test_a_kill_leaves_a_whole_checkpoint(catalog: Catalog, catalog_url: str, begun: ImportState) -> None:
    for wanted in (3, 7):
        _reset(catalog, begun)
        process = subprocess.Popen(
            [sys.executable, "-c", _KILLED, catalog_url, begun.id], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(wanted):
            said = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        rest = process.communicate()[0].split()
        said = int(rest[-1]) if rest else said
        (row,) = list_imports(catalog, "demo")
        assert row.position in (said, said + 100)
        assert (row.state, row.read) == (str(row.position), row.position)
        assert row.rejected == row.position // 100 == len(rejects(catalog, "demo", begun.id))


def _reset(catalog: Catalog, begun: ImportState) -> None:
    from sqlalchemy import delete

    from tgstudio_dagster.catalog.work.models import ImportReject

    with catalog.tenant_session("demo", writing=True) as session:
        session.execute(delete(ImportReject))
        row = session.get_one(ImportState, begun.id)
        row.position, row.read, row.rejected = 0, 0, 0
