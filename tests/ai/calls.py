"""A paid model that counts its calls, calls of it through a ledger, and what they leave in the catalog."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy import select

from tgstudio_dagster.ai.ledger import Keeping, Ledger
from tgstudio_dagster.ai.prices import Price
from tgstudio_dagster.ai.protocols import ModerateRequest, ModerateResult, Reply, Usage, Verdict
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.models import AiClaim, AiUsage
from tgstudio_dagster.catalog.work.orders import Order, begin_order, create_order, requeue_order, settle_order
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.principal import Principal

ACME = Principal("acme", None, "owner")
KEPT = Keeping[ModerateResult](lambda result: result.model_dump(mode="json"), ModerateResult.model_validate)
PRICE = Price(input=1.0, output=4.0, image=0.0, cached_input=0.5)
RESERVED = Usage(input_tokens=1_000, output_tokens=500)
"""3,000 millionths of a dollar at PRICE."""
USED = Usage(input_tokens=800, output_tokens=100, cached_tokens=400)
"""1,000 of them."""


@dataclass
class Paid:
    """A model that is paid for, counting its calls; raises `fails` where it is set."""

    provider: str = "test"
    model: str = "paid-1"
    calls: int = 0
    fails: list[BaseException] = field(default_factory=list)

    def moderate(self, request: ModerateRequest) -> Reply[ModerateResult]:
        self.calls += 1
        if self.fails:
            raise self.fails.pop()
        verdict = Verdict(category=f"call {self.calls}")
        return Reply(ModerateResult(verdicts=(verdict,)), f"{self.model}-2026", USED, f"req-{self.calls}")


def ask(ledger: Ledger, model: Paid, text: str = "x", *, keeping: Keeping[ModerateResult] | None = KEPT) -> str | None:
    """What the model says of the text, through the ledger."""
    request = ModerateRequest(texts=(text,))
    inputs = request.model_dump(mode="json")
    reply = ledger.call(model, "text", inputs, lambda: model.moderate(request), reserve=RESERVED, keeping=keeping)
    return reply.value.verdicts[0].category


def rows(catalog: Catalog) -> list[AiUsage]:
    with catalog.tenant_session("acme") as session:
        return list(session.scalars(select(AiUsage).order_by(AiUsage.created_at, AiUsage.id)))


def claims(catalog: Catalog) -> list[AiClaim]:
    with catalog.tenant_session("acme") as session:
        return list(session.scalars(select(AiClaim).order_by(AiClaim.asked_at)))


def ordered(catalog: Catalog) -> Order:
    """An order that runs."""
    order = create_order(
        catalog,
        ACME,
        topic_id="t-1",
        day=date(2026, 3, 15),
        platforms=["tg"],
        language="ru",
        tone="neutral",
        now=utc_now(),
    )
    return begin_order(catalog, order.id, f"run of {order.id}")


def again(catalog: Catalog, order: Order) -> Order:
    """The order after its run has failed and a person has queued it again."""
    settle_order(catalog, order.id, order.run_id, "failed", error="?")
    return requeue_order(catalog, ACME, order.id, goal="packages", images=0, now=utc_now() + timedelta(seconds=1))


def replace_fails(model: Paid, *errors: BaseException) -> Paid:
    model.fails.extend(errors)
    return model
