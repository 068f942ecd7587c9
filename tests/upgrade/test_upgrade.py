"""The code of today opens a home of version 0.1.0 and loses nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.upgrade.old_home import AFTER, API_SECRET, BEFORE, LANDED, LOGIN, PASSWORD, OldHome, expected
from tests.web.site import Client, Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> OldHome:
    """The old home, opened by a first command: its catalog is upgraded. Nothing is materialized in it."""
    opened = OldHome(tmp_path_factory.mktemp("upgrade") / "home")
    opened.run("tenant", "list")
    return opened


@pytest.fixture(scope="module")
def materialized(tmp_path_factory: pytest.TempPathFactory) -> OldHome:
    """Another one, whose landed day is materialized."""
    opened = OldHome(tmp_path_factory.mktemp("materialized") / "home")
    opened.run("materialize", "--tenant", "acme")
    return opened


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The web app over a third one."""
    with Site(OldHome(tmp_path_factory.mktemp("site") / "home").folder) as running:
        yield running


def test_every_row_of_the_catalog_is_still_there(home: OldHome) -> None:
    now, then = home.counts(), expected()["before"]["rows"]
    assert {table: now.get(table, 0) for table in then} == then


def test_the_tenant_s_settings_are_as_they_were(home: OldHome) -> None:
    assert json.loads(home.run("tenant", "settings", "acme")) == json.loads(expected()["before"]["settings"])
    assert json.loads(home.run("tenant", "plan", "acme"))["orders_per_day"] == 77


@pytest.mark.parametrize("command", BEFORE)
def test_the_reading_commands_answer_as_before(home: OldHome, command: str) -> None:
    assert home.ask(command) == expected()["before"][command]


def test_a_closed_tenant_stays_closed(home: OldHome) -> None:
    assert "acme" in home.run("tenant", "list") and "gone" not in home.run("tenant", "list")


def test_sealed_sessions_open_with_their_key(tmp_path: Path) -> None:
    """Sealing them anew opens each one first."""
    home = OldHome(tmp_path / "home")
    home.environment["SESSION_KEY_2"] = home.environment["SESSION_KEY_1"]
    assert "2" in home.run("keys", "rotate")
    assert home.ask("accounts", "beta")[0]["status"] == "active"


def test_the_landed_day_is_materialized_without_another_import(tmp_path: Path) -> None:
    home = OldHome(tmp_path / "home")
    days = ("date=2026-03-13", "date=2026-03-14")
    before = {
        name: content for name, content in home.objects("messages/").items() if days[0] in name or days[1] in name
    }
    assert len(before) == 2 and home.objects("landing/")
    runs = home.ask("materialize")
    assert [(run["from"], run["to"]) for run in runs] == [(LANDED, LANDED)]
    after = home.objects("messages/")
    assert {name: after[name] for name in before} == before
    assert not home.objects("landing/")
    assert home.ask("materialize") == []


@pytest.mark.parametrize("command", AFTER)
def test_the_landed_day_s_posts_and_topics_are_those_of_before(materialized: OldHome, command: str) -> None:
    assert materialized.ask(command) == expected()["after"][command]


def test_an_order_of_an_old_topic_can_be_worked_further(materialized: OldHome) -> None:
    topic = materialized.ask("top --window 7d --limit 1")[0]["entity_id"]
    made = json.loads(materialized.run("order", "--tenant", "acme", "--topic", topic, "--goal", "text", "--json"))
    assert made["status"] == "done"


def test_the_old_api_key_reads(site: Site) -> None:
    with Client(site, key=API_SECRET) as program:
        feed: Any = program.get("/v1/feed", params={"limit": 1})
        assert feed.status_code == 200, feed.text
        assert feed.json()["items"]
        assert program.get("/v1/keys").status_code == 403


def test_the_old_password_signs_in(site: Site) -> None:
    with httpx2.Client(base_url=site.url, trust_env=False, timeout=30) as browser:
        page = browser.get("/login")
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        cookies = "; ".join(header.partition(";")[0] for header in page.headers.get_list("set-cookie"))
        form = {**fields, "login": LOGIN, "password": PASSWORD}
        answer = browser.post("/auth/local", data=form, headers={"cookie": cookies})
        assert answer.status_code == 303, answer.text
        session = answer.headers["set-cookie"].partition(";")[0]
        me = browser.get("/v1/me", headers={"cookie": session}).json()
    assert (me["user"]["name"], me["tenant"], me["role"]) == ("Vera", "acme", "owner")
