"""The limits of a plan, each with how much of it is used."""

from __future__ import annotations

from collections.abc import Iterable

from streamlit_app.formats import number, size
from streamlit_app.i18n import has, t
from tgstudio_dagster.core.text import escape
from tgstudio_dagster.services.usage import Quota

_BYTES = "media_bytes_per_day"


def quotas_html(quotas: Iterable[Quota]) -> str:
    """The limits as a list of bars."""
    return f'<ul class="ts-limits">{"".join(_quota(one) for one in quotas)}</ul>'


def plan_name(plan: str) -> str:
    """The plan as people call it."""
    return t(f"settings.plan.names.{plan}") if has(f"settings.plan.names.{plan}") else plan


def _quota(quota: Quota) -> str:
    told = size if quota.name == _BYTES else number
    share = min(quota.used / quota.limit, 1.0) if quota.limit else 1.0
    full = " ts-too-long" if quota.limit and quota.used >= quota.limit else ""
    return (
        f'<li class="ts-count{full}"><span><b>{escape(t(f"usage.quota.{quota.name}"))}</b> '
        f"{escape(t('usage.of', used=told(quota.used), limit=told(quota.limit)))}</span>"
        f'<span class="ts-bar" aria-hidden="true"><i style="width:{share:.0%}"></i></span></li>'
    )
