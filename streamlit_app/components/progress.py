"""How far a run is: its steps, each with its state; said in words, not by colour alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import streamlit as st

from streamlit_app.formats import duration
from streamlit_app.i18n import has, t
from tgstudio_dagster.core.text import escape

_ICONS = {"done": "check_circle", "running": "progress_activity", "failed": "error", "skipped": "skip_next"}
_STATES = {
    "success": "done",
    "started": "running",
    "in_progress": "running",
    "failure": "failed",
    "canceled": "skipped",
}
ENDED = frozenset({"done", "failed", "skipped"})


class StepLike(Protocol):
    """What is shown of a step: Studio's `Step` has it."""

    @property
    def name(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def started(self) -> datetime | None: ...
    @property
    def ended(self) -> datetime | None: ...


def steps_progress(steps: Sequence[StepLike], *, now: datetime) -> None:
    """A bar of how many steps are over, and the steps with how long each took; names are words `common.step.<name>`."""
    over = sum(_state(step) in ENDED for step in steps)
    if steps:
        st.progress(over / len(steps), text=t("common.step_count", done=over, total=len(steps)))
    items = "".join(_item(step, now) for step in steps)
    st.html(f'<ol class="ts-steps">{items}</ol>')


def _state(step: StepLike) -> str:
    status = step.status.lower()
    return _STATES.get(status, status)


def _item(step: StepLike, now: datetime) -> str:
    state = _state(step)
    label = t(f"common.step.{step.name}") if has(f"common.step.{step.name}") else step.name
    told = t(f"common.status.{state}") if has(f"common.status.{state}") else t("common.status.queued")
    took = "" if step.started is None else duration(((step.ended or now) - step.started).total_seconds())
    return (
        f'<li class="ts-step ts-{escape(state)}"><span class="ts-icon" aria-hidden="true">'
        f"{_ICONS.get(state, 'radio_button_unchecked')}</span><span>{escape(label)}</span>"
        f"<small>{escape(told)}{' · ' + escape(took) if took else ''}</small></li>"
    )
