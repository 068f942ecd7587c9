"""The refresh of a tenant that reads Telegram: from a wish to follow to rankings and files, over the real protocol."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import dagster as dg
import polars as pl
import pytest
from sqlalchemy import delete

from tests.servers.telegram import TelegramServer
from tests.servers.telegram.model import User
from tests.telegram.paired import Paired, paired
from tests.telegram.reads import fill
from tgstudio_dagster.catalog.accounts.accounts import get_account
from tgstudio_dagster.catalog.accounts.models import AccountWait
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.media_backlog import list_media_backlog
from tgstudio_dagster.catalog.follows.reading import tenant_read
from tgstudio_dagster.catalog.follows.standings import standings
from tgstudio_dagster.catalog.follows.subscriptions import list_subscriptions, request_subscription, requests
from tgstudio_dagster.catalog.people.tenants import add_tenant
from tgstudio_dagster.core.days import DayRange
from tgstudio_dagster.core.errors import SettingsError
from tgstudio_dagster.core.settings import TelegramSettings
from tgstudio_dagster.definitions import build_definitions
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables import TABLES
from tgstudio_dagster.operate.launch import QUIET
from tgstudio_dagster.orchestration.jobs import CHECK, FETCH_MEDIA, REFRESH
from tgstudio_dagster.orchestration.partitions import tenants
from tgstudio_dagster.orchestration.tags import range_tags
from tgstudio_dagster.reader.access import Telegram
from tgstudio_dagster.reader.decide.reading import reading_days

STORY = "The mayor has opened the rebuilt Fishmarket station after three years of repairs"


@dataclass
class Deployment:
    """A tenant with one account at the test server, a lake, and an instance of this test's own."""

    paired: Paired
    user: User
    lake: Lake
    instance: dg.DagsterInstance
    access: Telegram

    @property
    def server(self) -> TelegramServer:
        return self.paired.telegram

    def follow(self, reference: str, *, since: date | None = None, comments: bool = False) -> None:
        request_subscription(
            self.paired.catalog, self.paired.principal,
            reference=reference, account_id=None, since=since, comments=comments,
        )  # fmt: skip

    def update(self, tenant: str = "demo") -> dg.ExecuteInProcessResult:
        """What the reader and the sensor's runs do: read, refresh, fetch files and tell of them; returns the refresh."""
        store = self.lake.tenant(tenant)
        days = reading_days(datetime.now(UTC).date())
        asyncio.run(self.access.read(self.paired.catalog, store, days))
        result = self.run(tenant)
        now = datetime.now(UTC)
        waiting = {row.day: row.not_before for row in list_media_backlog(self.paired.catalog, tenant)}
        due = {day: at for day, at in waiting.items() if at <= now}
        if due:
            asyncio.run(self.access.fetch(self.paired.catalog, store, due))
            assert self.run(tenant, FETCH_MEDIA).success
        return result

    def run(self, tenant: str = "demo", job: str = REFRESH, days: DayRange | None = None) -> dg.ExecuteInProcessResult:
        given = {"lake": self.lake, "catalog": self.paired.catalog}
        resources = {name: dg.ResourceDefinition.hardcoded_resource(value) for name, value in given.items()}
        days = days or reading_days(datetime.now(UTC).date())
        return (
            build_definitions(**resources)
            .resolve_job_def(job)
            .execute_in_process(
                instance=self.instance,
                tags=range_tags(tenant, days.first, days.last),
                run_config=QUIET,
                raise_on_error=False,
            )
        )

    def read(self, table: str) -> pl.DataFrame:
        return self.lake.tenant("demo").read(TABLES[table])

    def forget_waits(self) -> None:
        """Let the waits of the account be over."""
        with self.paired.catalog.tenant_session("demo", writing=True) as session:
            session.execute(delete(AccountWait))


@pytest.fixture
def deployment(tmp_path: Path, sqlite_template: Path, telegram: TelegramServer) -> Iterator[Deployment]:
    shutil.copyfile(sqlite_template, tmp_path / "catalog.sqlite")
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    one = paired(catalog, telegram, tmp_path)
    user = telegram.add_user()
    one.account(user)
    access = Telegram(lambda: one.settings, lambda: one.vault, date(2020, 1, 1), tmp_path / "staging")
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(str(tenants.name), ["demo", "other"])
        yield Deployment(one, user, Lake(str(tmp_path / "lake")), instance, access)
    catalog.close()


