"""What a channel repeats is learnt by counting, and days add up."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from tests import builders
from tgstudio_dagster.topics.footers import add_counts, count_lines, repeated

FOOTER = "Подписаться на Канал"


def _posts(count: int, first: int = 0, **columns: object) -> pl.DataFrame:
    return builders.messages(
        *(
            {
                "channel_id": 1,
                "msg_id": first + n + 1,
                "date": builders.FIRST + timedelta(days=(first + n) // 5),
                "text": f"Новость {first + n} о разном\n{FOOTER}",
                **columns,
            }
            for n in range(count)
        )
    )


def test_a_footer_is_learnt_with_its_share_and_the_rule_that_found_it() -> None:
    learnt = repeated(count_lines(_posts(20)))
    assert learnt.rows() == [(1, FOOTER, 20, 20, 1.0, "often")]


def test_counts_of_days_add_up_to_counts_of_all() -> None:
    frame = _posts(20)
    days = [count_lines(part) for (_,), part in frame.group_by(pl.col("date").dt.date())]
    assert add_counts(days).equals(count_lines(frame))


def test_a_footer_of_a_rare_poster_is_learnt_over_days() -> None:
    days = [count_lines(_posts(2, first=2 * day)) for day in range(3)]
    assert all(repeated(counts).is_empty() for counts in days)
    assert repeated(add_counts(days))["line"].to_list() == [FOOTER]


def test_no_posts_teach_nothing() -> None:
    assert repeated(count_lines(builders.messages())).is_empty()
    assert repeated(add_counts([])).is_empty()


def test_an_unclosed_link_leaves_its_words_only() -> None:
    from tgstudio_dagster.topics.clean import clean_texts
    from tgstudio_dagster.topics.footers import repeated_lines

    frame = builders.messages({"text": "Курс вырос. [Экономика](https://t.me/+abc"})
    assert clean_texts(frame, repeated_lines(frame)).to_list() == ["Курс вырос. Экономика"]
