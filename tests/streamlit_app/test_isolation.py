"""No page shows another tenant's anything: every page is walked by people of every kind, over a filled tenant beside theirs."""

from __future__ import annotations

import pytest

from tests.streamlit_app.reader import Reader, Readers, pages, shown

ROLES = ("owner", "editor", "viewer")


def traces(reader: Reader) -> set[str]:
    """What gives a tenant away: its channels, topics, orders, and words that only its posts have."""
    studio = reader.studio
    rows = studio.posts.feed(limit=20).rows
    found = {str(one) for one in [*rows["channel_title"].unique(), *rows["channel"].drop_nulls().unique()]}
    found |= {text[:40] for text in rows["text"] if len(text) > 40}
    found |= set(studio.topics.all(day=None, limit=10)["topic_id"])
    found |= {order.id for order in studio.orders.all()}
    return found


@pytest.fixture
def outsiders(sample_readers: Readers) -> dict[str, Reader]:
    return {role: sample_readers.of("acme", role) for role in ROLES}  # type: ignore[arg-type]


def test_the_sample_gives_itself_away_to_its_own_people(sample_readers: Readers) -> None:
    owner = sample_readers.of("demo")
    said = shown(owner.open("feed"))
    assert any(trace in said for trace in traces(owner))


def test_no_page_shows_another_tenants_data_and_none_breaks(
    sample_readers: Readers, outsiders: dict[str, Reader]
) -> None:
    secret = traces(sample_readers.of("demo"))
    assert len(secret) > 10
    for role, reader in outsiders.items():
        for key in pages():
            if key == "operator":
                continue
            page = reader.open(key)
            assert not page.exception, f"{key} as {role}: {page.exception}"
            said = shown(page)
            assert not {trace for trace in secret if trace in said}, f"{key} as {role}"


def test_an_address_that_names_another_tenants_things_shows_nothing_of_them(
    sample_readers: Readers, outsiders: dict[str, Reader]
) -> None:
    demo = sample_readers.of("demo")
    secret = traces(demo)
    topic, order = demo.studio.topics.all(day=None, limit=1)["topic_id"][0], demo.studio.orders.all()[0].id
    package = demo.studio.packages.all()["package_id"][0]
    named = {
        "topic": topic,
        "topic_id": topic,
        "id": topic,
        "order": order,
        "package": package,
        "channels": "worldbrief",
    }
    for key in pages():
        if key == "operator":
            continue
        page = outsiders["owner"].open(key, **named)
        assert not page.exception, key
        said = shown(page)
        # What the address itself says may be repeated.
        assert not {trace for trace in secret - {topic, order} if trace in said}, key


def test_the_operators_page_is_not_there_for_others(outsiders: dict[str, Reader]) -> None:
    for reader in outsiders.values():
        assert "operator" not in {one["url_pathname"] for one in reader.open()._registered_pages.values()}


@pytest.mark.parametrize("locale", ["ru-RU", "en-US"])
def test_every_page_of_a_filled_tenant_runs_in_both_languages(sample_readers: Readers, locale: str) -> None:
    reader = sample_readers.of("demo", "operator")
    for key in pages():
        page = reader.open(key, locale=locale)
        assert not page.exception, f"{key}: {page.exception}"
