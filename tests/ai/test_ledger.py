"""A call is claimed, made once, kept, paid within a ceiling, and never silently paid twice. On both databases."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

import tgstudio_dagster
from tests.builders import make_tenant
from tgstudio_dagster.ai import prices
from tgstudio_dagster.ai.ledger import Keeping, Ledger, call_key
from tgstudio_dagster.ai.prices import Price
from tgstudio_dagster.ai.protocols import ModelError, ModerateRequest, ModerateResult, Reply, Usage, Verdict
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.models import AiClaim, AiUsage, Quota
from tgstudio_dagster.catalog.money.usage import model_uses
from tgstudio_dagster.catalog.work.orders import Order, begin_order, create_order, requeue_order, settle_order
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import BudgetError, ConflictError, NewsroomError, StoppedError, UnknownOutcomeError
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


@pytest.fixture(autouse=True)
def _priced(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"paid-1": PRICE, "paid-1-2026": PRICE}
    free = prices.price
    monkeypatch.setattr("tgstudio_dagster.ai.ledger.price", lambda m, p=None: known.get(m) or free(m, p))


@pytest.fixture
def ledger(catalog: Catalog) -> Ledger:
    make_tenant(catalog, "acme")
    return Ledger(catalog, "acme", wait=0.0)


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


def replace_fails(model: Paid, *errors: BaseException) -> Paid:
    model.fails.extend(errors)
    return model


# Ceilings


def ceiling(catalog: Catalog, **limits: int) -> None:
    with catalog.tenant_session("acme", writing=True) as session:
        session.add_all([Quota(tenant="acme", name=f"ai_micro_usd_per_{name}", limit=n) for name, n in limits.items()])


def test_what_might_pass_a_ceiling_is_not_asked(ledger: Ledger) -> None:
    ceiling(ledger.catalog, day=4_500)
    model = Paid()
    for n in range(2):
        ask(ledger, model, f"text {n}")
    with pytest.raises(BudgetError, match=r"ai_micro_usd_per_day: 0\.0020 of 0\.00 USD") as refused:
        ask(ledger, model, "a third")
    assert (refused.value.name, model.calls) == ("ai_micro_usd_per_day", 2)
    assert ask(ledger, model, "text 1") == "call 2", "a kept answer costs nothing"
    assert ask(ledger, Paid(provider="offline", model="offline-words/1"), "free") == "call 1"


def test_an_order_s_ceiling_is_its_own(ledger: Ledger) -> None:
    ceiling(ledger.catalog, order=3_500)
    first, other = ordered(ledger.catalog), ordered(ledger.catalog)
    model = Paid()
    ask(replace(ledger, order=first), model, "1")
    with pytest.raises(BudgetError, match="per_order"):
        ask(replace(ledger, order=first), model, "2")
    ask(replace(ledger, order=other), model, "2")
    ask(ledger, model, "3")


def test_what_is_being_asked_counts_against_a_ceiling(ledger: Ledger) -> None:
    ceiling(ledger.catalog, month=5_000)
    model = Paid()

    def meanwhile() -> Reply[ModerateResult]:
        with pytest.raises(BudgetError, match=r"0\.0030 of"):
            ask(ledger, model, "another")
        return model.moderate(ModerateRequest())

    ledger.call(model, "text", {}, meanwhile, reserve=RESERVED, keeping=KEPT)
    assert ask(ledger, model, "another") == "call 2"


def test_an_unknown_price_is_not_asked_under_a_ceiling(ledger: Ledger) -> None:
    ceiling(ledger.catalog, day=10**9)
    with pytest.raises(BudgetError, match="price of model nobody-knows is unknown"):
        ask(ledger, Paid(model="nobody-knows"))


# Calls whose end nobody knows


def test_a_call_that_timed_out_counts_as_paid_and_is_not_repeated_unasked(ledger: Ledger) -> None:
    order = ordered(ledger.catalog)
    mine = replace(ledger, order=order)
    model = Paid(fails=[ModelError("no answer in 60 s", "timeout", outcome_known=False)])
    with pytest.raises(ModelError):
        ask(mine, model)
    assert [(row.cost_micro_usd, row.estimated) for row in rows(ledger.catalog)] == [(3_000, True)]
    for other in (mine, ledger, replace(ledger, order=ordered(ledger.catalog))):
        with pytest.raises(
            UnknownOutcomeError, match=r"may have been paid \(up to 0\.0030 USD\).*Queue the order again"
        ):
            ask(other, model)
    assert model.calls == 1
    assert ask(replace(ledger, order=again(ledger.catalog, order)), model) == "call 2"
    assert [row.cost_micro_usd for row in rows(ledger.catalog)] == [3_000, 1_000]


def test_a_person_may_ask_again_for_what_no_order_asked(ledger: Ledger) -> None:
    model = Paid(fails=[RuntimeError("a fault of ours after the answer had come")])
    with pytest.raises(RuntimeError):
        ask(ledger, model)
    with pytest.raises(UnknownOutcomeError):
        ask(ledger, model)
    assert ask(replace(ledger, retry=True), model) == "call 2"


def test_an_error_before_anything_was_sent_costs_nothing(ledger: Ledger) -> None:
    model = Paid(fails=[NewsroomError("none of its posts has text")])
    with pytest.raises(NewsroomError):
        ask(ledger, model)
    assert rows(ledger.catalog) == []
    assert ask(ledger, model) == "call 2"


def test_nothing_is_claimed_once_the_work_must_stop(ledger: Ledger) -> None:
    def stopped() -> None:
        raise StoppedError("Order 1 was cancelled.")

    with pytest.raises(StoppedError):
        ask(replace(ledger, check=stopped), Paid())
    assert claims(ledger.catalog) == []


# Processes

_CALL = """
import sys
from pathlib import Path
from tests.ai import test_ledger as t
from tgstudio_dagster.ai import ledger as module
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.core.errors import TGStudioError
url, calls, wait = sys.argv[1:]
module.price = lambda model, provider=None: t.PRICE
class Slow(t.Paid):
    def moderate(self, request):
        with Path(calls).open("a") as file:
            file.write("call\\n")
        print("asking", flush=True)
        sys.stdin.readline()
        return super().moderate(request)