def test_a_wish_becomes_posts_rankings_and_files(deployment: Deployment) -> None:
    server, now = deployment.server, datetime.now(UTC)
    channels = [server.add_channel(f"news{n}", f"News {n}") for n in range(3)]
    photo = server.add_file(b"\xff\xd8" + b"p" * 5000, kind="photo", thumb=b"\xff\xd8small", width=640, height=480)
    for n, channel in enumerate(channels):
        for at in range(4):
            server.post(channel, f"{STORY}, part {n} {at}", date=now - timedelta(hours=at + 1), views=100 * n)
        deployment.follow(f"@news{n}")
    server.post(channels[0], "The station", media=photo, date=now - timedelta(minutes=30))
    result = deployment.update()
    assert result.success
    assert requests(deployment.paired.catalog, "demo", "queued") == []
    assert deployment.read("messages").height == 13
    assert set(deployment.read("rankings")["entity_kind"]) == {"message", "topic"}
    (stored,) = deployment.read("media").to_dicts()
    assert stored["status"] == "stored"
    assert deployment.lake.tenant("demo").open_file(stored["uri"]).read() == b"\xff\xd8" + b"p" * 5000
    assert deployment.lake.tenant("demo").has_file(stored["thumb_uri"])


def test_the_next_run_takes_what_is_new_and_doubles_nothing(deployment: Deployment) -> None:
    channel = deployment.server.add_channel("news", "News")
    deployment.server.post(channel, "first")
    deployment.follow("@news")
    assert deployment.update().success
    deployment.server.post(channel, "second")
    result = deployment.update()
    assert result.success
    assert sorted(deployment.read("messages")["text"]) == ["first", "second"]


def test_a_wait_of_hours_is_told_in_the_catalog_and_nothing_lands(deployment: Deployment) -> None:
    channel = deployment.server.add_channel("news", "News")
    deployment.server.post(channel, "kept for later")
    deployment.follow("@news")
    deployment.server.fail("messages.getHistory", "FLOOD_WAIT_18000", times=None)
    assert deployment.update().success
    assert deployment.read("messages").is_empty()
    waits_until = tenant_read(deployment.paired.catalog, "demo").waits_until
    assert waits_until is not None
    assert timedelta(hours=4) < waits_until - datetime.now(UTC) <= timedelta(hours=5, seconds=2)


def test_days_that_were_never_read_are_asked_of_the_reader_and_what_it_lands_completes_them(
    deployment: Deployment,
) -> None:
    now = datetime.now(UTC)
    long_ago = now - timedelta(days=40)
    channel = deployment.server.add_channel("news", "News")
    fill(deployment.server, channel, 30, start=long_ago, step=timedelta(minutes=1))
    fill(deployment.server, channel, 150, start=now - timedelta(hours=6), step=timedelta(minutes=1))
    deployment.follow("@news")
    assert deployment.update().success
    days = DayRange(long_ago.date(), long_ago.date() + timedelta(days=1))
    assert deployment.run(days=days).success
    (standing,) = standings(deployment.paired.catalog, earliest=date(2020, 1, 1))
    (wish,) = standing.wishes
    assert wish.first is not None and (wish.first, wish.last) == (days.first, days.last)
    asyncio.run(deployment.access.read(deployment.paired.catalog, deployment.lake.tenant("demo"), days))
    assert deployment.run(days=days).success
    assert deployment.read("messages").height == 180
    (standing,) = standings(deployment.paired.catalog, earliest=date(2020, 1, 1))
    assert len(standing.wishes) == 1, "days that are there are not asked for again"


def test_what_landed_is_merged_although_one_account_has_to_wait(deployment: Deployment) -> None:
    deployment.server.post(deployment.server.add_channel("news", "News"), "read before the wait")
    deployment.follow("@news")
    assert deployment.update().success
    deployment.server.post("news", "kept for later")
    deployment.server.fail("messages.getHistory", "FLOOD_WAIT_18000", times=None)
    deployment.lake.tenant("demo").land(_landed(datetime.now(UTC)))
    assert deployment.update().success
    assert sorted(deployment.read("messages")["text"]) == ["from an import", "read before the wait"]


