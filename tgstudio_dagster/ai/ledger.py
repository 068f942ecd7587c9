"""The ledger: every call of a model, free or paid, is claimed before it is made and settled after it.

One call is one key: the hash of the purpose, the provider, the model, the prompt's version and all that is asked, within
a tenant. What follows:
- A call that was answered is never made again: its answer is kept and handed to whoever asks the same.
- Two processes that ask the same at once make one call: the second waits for the first, so long as that is alive.
- What a call may cost is reserved against the tenant's ceilings before it, and replaced by what it did cost.
- A call that failed is noted with its error and whatever it used; who asks again makes it again.
- A call whose process ended (or whose connection broke) between asking and noting the answer may have been paid. It counts
  as paid in full, and is not repeated unasked: UnknownOutcomeError says when it was sent and what it may have cost, the
  order fails with that, and once a person has queued the order again it is asked once more. No provider that the product
  knows takes an idempotency key for these calls, so none could tell. A free call is simply made again.

The rows are `catalog/money/ledger.py`'s. The models' own side, how a key, an estimate and a kept answer are made of each
kind of request, is `metered.py`'s.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic

from tgstudio_dagster.ai.prices import price
from tgstudio_dagster.ai.protocols import Model, ModelError, Reply, Usage, Value
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.holders import heartbeat, this_process
from tgstudio_dagster.catalog.money import ledger as rows
from tgstudio_dagster.catalog.money.ledger import Call, Claimed, Held, Kept, Lost, Purpose, Used, trim
from tgstudio_dagster.catalog.work.models import Order
from tgstudio_dagster.core.errors import ConflictError, TGStudioError, UnknownOutcomeError

__all__ = ["Keeping", "Ledger", "call_key", "trim"]

_LOG = logging.getLogger(__name__)
_POLL_SECONDS = 0.2
_MESSAGE = 2_000
"""Characters of an error that are kept."""


@dataclass(frozen=True)
class Keeping(Generic[Value]):
    """How answers of a kind are kept with their claim: `load` returns None where what was kept is gone."""

    dump: Callable[[Value], dict[str, Any]]
    load: Callable[[Mapping[str, Any]], Value | None]


@dataclass(frozen=True)
class Ledger:
    """The ledger of one tenant, for one order where there is one.

    `check` is called before anything is claimed and raises where the work must stop. `wait` is how many seconds another
    process's call is waited for, `ttl` how long a silent process is believed to be making one. `retry`: a person asks,
    outside an order, for what was lost to be asked again.
    """

    catalog: Catalog
    tenant: str
    order: Order | None = None
    check: Callable[[], None] | None = None
    wait: float = 300.0
    ttl: float = 60.0
    retry: bool = False

    def call(
        self,
        model: Model,
        purpose: Purpose,
        inputs: Mapping[str, Any],
        ask: Callable[[], Reply[Value]],
        *,
        reserve: Usage,
        keeping: Keeping[Value] | None,
    ) -> Reply[Value]:
        """The kept answer of this call, or what `ask` returns, noted.

        `inputs` is all that is asked, as JSON, with the prompt's version; `reserve` is what it may use. Without `keeping`
        the caller keeps the answers itself. Raises BudgetError before a call that may pass a ceiling, ConflictError where
        another process still makes the call after `wait`, UnknownOutcomeError where it may have been paid, and what `ask`
        raises.
        """
        call = self._call(model, purpose, inputs, reserve)
        give_up = time.monotonic() + self.wait
        holder = this_process()
        while True:
            if self.check is not None:
                self.check()
            standing = rows.claim(self.catalog, call, holder, self.ttl)
            if isinstance(standing, Claimed):
                return self._made(call, standing.attempt, ask, keeping)
            if isinstance(standing, Kept):
                kept = self._kept(call, standing, keeping)
                if kept is not None:
                    return kept
            elif isinstance(standing, Lost):
                raise UnknownOutcomeError(_lost(call, standing))
            elif isinstance(standing, Held):
                if time.monotonic() >= give_up:
                    raise ConflictError(
                        f"The same call of {call.model} is being made by another process, {standing.holder} "
                        "(host:process:id); wait for it, then ask again."
                    )
                time.sleep(_POLL_SECONDS)

    def _call(self, model: Model, purpose: Purpose, inputs: Mapping[str, Any], reserve: Usage) -> Call:
        order = self.order
        return Call(
            tenant=self.tenant,
            key=call_key(purpose, model.provider, model.model, inputs),
            purpose=purpose,
            provider=model.provider,
            model=model.model,
            reserve=cost(model.model, model.provider, reserve),
            order_id=None if order is None else order.id,
            wish=None if order is None else order.wish,
            retry=self.retry,
        )

    def _made(
        self, call: Call, attempt: int, ask: Callable[[], Reply[Value]], keeping: Keeping[Value] | None
    ) -> Reply[Value]:
        def end(
            state: rows.Ending, used: Used | None, *, answer: dict[str, Any] | None = None, error: str = ""
        ) -> None:
            text = error[:_MESSAGE] or None
            rows.settle(self.catalog, call, attempt, state, used, answer=answer, error=text)

        try:
            with heartbeat(
                lambda: rows.renew(self.catalog, call, attempt, self.ttl), self.ttl, f"call {call.key[:12]}"
            ):
                reply = ask()
        except ModelError as error:
            used = None if error.usage is None else _used(call, call.model, error.usage, error.request_id)
            lost = not error.outcome_known and call.reserve != 0
            end("unknown" if lost else "failed", None if lost else used, error=f"{error.fault}: {error}")
            raise
        except TGStudioError as error:
            end("failed", None, error=str(error))
            raise
        except BaseException as error:
            # Killed, interrupted, or a fault of ours after the answer had come: what was paid can't be told.
            end("failed" if call.reserve == 0 else "unknown", None, error=f"{type(error).__name__}: {error}")
            raise
        answer = None if keeping is None else keeping.dump(reply.value)
        end("done", _used(call, reply.model, reply.usage, reply.request_id), answer=answer)
        return reply

    def _kept(self, call: Call, kept: Kept, keeping: Keeping[Value] | None) -> Reply[Value] | None:
        value = None if keeping is None else keeping.load(kept.answer)
        if value is None:
            _LOG.warning("call %s: its kept answer is gone; it is made again", call.key)
            rows.forget(self.catalog, call, "its kept answer is gone")
            return None
        another = kept.order_id is not None and kept.order_id != call.order_id
        return Reply(value, kept.model, Usage(), kept.request_id, kept=another)


def call_key(purpose: Purpose, provider: str, model: str, inputs: Mapping[str, Any]) -> str:
    """The hash (SHA-256, hex) of all that decides what is asked."""
    whole = {"purpose": purpose, "provider": provider, "model": model, "inputs": inputs}
    return hashlib.sha256(json.dumps(whole, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace")).hexdigest()


def cost(model: str, provider: str, usage: Usage) -> int | None:
    """Millionths of a dollar; None where the model's price is unknown."""
    known = price(model, provider)
    if known is None:
        return None
    return known.micro_usd(
        read=usage.input_tokens, written=usage.output_tokens, cached=usage.cached_tokens, images=usage.images
    )


def _used(call: Call, model: str, usage: Usage, request_id: str | None) -> Used:
    """A provider may answer with a dated name that no table of prices has: then the name that was asked for counts."""
    named = cost(model, call.provider, usage)
    return Used(
        model=model,
        request_id=request_id,
        input_tokens=usage.input_tokens,
        cached_tokens=usage.cached_tokens,
        output_tokens=usage.output_tokens,
        images=usage.images,
        cost=cost(call.model, call.provider, usage) if named is None else named,
        estimated=usage.estimated,
    )


def _lost(call: Call, lost: Lost) -> str:
    most = "an unknown sum" if lost.reserved is None else f"up to {lost.reserved / 1e6:.4f} USD"
    return (
        f"A call of {call.model} ({call.purpose}) was sent at {lost.asked_at:%Y-%m-%d %H:%M:%S} UTC and its answer was never "
        f"noted: it may have been paid ({most}), and counts as paid. Queue the order again to ask once more."
    )