print("ready", flush=True)
sys.stdin.readline()
try:
    print(t.ask(t.Ledger(Catalog(url), "acme", wait=float(wait)), Slow()), flush=True)
except TGStudioError as error:
    print(type(error).__name__, error, flush=True)
"""


class Caller:
    """A process that makes the call when told to go, and has its answer when told again."""

    def __init__(self, url: str, calls: Path, wait: float) -> None:
        command = [sys.executable, "-c", _CALL, url, str(calls), str(wait)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.says() == "ready"

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def says(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.fixture
def caller(ledger: Ledger, catalog_url: str, tmp_path: Path) -> Iterator[Callable[[float], Caller]]:
    """Starts processes, which end with the test; each call that is made adds a line to `calls`."""
    started: list[Caller] = []

    def start(wait: float) -> Caller:
        started.append(Caller(catalog_url, tmp_path / "calls", wait))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.communicate()


def test_of_two_processes_that_ask_the_same_one_pays_and_both_have_the_answer(
    caller: Callable[[float], Caller], ledger: Ledger, tmp_path: Path
) -> None:
    first, second = caller(60), caller(60)
    first.go()
    assert first.says() == "asking"
    second.go()
    with pytest.raises(ConflictError, match=rf":{first.process.pid}:"):
        ask(ledger, Paid())
    first.go()
    assert (first.says(), second.says()) == ("call 1", "call 1")
    assert (tmp_path / "calls").read_text() == "call\n"
    assert sum(row.cost_micro_usd or 0 for row in rows(ledger.catalog)) == 1_000


def test_a_process_killed_between_call_and_record_leaves_a_call_that_is_told_of_and_asked_once_more_on_request(
    caller: Callable[[float], Caller], ledger: Ledger, tmp_path: Path
) -> None:
    first, waiting = caller(60), caller(60)
    first.go()
    assert first.says() == "asking"
    waiting.go()
    first.process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, first.process.pid, os.WEXITED | os.WNOWAIT)
    assert waiting.says().startswith("UnknownOutcomeError A call of paid-1 (text) was sent at ")
    assert (tmp_path / "calls").read_text() == "call\n"
    assert [(row.cost_micro_usd, row.estimated) for row in rows(ledger.catalog)] == [(3_000, True)]
    assert ask(replace(ledger, retry=True), Paid()) == "call 1"
    assert [row.cost_micro_usd for row in rows(ledger.catalog)] == [3_000, 1_000]


def test_a_hundred_calls_at_once_are_paid_once_each_and_the_ledger_is_the_bill(ledger: Ledger) -> None:
    model, lock, bill = Paid(), threading.Lock(), []
    patient = replace(ledger, wait=120.0)

    def one(n: int) -> None:
        def answer() -> Reply[ModerateResult]:
            with lock:
                reply = model.moderate(ModerateRequest())
                bill.append(reply.usage.input_tokens + reply.usage.output_tokens)
                return reply

        patient.call(model, "text", {"n": n % 25}, answer, reserve=RESERVED, keeping=KEPT)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    noted = rows(ledger.catalog)
    assert (model.calls, len(noted), sum(row.cached for row in noted)) == (25, 100, 75)
    assert sum(row.input_tokens + row.output_tokens for row in noted) == sum(bill)


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
        "tgstudio_dagster/services/spending.py",
        "assets/understand.py",
    }
