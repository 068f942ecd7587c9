"""What every step of an order's run begins with: its turn at the order, and the ledger of its calls."""

from __future__ import annotations

from contextlib import AbstractContextManager

import dagster as dg

from tgstudio_dagster.ai.ledger import Ledger
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.work.turns import Turn, turn_at
from tgstudio_dagster.orchestration.tags import ASKED_TAG


def order_turn(context: dg.AssetExecutionContext, catalog: Catalog) -> AbstractContextManager[Turn]:
    """The run's turn at the order of its partition. Raises StoppedError or TakenError where it has none.

    A run that a person has started again in Dagster's UI carries the tags of the first, whose wish has been answered: it
    is a wish of its own.
    """
    again = context.run.parent_run_id is not None
    asked_at = None if again else context.run.tags.get(ASKED_TAG)
    return turn_at(catalog, context.partition_key, context.run_id, asked_at=asked_at)


def ledger_of(catalog: Catalog, turn: Turn) -> Ledger:
    """The ledger of the order's calls; nothing is asked once the order is cancelled, or another run has it."""
    return Ledger(catalog, turn.order.tenant, turn.order, turn.check)