def test_a_tenant_without_an_account_touches_neither_settings_nor_vault(deployment: Deployment, tmp_path: Path) -> None:
    def refuse() -> NoReturn:
        raise AssertionError("asked for")

    add_tenant(deployment.paired.catalog, "other", "Other")
    deployment.access = Telegram(refuse, refuse, date(2020, 1, 1), tmp_path / "staging")
    assert deployment.update("other").success
    assert deployment.server.calls() == []


def test_a_revoked_session_marks_its_account_and_the_run_goes_on(deployment: Deployment) -> None:
    deployment.server.post(deployment.server.add_channel("news", "News"), "read")
    deployment.follow("@news")
    assert deployment.update().success
    deployment.server.revoke(deployment.user)
    assert deployment.update().success
    (view,) = list_subscriptions(deployment.paired.catalog, "demo")
    assert view.account_id is not None
    account = get_account(deployment.paired.catalog, "demo", view.account_id)
    assert account.status == "expired"
    assert "Pair it again" in (account.error or "")
    assert deployment.read("messages").height == 1


def test_no_session_and_no_key_ever_reaches_dagster(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    session = deployment.server.session(deployment.user)
    secrets = [session, session[5:60], "k" * 32]
    deployment.server.post(deployment.server.add_channel("news", "News"), "read")
    deployment.follow("@news")
    deployment.server.fail("messages.getHistory", "INPUT_FETCH_ERROR", times=1)
    result = deployment.update()
    told = "\n".join(str(entry) for entry in deployment.instance.all_logs(result.run_id))
    assert "messages" in told
    assert not [secret for secret in secrets if secret in told]


def test_files_that_a_flood_keeps_away_wait_in_the_catalog_and_come_later(deployment: Deployment) -> None:
    server = deployment.server
    channel = server.add_channel("news", "News")
    server.post(channel, "with a file", media=server.add_file(b"x" * 3000, mime="application/pdf", name="a.pdf"))
    deployment.follow("@news")
    server.fail("upload.getFile", "FLOOD_WAIT_18000", times=None)
    assert deployment.update().success
    (row,) = deployment.read("media").to_dicts()
    assert row["status"].startswith("pending: upload.getFile")
    (waiting,) = list_media_backlog(deployment.paired.catalog, "demo")
    assert waiting.files == 1
    assert waiting.not_before > datetime.now(UTC) + timedelta(hours=4)
    server.heal()
    deployment.forget_waits()
    assert deployment.update().success
    assert deployment.read("media")["status"].to_list() == ["stored"]
    assert list_media_backlog(deployment.paired.catalog, "demo") == []


def test_the_check_of_files_tells_of_one_that_was_cut_short(deployment: Deployment) -> None:
    server = deployment.server
    channel = server.add_channel("news", "News")
    server.post(channel, "with a file", media=server.add_file(b"x" * 3000, mime="application/pdf", name="a.pdf"))
    deployment.follow("@news")
    assert deployment.update().success
    (uri,) = deployment.read("media")["uri"]
    (stored,) = Path(deployment.lake.root).rglob(uri)
    stored.write_bytes(b"x" * 2000)
    failed = [one for one in deployment.run(job=CHECK).get_asset_check_evaluations() if not one.passed]
    assert [one.check_name for one in failed] == ["files_match"]


def _landed(now: datetime) -> pl.DataFrame:
    from tests.builders import landing

    return landing({"date": now, "observed_at": now, "text": "from an import"})


def test_settings_that_are_missing_are_told_by_their_names(deployment: Deployment) -> None:
    deployment.server.add_channel("news", "News")
    deployment.follow("@news")
    access = replace(deployment.access, settings=lambda: TelegramSettings(api_id=None))
    with pytest.raises(SettingsError, match="TELEGRAM_API_ID"):
        asyncio.run(
            access.read(
                deployment.paired.catalog, deployment.lake.tenant("demo"), reading_days(datetime.now(UTC).date())
            )
        )
    assert "TELEGRAM_API_ID" in (tenant_read(deployment.paired.catalog, "demo").error or "")
