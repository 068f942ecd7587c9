"""The page about webhooks: its example verifies what is posted, and it names every type of event and its fields."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from tgstudio_dagster.catalog.outbox.events import EVENT_TYPES
from tgstudio_dagster.core.home import PROJECT
from tgstudio_dagster.outbox.webhook import DELAYS, signed_headers

PAGE = (PROJECT / "docs" / "webhooks.md").read_text(encoding="utf-8")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def example() -> Callable[..., None]:
    names: dict[str, Any] = {}
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(code, names)
    verify: Callable[..., None] = names["verify"]
    return verify


def test_the_example_accepts_what_is_posted_and_nothing_else() -> None:
    verify, body = example(), b'{"id":"1","type":"order.done"}'
    headers = signed_headers(SecretStr(SECRET), "1", datetime.now(UTC), body)
    verify(SECRET, headers, body)
    verify(SECRET, headers | {"webhook-signature": f"v1,other {headers['webhook-signature']}"}, body)
    for changed, text, secret in (
        ({}, body + b" ", SECRET),
        ({"webhook-id": "2"}, body, SECRET),
        ({"webhook-timestamp": str(int(time.time()) + 1)}, body, SECRET),
        ({}, body, "whsec_" + "A" * 32),
    ):
        with pytest.raises(ValueError, match="signature"):
            verify(secret, headers | changed, text)
    old = signed_headers(SecretStr(SECRET), "1", datetime.fromtimestamp(time.time() - 600, UTC), body)
    with pytest.raises(ValueError, match="old"):
        verify(SECRET, old, body)


def test_every_event_and_field_is_named() -> None:
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \|(.*)$", PAGE, re.MULTILINE))
    core = {name for name, event in EVENT_TYPES.items() if event.__module__.startswith("tgstudio_dagster")}
    assert rows.keys() == core
    common = set(EVENT_TYPES["order.done"].model_fields) - {"tenant"}
    for name in core:
        fields = set(EVENT_TYPES[name].model_fields) - {"tenant"}
        named = set(re.findall(r"`([a-z_]+)`", rows[name]))
        assert fields <= named | (common if name in ("order.failed", "order.cancelled") else set()), name


def test_the_waits_are_those_of_the_code() -> None:
    words = {"s": 1, "min": 60, "h": 3600}
    listed = re.search(r"\(after (.*?)\)", PAGE)
    assert listed is not None
    waits = [int(count) * words[unit] for count, unit in re.findall(r"(\d+) (s|min|h)\b", listed[1])]
    assert waits == [int(delay.total_seconds()) for delay in DELAYS]
