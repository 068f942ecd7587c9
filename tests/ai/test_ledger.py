"""A call is claimed, made once, kept, paid within a ceiling, and never silently paid twice. On both databases."""

from __future__ import annotations

import ast
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import tgstudio_dagster
from tests.ai.calls import KEPT, RESERVED, USED, Paid, ask, claims, ordered, replace_fails, rows
from tests.builders import make_tenant
from tgstudio_dagster.ai.ledger import Keeping, Ledger, call_key, trim
from tgstudio_dagster.ai.protocols import ModelError, ModerateRequest, ModerateResult, Reply, Usage
from tgstudio_dagster.catalog.money.usage import model_uses
from tgstudio_dagster.catalog.work.orders import Order
from tgstudio_dagster.core.clock import utc_now


def test_what_a_call_used_is_noted_with_its_price_and_request(ledger: Ledger) -> None:
    assert ask(ledger, Paid()) == "call 1"
    (row,) = rows(ledger.catalog)
    assert (row.provider, row.model, row.purpose, row.request_id) == ("test", "paid-1-2026", "text", "req-1")
    assert (row.input_tokens, row.cached_tokens, row.output_tokens) == (800, 400, 100)
    assert (row.cost_micro_usd, row.cached, row.estimated) == (400 + 200 + 400, False, False)
    (claim,) = claims(ledger.catalog)
    assert (claim.state, claim.attempt, claim.holder, claim.reserved_micro_usd) == ("done", 1, None, 3_000)


def test_an_answer_is_kept_and_paid_once_whoever_asks_the_same(ledger: Ledger) -> None:
    model, order = Paid(), ordered(ledger.catalog)
    assert ask(replace(ledger, order=order), model) == "call 1"
    assert (
        ask(replace(ledger, order=order), model)
        == ask(replace(ledger, order=ordered(ledger.catalog)), model)
        == "call 1"
    )
    assert ask(ledger, model, "another text") == "call 2"
    assert model.calls == 2
    assert [(row.cached, row.cost_micro_usd) for row in rows(ledger.catalog)] == [
        (False, 1_000), (True, 0), (True, 0), (False, 1_000),
    ]  # fmt: skip
    today = utc_now().date()
    assert len(model_uses(ledger.catalog, "acme", today, today)) == 2


def test_a_kept_answer_says_whether_it_was_another_order_s(ledger: Ledger) -> None:
    first, other = ordered(ledger.catalog), ordered(ledger.catalog)
    request = ModerateRequest(texts=("x",))

    def kept(order: Order) -> bool:
        model = Paid()
        whole = replace(ledger, order=order)
        reply = whole.call(model, "text", {}, lambda: model.moderate(request), reserve=RESERVED, keeping=KEPT)
        return reply.kept

    assert [kept(first), kept(first), kept(other)] == [False, False, True]


def test_tenants_share_no_answer(ledger: Ledger) -> None:
    make_tenant(ledger.catalog, "bravo")
    model = Paid()
    ask(ledger, model)
    assert ask(replace(ledger, tenant="bravo"), model) == "call 2"


def test_a_key_is_of_all_that_is_asked() -> None:
    keys = {
        call_key("text", "a", "m", {"x": 1}), call_key("image", "a", "m", {"x": 1}), call_key("text", "b", "m", {"x": 1}),
        call_key("text", "a", "n", {"x": 1}), call_key("text", "a", "m", {"x": 2}),
    }  # fmt: skip
    assert len(keys) == 5
    assert call_key("text", "a", "m", {"x": 1, "y": 2}) == call_key("text", "a", "m", {"y": 2, "x": 1})


def test_an_answer_that_is_gone_is_asked_for_again(ledger: Ledger) -> None:
    model = Paid()
    ask(ledger, model)
    assert ask(ledger, model, keeping=Keeping(KEPT.dump, lambda _: None)) == "call 2"
    assert ask(ledger, model) == "call 2"


def test_answers_are_deleted_when_they_are_old_and_calls_whose_end_nobody_knows_are_not(ledger: Ledger) -> None:
    ask(ledger, Paid())
    lost = Paid(fails=[KeyboardInterrupt()])
    with pytest.raises(KeyboardInterrupt):
        ask(ledger, lost, "another text")
    before = utc_now()
    assert trim(ledger.catalog, before - timedelta(minutes=1)) == 0
    assert trim(ledger.catalog, before + timedelta(minutes=1)) == 1
    assert [claim.state for claim in claims(ledger.catalog)] == ["unknown"]
    assert len(rows(ledger.catalog)) == 2, "what was used stays"


