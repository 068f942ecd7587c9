"""Builders of test data: frames of the lake's contracts and rows of the catalog, every unnamed field filled in sensibly.

Only builders belong here: no fixtures (see conftest.py), no assertions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.catalog.people.tenants import add_tenant
from tgstudio_dagster.catalog.work.models import Order
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.lake.contract import Table
from tgstudio_dagster.lake.tables.posts import LANDING, MESSAGES

FIRST = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)
"""When the first post of a built frame was posted, unless its row says so; each next one is a minute later."""

_LISTS = ("hashtags", "links", "mentions", "album", "reactions_by_emoji", "attachments")


def text_hash(text: str) -> str:
    """First 16 hex digits of SHA-256 of the text in UTF-8, as the contract says."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def post(n: int = 0, /, **given: Any) -> dict[str, Any]:
    """A row of LANDING with the given columns; `n` is its place in the frame and sets default msg_id and date.

    Defaults: channel 1001 (`channel1001`), msg_id n + 1, a minute after the one before, observed an hour after `date`,
    counters null. `text_hash` and `url` follow from the other columns. Unknown columns raise.
    """
    unknown = set(given) - set(MESSAGES.columns)
    if unknown:
        raise KeyError(f"no column of messages: {sorted(unknown)}")
    row: dict[str, Any] = dict.fromkeys(LANDING.columns)
    row.update({name: [] for name in _LISTS})
    row.update(channel_id=1001, msg_id=n + 1, date=FIRST + timedelta(minutes=n), type="text", source="telethon_dump")
    row.update(given)
    if "channel" not in given:
        row["channel"] = f"channel{row['channel_id']}"
    if "channel_title" not in given:
        row["channel_title"] = f"Channel {row['channel_id']}"
    if "text" not in given:
        row["text"] = f"Post {row['msg_id']} of channel {row['channel_id']}"
    if "text_hash" not in given:
        row["text_hash"] = text_hash(row["text"])
    if "observed_at" not in given:
        row["observed_at"] = row["date"] + timedelta(hours=1)
    if "url" not in given:
        place = row["channel"] or f"c/{row['channel_id']}"
        row["url"] = f"https://t.me/{place}/{row['msg_id']}"
    return row


def landing(*rows: Mapping[str, Any]) -> pl.DataFrame:
    """A LANDING frame of these rows, in the order given; missing columns as `post` fills them."""
    return frame(LANDING, [post(n, **row) for n, row in enumerate(rows)])


def messages(*rows: Mapping[str, Any]) -> pl.DataFrame:
    """A MESSAGES frame of these rows, in the order given: as `landing`, with version 1 and language en by default."""
    return frame(MESSAGES, [{"version": 1, "lang": "en", **post(n, **row)} for n, row in enumerate(rows)])


def frame(table: Table, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """A frame with the table's schema; columns that a row lacks are null, columns that the table lacks raise."""
    for row in rows:
        unknown = set(row) - set(table.columns)
        if unknown:
            raise KeyError(f"no column of {table.name}: {sorted(unknown)}")
    return pl.DataFrame([{name: row.get(name) for name in table.columns} for row in rows], schema=table.schema)


def make_tenant(catalog: Catalog, slug: str = "demo", **settings: Any) -> Principal:
    """Add a tenant with these settings (the defaults for the rest); returns the operator acting in it."""
    add_tenant(catalog, slug, slug.title(), settings=TenantSettings(**settings))
    return Principal(slug, None, "operator")


def put_order(
    catalog: Catalog, order_id: str, status: str, *, run_id: str | None = None, error: str | None = None
) -> Order:
    """Put an order into this state, whatever way would lead there; `run_id` stays as it was where none is given."""
    with catalog.tenant_session(order_id.partition("-")[0], writing=True) as session:
        order = session.get_one(Order, order_id)
        order.status, order.error, order.updated_at = status, error, utc_now()
        order.run_id = run_id or order.run_id
        return order
