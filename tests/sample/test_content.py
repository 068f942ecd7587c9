"""What the sample's content files may say, and what a mistake in them is answered with."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.sample.content import channels, moment, written_posts
from tgstudio_dagster.sample.growth import counters, expect
from tgstudio_dagster.sample.recurring import recurring_posts

STORY = """
- story: new-bridge
  lang: en
  day: 1
  time: "08:15"
  events:
    - event: new-bridge-opens
      posts:
        - {channel: harbourcity, after: 0, text: It is open., edit: {after: 20, text: It is open again.}}
        - {channel: worldbrief, after: 30, forward_of: harbourcity, delete_after: 90}
"""
FORMAT = """
- format: tide
  channel: harbourcity
  times: ["06:00"]
  jitter: 0
  texts: ["TEXT"]
  words: {ship: [a tug, a trawler, a yacht]}
"""
CHANNEL = channels()["mir_segodnya"]
SHARED = "values: {level: {start: 10, step: 2, anchors: {6: 42, 30: 84}}}\nwords: {}"


def with_story(folder: Path, story: str) -> Path:
    (folder / "stories_en_1.yaml").write_text(story)
    return folder


def with_format(folder: Path, text: str, lang: str = "en") -> Path:
    channel = "harbourcity" if lang == "en" else "tehnoblok"
    (folder / "recurring.yaml").write_text(SHARED)
    (folder / "recurring_1.yaml").write_text(FORMAT.replace("TEXT", text).replace("harbourcity", channel))
    return folder


def texts(folder: Path) -> list[str]:
    return [post.text for post in recurring_posts(channels(), folder)]


def test_a_story_is_read_with_its_times_edits_and_deletes(tmp_path: Path) -> None:
    first, forward = written_posts(with_story(tmp_path, STORY))
    assert (first.at, first.event, first.story) == (moment(1, "08:15"), "new-bridge-opens", "new-bridge")
    assert first.edit == (moment(1, "08:35"), "It is open again.")
    assert (forward.at, forward.forward_of, forward.deleted_at) == (
        moment(1, "08:45"),
        "harbourcity",
        moment(1, "10:15"),
    )


def test_an_unknown_key_is_refused_with_the_files_name(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"stories_en_1\.yaml.*mood"):
        written_posts(with_story(tmp_path, STORY.replace("lang: en", "mood: glad")))


def test_a_time_without_quotes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="time"):
        written_posts(with_story(tmp_path, STORY.replace('"08:15"', "8:15")))


def test_a_forward_needs_an_earlier_post_of_its_event(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"new-bridge.*chainwatch"):
        written_posts(with_story(tmp_path, STORY.replace("forward_of: harbourcity", "forward_of: chainwatch")))


def test_words_come_in_turn_and_start_sentences_with_a_capital(tmp_path: Path) -> None:
    filled = texts(with_format(tmp_path, "{ship} and {ship}, {date}. {ship} follows."))
    assert len(filled) == 7
    assert filled[0].endswith(" follows.")
    for text in filled:
        assert {"a tug", "a trawler", "a yacht"} == {
            ship for ship in ("a tug", "a trawler", "a yacht") if ship in text.lower()
        }
        assert text.startswith("A ")
        assert ". A " in text


def test_a_walking_value_passes_its_anchors(tmp_path: Path) -> None:
    assert texts(with_format(tmp_path, "Level {level}, {date}"))[:2] == ["Level 42, 9 March", "Level 84, 10 March"]


@pytest.mark.parametrize(
    ("number", "text"), [(1, "1 день"), (3, "3 дня"), (11, "11 дней"), (21, "21 день"), (40, "40 дней")]
)
def test_russian_words_agree_with_their_number(number: int, text: str, tmp_path: Path) -> None:
    forms = texts(with_format(tmp_path, f"{{date}}: {{{number}..{number} день|дня|дней}}", lang="ru"))
    assert forms[0] == f"9 марта: {text}"


def test_an_unknown_slot_is_refused_with_the_formats_name(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"tide.*boat"):
        texts(with_format(tmp_path, "{boat}"))


def test_a_format_with_too_few_variations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"tide.*variations"):
        texts(with_format(tmp_path, "High water"))


@given(st.integers(0, 20_000), st.integers(0, 20_000), st.floats(0.3, 3.0), st.text(max_size=8))
def test_counters_grow_with_age_whatever_the_post(age: int, more: int, heat: float, key: str) -> None:
    posted = moment(0, "09:00")
    growth = expect(CHANNEL, posted, heat, key)
    earlier = counters(growth, posted + timedelta(minutes=age))
    later = counters(growth, posted + timedelta(minutes=age + more))
    assert later.views >= earlier.views
    assert later.forwards >= earlier.forwards
    assert all(dict(later.reactions)[emoji] >= count for emoji, count in earlier.reactions)
