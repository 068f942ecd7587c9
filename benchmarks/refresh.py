"""A refresh of one tenant-day, through Dagster and beside it the same library functions called directly.

    python -m benchmarks.refresh [--messages 5000]

Prints seconds of each, their difference (the orchestration) and the ratio. Imports and JIT compilation are warmed by a
small day first; the map is shown apart, since the refresh is measured up to rankings.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

DAY = date(2026, 3, 15)
WARM_DAY = date(2025, 3, 15)
WORDS = (
    "мэр открыл новую станцию метро после ремонта жители ждали три года банк снизил ставку рынок ответил ростом курс "
    "биржа взлом разработчики выпустили обновление телефон команда победила матч финал шторм паром задержан суд решение "
    "school council tram storm harbour market chip outage release election treaty summit growth strike ferry budget"
).split()


def posts(day: date, count: int) -> list[dict[str, object]]:
    """Posts of one day in 20 channels; a third of them tell one of `count / 25` stories in shuffled words."""
    rng = random.Random(day.toordinal())
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    stories = [[rng.choice(WORDS) + str(rng.randrange(400)) for _ in range(30)] for _ in range(max(1, count // 25))]
    rows = []
    for n in range(count):
        words = [rng.choice(WORDS) + rng.choice(("", str(rng.randrange(4000)))) for _ in range(40)]
        if n % 3 == 0:
            words = rng.sample(rng.choice(stories), 22) + words[:10]
        rows.append(
            {
                "channel_id": 1000 + n % 20,
                "msg_id": n + 1,
                "channel": f"channel{n % 20}",
                "text": " ".join(words),
                "date": start + timedelta(seconds=n * 80_000 / count),
                "observed_at": start + timedelta(hours=23),
                "views": rng.randrange(100, 10_000),
                "forwards": rng.randrange(50),
                "reactions": rng.randrange(200),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=5000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TGSTUDIO_HOME"] = folder
        measure(Path(folder), arguments.messages)


def measure(home: Path, count: int) -> None:
    """Land, refresh through Dagster, refresh by hand; print."""
    from tests.builders import landing
    from tgstudio_dagster.catalog.database import Catalog
    from tgstudio_dagster.catalog.people.tenants import add_tenant
    from tgstudio_dagster.core.days import DayRange
    from tgstudio_dagster.core.home import prepare_home
    from tgstudio_dagster.core.settings import settings
    from tgstudio_dagster.lake.store import Lake
    from tgstudio_dagster.operate.launch import materialize_days

    prepare_home(settings())
    lake = Lake.open(settings())
    catalog = Catalog.open(settings())
    for tenant in ("warm", "measured", "direct"):
        add_tenant(catalog, tenant, tenant)
    lake.tenant("warm").land(landing(*posts(WARM_DAY, 200)))
    materialize_days("warm", [DayRange(WARM_DAY, WARM_DAY)])
    frame = landing(*posts(DAY, count))
    lake.tenant("measured").land(frame)
    started = time.perf_counter()
    outcome = materialize_days("measured", [DayRange(DAY, DAY)])
    through = time.perf_counter() - started
    assert outcome.success, outcome.error
    lake.tenant("direct").land(frame)
    steps = direct(lake, "direct", DAY)
    by_hand = sum(steps.values())
    for name, seconds in steps.items():
        print(f"  {name:<12}{seconds:7.2f} s")
    print(f"{count} messages, one tenant-day, warm imports")
    print(f"  directly, without the map {by_hand - steps['topic_map']:6.2f} s   with it {by_hand:6.2f} s")
    print(f"  through Dagster           {through:6.2f} s   orchestration {through - by_hand:+.2f} s")
    print(f"  ratio Dagster / directly  {through / by_hand:6.2f}")


def direct(lake: object, tenant: str, day: date) -> dict[str, float]:
    """The library functions of the refresh in turn, with reading and writing; seconds by step."""
    from tgstudio_dagster.lake import tables as t
    from tgstudio_dagster.lake.store import Lake
    from tgstudio_dagster.orchestration.checks import RULES
    from tgstudio_dagster.orchestration.run_days import TenantDay
    from tgstudio_dagster.posts.attachments import media_table
    from tgstudio_dagster.posts.merge import merge
    from tgstudio_dagster.topics.cluster import find_topics
    from tgstudio_dagster.topics.embed import embed
    from tgstudio_dagster.topics.map import lay_out
    from tgstudio_dagster.topics.rank import rank
    from tgstudio_dagster.topics.window import as_of, window_days

    assert isinstance(lake, Lake)
    store, days, seconds = lake.tenant(tenant), window_days(day), {}

    def timed(name: str, begin: float) -> None:
        seconds[name] = time.perf_counter() - begin

    def read(table: t.Table) -> pl.DataFrame:
        return store.read(table, days=days)

    begin = time.perf_counter()
    landed = store.read_landings(store.landings(day))
    merged = merge(landed, store.read(t.MESSAGES, days=[day]), t.MESSAGE_VERSIONS.empty(), t.MESSAGE_STATS.empty())
    store.write(t.MESSAGES, merged.messages, day=day)
    store.write(t.MESSAGE_VERSIONS, merged.versions, day=day)
    store.write(t.MESSAGE_STATS, merged.stats, day=day)
    timed("messages", begin)
    begin = time.perf_counter()
    store.write(t.MEDIA, media_table(store.read(t.MESSAGES, days=[day])), day=day)
    timed("media", begin)
    begin = time.perf_counter()
    store.write(t.EMBEDDINGS, embed(store.read(t.MESSAGES, days=[day]), read(t.MESSAGES)), day=day)
    timed("embeddings", begin)
    begin = time.perf_counter()
    window, stats = read(t.MESSAGES), read(t.MESSAGE_STATS)
    now = as_of(day, window, stats)
    found = find_topics(window, read(t.EMBEDDINGS), now)
    store.write(t.TOPICS, found.topics, day=day)
    store.write(t.TOPIC_MESSAGES, found.topic_messages, day=day)
    timed("topics", begin)
    begin = time.perf_counter()
    store.write(t.RANKINGS, rank(window, stats, found.topics, found.topic_messages, now), day=day)
    timed("rankings", begin)
    begin = time.perf_counter()
    store.write(t.TOPIC_MAP, lay_out(read(t.EMBEDDINGS), found.topic_messages, found.topics, None), day=day)
    timed("topic_map", begin)
    begin = time.perf_counter()
    for table, _, _, rule in RULES:
        if table.partition == "tenant_day":
            assert rule(store, TenantDay(tenant, day)).is_empty()
    timed("checks", begin)
    return seconds


if __name__ == "__main__":
    main()
