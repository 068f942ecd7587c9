"""The soak as it is lived through: who takes part, what befalls them, and the last reading.

No assertion but that the world itself went on: what must have come of it is in test_soak.py.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from telethon.sessions import StringSession

from tests.e2e.soak_desk import Desk, open_desk, operate
from tests.e2e.soak_world import HISTORY_STEP, FastClock, World
from tests.servers.telegram import TelegramServer
from tests.servers.telegram.faults import ChaosKind
from tests.servers.telegram.model import User
from tgstudio_dagster.catalog.accounts.accounts import get_account
from tgstudio_dagster.catalog.accounts.waits import list_waits
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.follows.subscriptions import move_subscription
from tgstudio_dagster.core.days import DayRange

SEED = 20261121
SPEED = 30.0
LENGTH = timedelta(minutes=30)
HISTORY = 260
"""Posts of a channel from before the soak: over four days, more than a first page, older than what is observed."""
KINDS: tuple[ChaosKind, ...] = (
    "flood", "premium", "drop", "drop", "drop", "lost_answer", "lost_answer", "lost_answer", "error500", "error500",
    "error500", "silent", "silent", "delay", "delay", "delay",
)  # fmt: skip
PACES = {
    "request_seconds": 0.6, "connect_seconds": 1.5, "retry_seconds": 0.02, "flood_sleep_seconds": 1, "read_minutes": 2,
    "batch_messages": 150, "observe": "1h:2m,6h:10m,48h:20m",
}  # fmt: skip


@dataclass(repr=False)
class Soak:
    """All who take part."""

    server: TelegramServer
    world: World
    clock: FastClock
    desks: list[Desk]
    folder: Path
    began: datetime
    seed: int
    lost: dict[str, str]
    """What became of the accounts whose sessions were revoked, when they were paired again."""

    def secrets(self) -> list[bytes]:
        """What must stand nowhere: each key that a session ever had, and the text of its session without its ends."""
        found = []
        for key in self.server.keys.values():
            session = StringSession()
            session.set_dc(key.dc, "127.0.0.1", self.server.ports[key.dc])
            session.auth_key = key.auth
            found += [key.auth.key, key.auth.key.hex().encode(), session.save()[20:-20].encode()]
        return found


def prepare(catalog: Catalog, server: TelegramServer, folder: Path, seed: int) -> Soak:
    """Three tenants who wish to follow five channels; nothing is read yet."""
    # A quarter of an hour before a midnight to come: the soak crosses it, and is never before the real time.
    midnight = datetime.combine(datetime.now(UTC).date() + timedelta(days=1), datetime.min.time(), UTC)
    clock = FastClock(midnight - LENGTH / 2, SPEED)
    server.now = clock
    rng = random.Random(seed)
    world = World(server, rng, people=[server.add_user(name) for name in ("Paul", "Olga", "Ivan")])
    city = world.channel(server.add_channel("citynews", "City news", discussion=True), HISTORY)
    weather = world.channel(server.add_channel("weather", "Weather"), HISTORY)
    insiders = world.channel(server.add_channel(title="Insiders", private=True), HISTORY)
    backroom = world.channel(server.add_channel(title="Backroom", private=True), 40)
    club = world.channel(server.add_channel("club", "Club", forum=True), 120)
    desks = [
        open_desk(catalog, server, folder, tenant, minutes=minutes, clock=clock, **PACES)
        for tenant, minutes in (("alpha", 1), ("beta", 2), ("gamma", 5))
    ]
    alpha, beta, gamma = desks
    anna, boris, clara, dora = (server.add_user(name) for name in ("Anna", "Boris", "Clara", "Dora"))
    server.join(insiders, boris)
    alpha.follow(alpha.pair(anna), city, comments=True)
    alpha.follow(alpha.accounts["Anna"], insiders)
    alpha.follow(alpha.pair(boris), club)
    beta.follow(beta.pair(clara), city)
    beta.follow(beta.accounts["Clara"], backroom)
    gamma.follow(gamma.pair(dora), weather)
    return Soak(server, world, clock, desks, folder, clock(), seed, {})


def live(soak: Soak) -> None:
    """Let half an hour pass."""
    server, (alpha, beta, _) = soak.server, soak.desks
    begin = soak.began
    anna, clara = (next(one for one in server.users.values() if one.first == name) for name in ("Anna", "Clara"))
    insiders = next(one for one in server.channels.values() if one.title == "Insiders")

    def restart() -> None:
        server.stop()
        time.sleep(2.5)
        server.start()

    def hand_over() -> None:
        move_subscription(alpha.catalog, alpha.paired.principal, insiders.id, alpha.accounts["Boris"].id)

    def pair_again(desk: Desk, user: User) -> None:
        soak.lost[user.first] = get_account(desk.catalog, desk.tenant, desk.accounts[user.first].id).status
        desk.pair(user)

    events = [
        (7, restart), (12, lambda: server.revoke(clara)), (15, lambda: server.revoke(anna)), (16, hand_over),
        (18, lambda: pair_again(beta, clara)),
        (22, lambda: pair_again(alpha, anna)), (25, restart),
    ]  # fmt: skip
    stop = threading.Event()
    timed = [(begin + timedelta(minutes=minute), act) for minute, act in events]
    failed: list[BaseException] = []

    def go_on() -> None:
        try:
            soak.world.live(stop, 0.035, timed)
        except BaseException as error:
            failed.append(error)
            raise

    living = threading.Thread(target=go_on, name="world")
    server.chaos(0.1, seed=soak.seed, kinds=KINDS, flood_seconds=(1, 3))
    soak.clock.start()
    living.start()
    try:
        operate(soak.desks, begin + LENGTH)
    finally:
        stop.set()
        living.join()
    assert not failed, failed


def end(soak: Soak) -> None:
    """Let the faults be over and read everybody once more, when all that is young is due to be observed."""
    soak.server.heal()
    while any(list_waits(desk.catalog, desk.tenant, now=datetime.now(UTC)) for desk in soak.desks):
        time.sleep(0.2)
    soak.clock.move(timedelta(hours=1))
    first = (soak.clock() - HISTORY_STEP * (HISTORY + 5)).date()
    for desk in soak.desks:
        desk.settings = desk.settings.model_copy(
            update={"request_seconds": 30, "connect_seconds": 20, "read_minutes": 600}
        )
        desk.run(DayRange(first, soak.clock().date()))
