"""The dispatcher is killed between posting an event and marking it: it is posted again, and the order stays."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from tests.builders import make_tenant
from tests.outbox.office import happen, happened, hook, until
from tests.servers.receiver import Receiver
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.outbox.webhooks import get_webhook

pytestmark = pytest.mark.slow

_DISPATCH = """
import sys, time
from datetime import timedelta
from tests.outbox.office import webhooks
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.outbox import dispatcher
url, kill_before = sys.argv[1], int(sys.argv[2])
settle, marked = dispatcher.settle, 0

def slow_settle(*given, **more):
    global marked
    marked += 1
    if marked == kill_before:
        print("sent", flush=True)
        time.sleep(60)
    return settle(*given, **more)

dispatcher.settle = slow_settle
catalog = Catalog(url)
dispatcher.Dispatcher(catalog, {"webhook": webhooks(catalog)}, keep=timedelta(days=30), poll=0.05).run()
"""


def _dispatch(url: str, kill_before: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", _DISPATCH, url, str(kill_before)], stdout=subprocess.PIPE, text=True)


def test_an_event_whose_mark_was_lost_is_posted_again_and_none_is_lost_or_out_of_order(
    catalog: Catalog, catalog_url: str
) -> None:
    make_tenant(catalog)
    with Receiver() as receiver:
        made, _ = hook(catalog, receiver.url)
        ids = happen(catalog, *[happened(n) for n in range(12)])
        for kill_before in (3, 1, 4):
            process = _dispatch(catalog_url, kill_before)
            assert process.stdout is not None
            assert process.stdout.readline() == "sent\n"
            process.kill()
            process.communicate()
        began = time.monotonic()
        posted = len(receiver.posts)
        process = _dispatch(catalog_url)
        try:
            receiver.wait_for(posted + 1)
            taken_over = time.monotonic() - began
            until(lambda: get_webhook(catalog, "demo", made.id).waiting == 0)
        finally:
            process.kill()
            process.communicate()
    told = [post.json["id"] for post in receiver.posts]
    assert len(told) == len(ids) + 3
    assert list(dict.fromkeys(told)) == ids
    # In order: whatever came before an event is told before it, and a repeat follows its first telling at once.
    assert told == sorted(told, key=ids.index)
    assert {post.headers["webhook-id"] for post in receiver.posts} == set(ids)
    bodies = {post.body for post in receiver.posts}
    assert len(bodies) == len(ids)
    assert taken_over < 15, "a dead process of this machine loses the lease at once, not after its time"
