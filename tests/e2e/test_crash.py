"""kill -9 at random points: nothing is lost, nothing doubled, the next run completes, and the tables are the same."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.worker import TENANT
from tests.servers.ready import ReadyProcess, ready_python
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenants import add_tenant
from tgstudio_dagster.catalog.work.imports import list_imports
from tgstudio_dagster.core.settings import Settings
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.lake.tables import TABLES
from tgstudio_dagster.sample.build import build

DUMPS = 9  # three days of three reads: enough work for every step, little enough for a test
KILLS = 12
# Both go on where they were killed, a run with the days that are still stale: each attempt gets a small share of the whole.
SHARE = {"import": 0.08, "materialize": 0.15}
SEED = 20260315
WORKER = "from tests.e2e.worker import main; import sys; main(*sys.argv[1:])"


class Home:
    """A home of its own, with the sample to import and a worker to run in it."""

    def __init__(self, folder: Path, dumps: Path) -> None:
        self.settings = Settings(home=folder)
        self.dumps = dumps
        self.catalog = Catalog.open(self.settings)
        add_tenant(self.catalog, TENANT, "Acme")

    def start(self, step: str) -> ReadyProcess:
        """A worker that has loaded everything and begins its work now."""
        environment = os.environ | {"TGSTUDIO_HOME": str(self.settings.home)}
        arguments = [str(self.dumps)] if step == "import" else []
        worker = ready_python().start(WORKER, step, *arguments, env=environment, stderr=subprocess.DEVNULL)
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        return worker

    def finish(self, step: str) -> float:
        """Run the step to its end; returns its seconds."""
        started = time.monotonic()
        assert self.start(step).wait(timeout=300) == 0
        return time.monotonic() - started

    def kill_at_random(self, step: str, seconds: float, rng: random.Random) -> bool:
        """Start the step and kill it within its usual time; whether it was still at work."""
        worker = self.start(step)
        time.sleep(rng.uniform(0, seconds))
        alive = worker.poll() is None
        worker.kill()
        worker.wait()
        return alive

    def contents(self) -> dict[str, str]:
        """The hash of every table's object by partition, and of what waits."""
        root = Path(Lake.open(self.settings).root)
        return {
            str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for folder in (*TABLES, "landing", "files")
            for path in sorted((root / folder).rglob("*"))
            if path.is_file()
        }


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_twenty_and_more_kills_leave_the_tables_of_an_undisturbed_run(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    dumps = build(tmp_path / "sample").imports[0]
    for dump in sorted(dumps.glob("*.jsonl"))[DUMPS:]:
        dump.unlink()
    calm, hurt = Home(tmp_path / "calm", dumps), Home(tmp_path / "hurt", dumps)
    killed = 0
    for step in ("import", "materialize"):
        seconds = calm.finish(step)
        # An import may come to its end between the kills: the other step then takes the rest of them.
        hits, wanted = 0, KILLS if step == "import" else 2 * KILLS - killed
        for _ in range(wanted * 3):
            hits += hurt.kill_at_random(step, seconds * SHARE[step], rng)
            if hits == wanted:
                break
        hurt.finish(step)
        killed += hits
        assert hurt.contents() == calm.contents(), f"after the {step}"
        print(f"{step}: {seconds:.1f} s undisturbed, killed {hits} times")
    assert killed >= 20
    done = list_imports(hurt.catalog, TENANT)
    assert all(one.done for one in done)
    assert sum(one.read for one in done) == sum(one.read for one in list_imports(calm.catalog, TENANT))
