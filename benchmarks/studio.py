"""How soon a page is there in a browser, and what fifty people with a page open cost one web process.

    python -m benchmarks.studio [--home FOLDER] [--people 50]

Over the sample (made into a folder that goes away), or a home that `tgstudio demo` has filled: it is copied first. The real
web process is started, people are signed in through the catalog.

Pages: Chromium opens each page three times with its own address, as a bookmark does: once with an empty cache, twice with a
full one. `seen` is when the page's title and the first thing below it are drawn, `whole` when its script has ended, both in
milliseconds since the browser began to ask (requestAnimationFrame). Goal: seen within 2,000 ms.

People: each has a login session and a WebSocket of their own that speaks Streamlit's protocol; half look at the feed, the
others at the rankings, the map and the packages. `script` is how long one page's run takes from asking to its last message,
first one after the other, then all at once. Memory is the process's resident set. Goal: 1.5 GB.

Beside it stands the load of the machine (1 minute), as both depend on who else computes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil
from playwright.sync_api import Browser
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from streamlit_app.navigation import ENTRIES
from tests.e2e.browser import DESKTOP, browser
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.logins import open_session
from tgstudio_dagster.catalog.people.tenants import add_member, add_user
from tgstudio_dagster.cli.demo import TENANT, run_demo
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.settings import Settings, WebSettings
from tgstudio_dagster.services.sessions import Signer, session_cookie

PORT = 3482
ORIGIN = f"http://127.0.0.1:{PORT}"
WARM = 2
LOOKED_AT = ("", "top", "", "map", "", "packages")
"""Addresses of the pages that people have open, in turn."""
# Counted from the start of the navigation: the title, then anything below it that is no grey box.
_TIMER = """(() => {
  window.paint = {};
  const look = () => {
    const main = document.querySelector("[data-testid=stMain]"), app = document.querySelector("[data-testid=stApp]");
    const below = main && main.querySelectorAll("[data-testid=stElementContainer]:not(:has(style, script))").length > 1;
    if (!window.paint.seen && main && main.querySelector("h1, h2") && below) window.paint.seen = performance.now();
    if (window.paint.seen && app.dataset.testScriptState === "notRunning") window.paint.whole = performance.now();
    if (!window.paint.whole) requestAnimationFrame(look);
  };
  look();
})()"""


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in: the cookie's value."""

    cookie: str


class Web:
    """The web process over a home."""

    def __init__(self, home: Path) -> None:
        environment = os.environ | {"TGSTUDIO_HOME": str(home), "TGSTUDIO_WEB_PORT": str(PORT)}
        self._log = (home / "web.log").open("wb")
        began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tgstudio_dagster.asgi"], env=environment, stdout=self._log, stderr=self._log
        )
        while not _answers():
            if self.process.poll() is not None or time.monotonic() - began > 120:
                raise SystemExit((home / "web.log").read_text()[-2000:])
            time.sleep(0.05)
        self.started = time.monotonic() - began

    def megabytes(self) -> float:
        """What the process and its children hold (resident, 10^6 bytes)."""
        family = [psutil.Process(self.process.pid)]
        family += family[0].children(recursive=True)
        return sum(one.memory_info().rss for one in family) / 1e6

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(20)
        self._log.close()


