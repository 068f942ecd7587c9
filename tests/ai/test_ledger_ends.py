"""What might pass a ceiling is not asked; what may have been paid is told of and never repeated unasked. Real processes too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.ai.calls import KEPT, RESERVED, Paid, again, ask, claims, ordered, rows
from tgstudio_dagster.ai.ledger import Ledger
from tgstudio_dagster.ai.protocols import ModelError, ModerateRequest, ModerateResult, Reply
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.models import Quota
from tgstudio_dagster.core.errors import BudgetError, ConflictError, NewsroomError, StoppedError, UnknownOutcomeError

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
from tests.ai import calls as t
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
    print(t.ask(module.Ledger(Catalog(url), "acme", wait=float(wait)), Slow()), flush=True)
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
