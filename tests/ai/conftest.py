"""A ledger of the tenant `acme` on both databases, and a price of the paid model."""

from __future__ import annotations

import pytest

from tests.ai.calls import PRICE
from tests.builders import make_tenant
from tgstudio_dagster.ai import prices
from tgstudio_dagster.ai.ledger import Ledger
from tgstudio_dagster.catalog.database import Catalog


@pytest.fixture(autouse=True)
def _priced(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"paid-1": PRICE, "paid-1-2026": PRICE}
    free = prices.price
    monkeypatch.setattr("tgstudio_dagster.ai.ledger.price", lambda m, p=None: known.get(m) or free(m, p))


@pytest.fixture
def ledger(catalog: Catalog) -> Ledger:
    make_tenant(catalog, "acme")
    return Ledger(catalog, "acme", wait=0.0)