def _answers() -> bool:
    try:
        with urllib.request.urlopen(f"{ORIGIN}/readyz", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def sign_in(home: Path, people: int) -> list[Person]:
    """So many owners of the tenant, each with a session; all settings as the web process has them."""
    settings, web = Settings(home=home), WebSettings(port=PORT)
    catalog, signer, found = Catalog.open(settings), Signer.open(settings, web), []
    for number in range(people):
        user = add_user(catalog, f"Person {number}", is_operator=number == 0)
        add_member(catalog, TENANT, user.id, "owner")
        sid = open_session(
            catalog, user.id, "local", tenant=TENANT, now=utc_now(), ttl=web_ttl(web), user_agent="benchmark"
        )
        found.append(Person(signer.sign(sid, user.id, utc_now())))
    catalog.close()
    return found


def web_ttl(web: WebSettings) -> timedelta:
    """How long a session lasts."""
    return timedelta(hours=web.session_hours)


def pages(opened: Browser, person: Person, name: str) -> None:
    """Open each page with an empty cache and with a full one, and print when it was there."""
    print(f"{'page':<16}{'seen':>8}{'whole':>8}{'seen warm':>12}{'whole warm':>12}   ms")
    slow = []
    # The browser's own start is nobody's page.
    first = opened.new_context()
    first.new_page().goto(f"{ORIGIN}/login")
    first.close()
    for entry in ENTRIES:
        context = opened.new_context(viewport=DESKTOP, locale="ru-RU")  # type: ignore[arg-type]
        context.add_cookies([{"name": name, "value": person.cookie, "url": ORIGIN}])
        context.add_init_script(_TIMER)
        page, times = context.new_page(), []
        for _ in range(1 + WARM):
            page.goto(f"{ORIGIN}/{entry.key}", wait_until="commit")
            page.wait_for_function("window.paint && window.paint.whole", timeout=60_000)
            times.append(page.evaluate("[window.paint.seen, window.paint.whole]"))
        context.close()
        seen, whole = (statistics.mean(one[place] for one in times[1:]) for place in (0, 1))
        print(f"{entry.key:<16}{times[0][0]:8.0f}{times[0][1]:8.0f}{seen:12.0f}{whole:12.0f}", flush=True)
        if max(one[0] for one in times) > 2000:
            slow.append(entry.key)
    print(f"seen after 2,000 ms at least once: {', '.join(slow) or 'none'}")


async def _attach(person: Person, name: str) -> ClientConnection:
    return await connect(
        f"ws://127.0.0.1:{PORT}/_stcore/stream",
        subprotocols=["streamlit"],  # type: ignore[list-item]
        origin=ORIGIN,  # type: ignore[arg-type]
        additional_headers={"cookie": f"{name}={person.cookie}"},
        max_size=None,
        proxy=None,
    )


async def _run(socket: ClientConnection, address: str) -> float:
    """Have a page's script run; seconds until its last message."""
    asked = BackMsg()
    asked.rerun_script.page_name = address
    asked.rerun_script.query_string = ""
    began = time.perf_counter()
    await socket.send(asked.SerializeToString())
    while True:
        message = ForwardMsg.FromString(await asyncio.wait_for(socket.recv(decode=False), 120))
        if message.WhichOneof("type") == "script_finished":
            return time.perf_counter() - began


async def people(web: Web, signed_in: list[Person], name: str) -> None:
    """Attach everybody and print what their pages' runs take, and what the process holds."""
    print(f"before anybody: {web.megabytes():.0f} MB")
    sockets, alone = [], []
    for number, person in enumerate(signed_in):
        sockets.append(await _attach(person, name))
        alone.append(await _run(sockets[-1], LOOKED_AT[number % len(LOOKED_AT)]))
        if (number + 1) % 10 == 0:
            print(f"{number + 1:4} people: {web.megabytes():.0f} MB", flush=True)
    _print_runs("script, one after the other", alone)
    most = web.megabytes()
    for turn in range(3):
        together = await asyncio.gather(
            *(_run(one, LOOKED_AT[(n + turn) % len(LOOKED_AT)]) for n, one in enumerate(sockets))
        )
        most = max(most, web.megabytes())
        _print_runs(f"script, all {len(sockets)} at once ({turn + 1})", together)
    print(f"most that the process held: {most:.0f} MB, of 1,500")
    for one in sockets:
        await one.close()


def _print_runs(what: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    print(
        f"{what}: median {statistics.median(ordered):.2f} s, p95 {ordered[int(0.95 * (len(ordered) - 1))]:.2f} s, "
        f"longest {ordered[-1]:.2f} s"
    )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="a home that `tgstudio demo` has filled")
    parser.add_argument("--people", type=int, default=50)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        if asked.home:
            shutil.copytree(asked.home, home, ignore=shutil.ignore_patterns("dagster"))
        else:
            os.environ["TGSTUDIO_HOME"] = str(home)
            run_demo(Settings(home=home), orders=3, say=lambda _: None)
        signed_in, name = sign_in(home, asked.people), session_cookie(WebSettings(port=PORT)).name
        web = Web(home)
        try:
            print(
                f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; the process answered after {web.started:.1f} s"
            )
            with browser() as opened:
                pages(opened, signed_in[0], name)
            print(f"load {os.getloadavg()[0]:.1f}")
            asyncio.run(people(web, signed_in, name))
            print(f"load {os.getloadavg()[0]:.1f}")
        finally:
            web.stop()


if __name__ == "__main__":
    main()
