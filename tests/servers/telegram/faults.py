"""Faults on purpose: floods, errors, broken and silent connections, asked for one by one or at random.

Only the choice of a fault belongs here; dispatch.py carries it out.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tests.servers.telegram.tl import methods

ChaosKind = Literal["flood", "premium", "drop", "lost_answer", "error500", "silent", "delay"]
CHAOS_KINDS: tuple[ChaosKind, ...] = ("flood", "premium", "drop", "lost_answer", "error500", "silent", "delay")


@dataclass
class Fault:
    """What befalls a call. `methods` None: any; `times` None: for good; `after`: the work is done before the drop."""

    methods: frozenset[type] | None
    error: str | None = None
    code: int = 420
    times: int | None = 1
    skip: int = 0
    user_id: int | None = None
    delay: float = 0
    drop: bool = False
    silent: bool = False
    after: bool = False


class Faults:
    """The faults that are due, in the order they were asked for, and then those of chance."""

    def __init__(self) -> None:
        self._asked: list[Fault] = []
        self._share = 0.0
        self._random = random.Random(0)
        self._kinds: Sequence[ChaosKind] = ()
        self._spare: frozenset[type] = frozenset()
        self._flood_seconds: Sequence[int] = (1,)
        self.struck: dict[str, int] = {}
        """How often each kind of chaos struck."""

    def add(self, fault: Fault) -> None:
        """Let a fault befall the next calls that it fits."""
        self._asked.append(fault)

    def clear(self) -> None:
        """Forget all faults, those of chance too."""
        self._asked.clear()
        self._share = 0.0

    def set_chaos(
        self, share: float, seed: int, kinds: Sequence[ChaosKind], spare: Sequence[str], flood_seconds: Sequence[int]
    ) -> None:
        """Let a random fault of the kinds befall that share of all calls but the spared ones."""
        self._share, self._random = share, random.Random(seed)
        self._kinds = kinds or CHAOS_KINDS
        self._spare = frozenset(kind for name in spare for kind in methods(name) or ())
        self._flood_seconds = flood_seconds

    def strike(self, method: type, user_id: int | None) -> Fault | None:
        """The fault that befalls this call, if any; it counts as having happened."""
        for fault in self._asked:
            fits = fault.methods is None or method in fault.methods
            if not fits or fault.times == 0 or fault.user_id not in (None, user_id):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
            return fault
        if self._share and method not in self._spare and self._random.random() < self._share:
            return self._by_chance()
        return None

    def _by_chance(self) -> Fault:
        kind = self._random.choice(self._kinds)
        self.struck[kind] = self.struck.get(kind, 0) + 1
        seconds = self._random.choice(self._flood_seconds)
        match kind:
            case "flood":
                return Fault(None, error=f"FLOOD_WAIT_{seconds}")
            case "premium":
                return Fault(None, error=f"FLOOD_PREMIUM_WAIT_{seconds}")
            case "drop":
                return Fault(None, drop=True)
            case "lost_answer":
                return Fault(None, drop=True, after=True)
            case "error500":
                return Fault(None, error="RPC_CALL_FAIL", code=500)
            case "silent":
                return Fault(None, silent=True)
            case "delay":
                return Fault(None, delay=self._random.uniform(0.01, 0.3))
