"""Packages: limits, images, hashtags, post times, checks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.newsroom.posts import changed, edited
from tgstudio_dagster.ai.offline.moderator import OfflineModerator
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.core.errors import NewsroomError
from tgstudio_dagster.core.vocabulary import PlatformName
from tgstudio_dagster.newsroom.platforms import PLATFORMS, platform
from tgstudio_dagster.newsroom.publisher import SLOTS, choose_image, post_time, publish, refused, require_limits
from tgstudio_dagster.newsroom.records.editor_result import EditorResult
from tgstudio_dagster.newsroom.records.image import Image
from tgstudio_dagster.newsroom.records.package import Package

NAMES: tuple[PlatformName, ...] = get_args(PlatformName)
NOW = datetime(2026, 3, 10, 7, 0, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Moscow")


def image(n: int, width: int, height: int, **given: Any) -> Image:
    row = {"n": n, "uri": f"{n}.jpg", "sha256": "0" * 64, "width": width, "height": height, "model": "m"}
    return Image.from_row({**row, "moderation": "ok", "cached": False, "brief_hash": "h", **given})


def packages(result: EditorResult, images: list[Image], **given: Any) -> dict[str, Package]:
    made = publish(
        result, images, NAMES, order="acme-01", now=NOW, zone=ZONE, settings=TenantSettings(**given),
        moderator=OfflineModerator(),
    )  # fmt: skip
    return {package.platform: package for package in made}


def failed(package: Package) -> list[str]:
    return [check.name for check in package.checks if not check.passed]


ALL_SIZES = [image(0, 1280, 720), image(1, 1080, 1080), image(2, 1080, 1350), image(3, 1200, 630)]


def test_a_package_for_every_platform_passes_its_checks() -> None:
    made = packages(edited(), ALL_SIZES)
    assert set(made) == set(NAMES)
    assert {name: failed(row) for name, row in made.items()} == {name: [] for name in NAMES}


def test_a_telegram_package_with_an_image_fits_a_caption() -> None:
    made = packages(edited(), ALL_SIZES)["tg"]
    assert PLATFORMS["tg"].length(made.text) <= 1024
    assert made.image_uri == "0.jpg"
    assert "https://t.me/gorod_live/10" in made.text
    assert made.text.endswith("#метро #северогорск #авария")
    assert made.package_id == "acme-01-tg"


def test_without_an_image_the_longest_body_goes_out_and_instagram_fails_its_check() -> None:
    made = packages(edited(), [])
    assert edited().body_long in made["tg"].text
    assert made["tg"].image_uri is None
    assert failed(made["ig"]) == ["image"]


def test_vk_has_the_limit_that_the_tenant_sets() -> None:
    made = packages(edited(), ALL_SIZES, vk_text_limit=300)["vk"]
    assert max(map(len, (made.text, *made.variants.values()))) <= 300


def test_each_platform_gets_the_image_of_its_ratio() -> None:
    chosen = {name: row.image_uri for name, row in packages(edited(), ALL_SIZES).items()}
    assert chosen == {
        "tg": "0.jpg", "x": "0.jpg", "vk": "1.jpg", "threads": "1.jpg", "ig": "2.jpg", "fb": "3.jpg", "li": "3.jpg"
    }  # fmt: skip


def test_an_image_that_moderation_stopped_or_of_a_wrong_ratio_is_not_used() -> None:
    assert choose_image([image(0, 1080, 1350, moderation="adult")], PLATFORMS["ig"]) is None
    assert choose_image([image(0, 500, 1350)], PLATFORMS["ig"]) is None


def test_hashtags_keep_to_the_platform() -> None:
    result = changed(hashtags=["метро", "#two", "bad tag", "три", "four", "five", "six", "seven"])
    made = packages(result, ALL_SIZES)
    assert made["threads"].hashtags == ("метро",)
    assert made["ig"].hashtags == ("метро", "two", "три", "four", "five")


def test_an_unverified_claim_and_a_copied_text_fail_their_checks() -> None:
    first, *others = edited().to_row()["claims"]
    result = changed(overlap=0.4, claims=[{**first, "needs_verification": True}, *others])
    made = packages(result, ALL_SIZES)["li"]
    assert failed(made) == ["claims", "overlap"]
    assert refused([made]).is_empty()


def test_what_a_platform_would_not_take_is_named_with_its_figure() -> None:
    made = packages(edited(), [])["ig"]
    assert refused([made]).rows() == [("ig", "image", "no image, 0.8 to 1.91 taken")]
    with pytest.raises(NewsroomError, match=r"ig: image, no image"):
        require_limits([made])


def test_a_moderator_s_word_is_what_a_package_is_held_to() -> None:
    made = packages(changed(body_short="Гарантированный доход каждому."), ALL_SIZES)["tg"]
    assert failed(made) == ["moderation"]
    assert made.checks[-1].detail == "scam"


@settings(max_examples=40, deadline=None)
@given(
    st.text(max_size=3000),
    st.text(max_size=900),
    st.text(max_size=90),
    st.lists(st.integers(1, 10**12).map(lambda n: f"https://t.me/channel/{n}"), max_size=4),
    st.lists(st.text(max_size=60), max_size=12),
)
def test_whatever_a_writer_says_every_text_obeys_every_limit(
    long: str, medium: str, headline: str, links: list[str], tags: list[str]
) -> None:
    result = changed(
        headline=headline,
        body_long=long,
        body_medium=medium,
        body_short=medium[:300],
        source_links=links,
        hashtags=tags,
    )
    for name, made in packages(result, ALL_SIZES, vk_text_limit=100).items():
        target = platform(next(each for each in NAMES if each == name), TenantSettings(vk_text_limit=100))
        assert target.length(made.text) <= target.limit(with_image=True)
        assert all(target.length(text) <= target.text_limit for text in made.variants.values())
        assert len(made.hashtags) <= target.hashtags


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(["UTC", "Europe/Moscow", "America/New_York", "Pacific/Apia", "Asia/Kathmandu"]),
    st.sampled_from(sorted(PLATFORMS)),
)
def test_a_post_time_is_the_next_slot_of_the_tenants_day(now: datetime, zone: str, name: str) -> None:
    target = next(each for each in PLATFORMS.values() if each.name == name)
    when = post_time(target, now, ZoneInfo(zone))
    assert now < when <= now + timedelta(hours=16)
    assert (when - timedelta(minutes=target.stagger_minutes)).astimezone(ZoneInfo(zone)).time() in SLOTS


@pytest.mark.parametrize(("name", "expected"), [("tg", "09:30"), ("x", "09:35"), ("li", "10:00")])
def test_platforms_are_staggered(name: PlatformName, expected: str) -> None:
    assert f"{post_time(PLATFORMS[name], NOW, ZONE):%H:%M}" == expected
