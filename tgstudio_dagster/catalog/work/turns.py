"""A run's turn at an order: taken when a step begins, kept by a heartbeat while it works, checked before what counts.

Who may take an order is decided in `orders.py`. A step checks its turn before it pays for something; what stores an
order's tables checks the run before it writes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.holders import database_now, heartbeat, this_process
from tgstudio_dagster.catalog.work.models import Order
from tgstudio_dagster.catalog.work.orders import HELD_SECONDS, begin_order, get_order
from tgstudio_dagster.core.errors import StoppedError, TakenError

__all__ = ["Turn", "check_run", "turn_at"]

_LOG = logging.getLogger(__name__)


class Turn:
    """A run's turn at an order: `order` as it was when the step began."""

    def __init__(self, catalog: Catalog, order: Order, ttl: float) -> None:
        self.order = order
        self._catalog = catalog
        self._ttl = ttl

    def check(self) -> None:
        """Raise StoppedError where the order was cancelled, TakenError where another run has it now."""
        order = get_order(self._catalog, self.order.tenant, self.order.id)
        if order.cancel_at is not None or order.status == "cancelled":
            raise StoppedError(f"Order {order.id} was cancelled.")
        if (order.status, order.run_id, order.token) != ("running", self.order.run_id, self.order.token):
            raise _lost(order, self.order.run_id)

    def beat(self) -> None:
        """Say that the process is alive; where another run has the order, nothing is said."""
        mine = update(Order).where(Order.id == self.order.id, Order.status == "running")
        mine = mine.where(Order.run_id == self.order.run_id, Order.token == self.order.token)
        try:
            with self._catalog.tenant_session(self.order.tenant, writing=True) as session:
                until = database_now(session.connection()) + timedelta(seconds=self._ttl)
                session.execute(mine.values(held_until=until))
        except DBAPIError as error:
            # The next beat may succeed; if none does in time, another run may take the order, and check() says so.
            _LOG.warning("order %s: heartbeat failed: %s", self.order.id, error)


@contextmanager
def turn_at(
    catalog: Catalog, order_id: str, run_id: str, *, asked_at: str | None = None, ttl: float = HELD_SECONDS
) -> Iterator[Turn]:
    """Hold the order for a step of the run. Raises as `begin_order`."""
    order = begin_order(catalog, order_id, run_id, asked_at=asked_at, holder=this_process(), ttl=ttl)
    turn = Turn(catalog, order, ttl)
    with heartbeat(turn.beat, ttl, f"order {order_id}"):
        yield turn


def check_run(catalog: Catalog, order_id: str, run_id: str) -> None:
    """Raise TakenError where the run does not have the order (any more): what it has made must not be stored.

    What a cancelled order's run has finished may be: it is paid for.
    """
    order = get_order(catalog, order_id.partition("-")[0], order_id)
    if order.status != "running" or order.run_id != run_id:
        raise _lost(order, run_id)


def _lost(order: Order, run_id: str | None) -> TakenError:
    return TakenError(
        f"Order {order.id} is {order.status}, by run {order.run_id}: run {run_id} has lost it (its process stood still, or "
        "its order was ended). Nothing of it was stored."
    )