def test_answers_that_their_caller_keeps_are_asked_for_each_time(ledger: Ledger) -> None:
    model = Paid()
    assert [ask(ledger, model, keeping=None), ask(ledger, model, keeping=None)] == ["call 1", "call 2"]
    assert claims(ledger.catalog)[0].attempt == 2


def test_a_call_that_failed_is_noted_with_what_it_used_and_made_again_when_asked_again(ledger: Ledger) -> None:
    refusal = ModelError("I can't help with that", "refused", usage=Usage(100, 10), request_id="req-9")
    model = Paid(fails=[refusal])
    with pytest.raises(ModelError, match="can't help"):
        ask(ledger, model)
    (claim,) = claims(ledger.catalog)
    assert (claim.state, claim.error, claim.request_id) == ("failed", "refused: I can't help with that", "req-9")
    assert [(row.cost_micro_usd, row.request_id) for row in rows(ledger.catalog)] == [(140, "req-9")]
    assert ask(ledger, model) == "call 2"


def test_a_model_of_unknown_price_is_noted_without_one(ledger: Ledger) -> None:
    ask(ledger, Paid(model="nobody-knows"))
    with pytest.raises(ModelError):
        ask(ledger, Paid(model="nobody-knows", fails=[ModelError("", "empty", usage=Usage(5, 5))]), "y")
    assert [row.cost_micro_usd for row in rows(ledger.catalog)] == [None, None]
    today = utc_now().date()
    assert [(use.priced, use.cost_micro_usd) for use in model_uses(ledger.catalog, "acme", today, today)] == [
        (False, 0)
    ] * 2


def test_a_dated_name_that_has_no_price_costs_what_the_model_asked_for_does(ledger: Ledger) -> None:
    model = Paid()
    reply = Reply(ModerateResult(verdicts=()), "paid-1-2031-01-01", USED)
    ledger.call(model, "text", {}, lambda: reply, reserve=RESERVED, keeping=KEPT)
    assert [(row.model, row.cost_micro_usd) for row in rows(ledger.catalog)] == [("paid-1-2031-01-01", 1_000)]


def test_free_calls_are_in_the_ledger_and_not_among_the_paid_ones(ledger: Ledger) -> None:
    model = Paid(provider="offline", model="offline-words/1")
    with pytest.raises(KeyboardInterrupt):
        ask(ledger, replace_fails(model, KeyboardInterrupt()))
    assert ask(ledger, model) == "call 2"
    assert [row.cost_micro_usd for row in rows(ledger.catalog)] == [0]
    today = utc_now().date()
    assert model_uses(ledger.catalog, "acme", today, today) == []


# The one writer


def test_what_models_used_is_written_by_the_ledger_alone() -> None:
    root = Path(tgstudio_dagster.__file__).parent
    makers, callers = set(), set()
    for path in [*root.rglob("*.py"), *root.parent.glob("assets/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = path.relative_to(root.parent).as_posix()
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("AiUsage", "AiClaim")
            ):
                makers.add(name)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tgstudio_dagster.catalog.money"):
                names = {alias.name for alias in node.names}
                if node.module == "tgstudio_dagster.catalog.money.ledger" or "ledger" in names:
                    callers.add(name)
    assert makers == {"tgstudio_dagster/catalog/money/ledger.py"}
    assert callers == {"tgstudio_dagster/ai/ledger.py"}


def test_no_model_is_called_but_by_what_meters_it() -> None:
    root = Path(tgstudio_dagster.__file__).parent
    offline = {"OfflineWriter", "OfflinePainter", "OfflineModerator", "OfflineEncoder"}
    users = {
        path.relative_to(root.parent).as_posix()
        for path in [*root.rglob("*.py"), *root.parent.glob("assets/*.py")]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and {alias.name for alias in node.names} & offline
    }
    assert users == {
        "tgstudio_dagster/orchestration/resources.py",
        "tgstudio_dagster/services/estimates.py",
        "assets/understand.py",
    }
