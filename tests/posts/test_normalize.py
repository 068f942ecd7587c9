"""Small decisions on strings, times, names and paths."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tgstudio_dagster.posts import normalize

names = st.text(st.characters() | st.sampled_from("/\\.\0\u202e👍 :\n"), max_size=300)


@given(names)
def test_a_safe_name_has_no_separator_no_control_and_fits(name: str) -> None:
    safe = normalize.safe_file_name(name)
    if safe is not None:
        assert safe not in ("", ".", "..")
        assert not re.search(r'[/\\\x00-\x1f\u202a-\u202e<>:"|?*]', safe)
        assert len(safe.encode()) <= 120
        assert normalize.safe_file_name(safe) == safe


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("a\\b.txt", "b.txt"),
        ("..", None),
        ("", None),
        ("x" * 200 + ".pdf", "x" * 116 + ".pdf"),
    ],
)
def test_names_are_made_safe(name: str, safe: str | None) -> None:
    assert normalize.safe_file_name(name) == safe


@given(names, st.sampled_from([None, "image/png", "odd/type"]), st.sampled_from(["photo", "document"]))
def test_an_extension_is_always_short_and_plain(name: str, mime: str | None, kind: str) -> None:
    assert re.fullmatch(r"[a-z0-9]{1,8}", normalize.file_extension(name, mime, kind))


@settings(deadline=None)
@given(names)
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    folder = Path("/tmp")
    path = normalize.inside(folder, name)
    assert path is None or path.is_relative_to(folder.resolve())


moments = st.integers(1, 2**54).map(lambda micros: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros))


@given(moments)
def test_iso_times_and_microseconds_are_each_others_inverse(moment: datetime) -> None:
    micros = normalize.parse_time(moment.isoformat())
    assert micros is not None
    assert normalize.from_micros(micros) == moment
    assert normalize.parse_time(moment.replace(tzinfo=None).isoformat()) == micros
    zone = timezone(timedelta(hours=3))
    assert normalize.parse_time(moment.astimezone(zone).isoformat()) == micros


@given(st.integers(1, 2**33))
def test_epochs_are_seconds_as_number_or_digits(seconds: int) -> None:
    assert normalize.parse_time(seconds) == normalize.parse_time(str(seconds)) == seconds * 1_000_000
    assert normalize.parse_time(float(seconds)) == seconds * 1_000_000


@given(st.text(max_size=30) | st.integers() | st.floats())
def test_anything_else_is_a_value_error_or_no_time(value: str | int | float) -> None:
    try:
        micros = normalize.parse_time(value)
    except ValueError:
        micros = None
    assert micros is None or normalize.from_micros(micros).year >= 1


@pytest.mark.parametrize(("given", "wanted"), [(1001, 1001), (-1001001, 1001001), (-1000000001001, 1001)])
def test_a_channels_id_is_positive(given: int, wanted: int) -> None:
    assert normalize.channel_id(given) == wanted


@pytest.mark.parametrize("given", ["@World_News", "World_News", "https://t.me/World_News", "t.me/s/World_News/"])
def test_a_username_is_taken_from_any_of_its_forms(given: str) -> None:
    assert normalize.username(given) == "World_News"


@pytest.mark.parametrize("given", ["", "a b", "ab", "+invite", "имя_канала"])
def test_what_is_no_username_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="no username"):
        normalize.username(given)


@given(st.text(st.sampled_from("ab#@_./: 1й\n👍(),ht"), max_size=60))
def test_what_is_found_in_a_text_is_clean_and_unique(text: str) -> None:
    for values in normalize.found_in(text):
        assert len(values) == len(set(values))
        assert all(item and not re.search(r"\s", item) for item in values)
    assert all(not item.startswith("#") for item in normalize.found_in(text)[0])


@given(st.text(st.sampled_from("aй👍🏽\u200d "), max_size=30), st.integers(-5, 70), st.integers(-5, 70))
def test_a_slice_counts_utf16_units(text: str, offset: int, length: int) -> None:
    encoded = text.encode("utf-16-le")
    got = normalize.utf16_slice(encoded, offset, length)
    assert got in text
    if offset == 0 and length >= len(encoded) // 2:
        assert got == text
