"""What a tenant's missing history would cost to read, asked of Telegram while somebody waits.

The arithmetic is telegram/reading/estimate.py's; the accounts are used in turn with whoever reads with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING

from tgstudio_dagster.core.errors import ForbiddenError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.settings import telegram_settings
from tgstudio_dagster.services.platform import Platform

if TYPE_CHECKING:
    from tgstudio_dagster.telegram.reading.estimate import Estimate


def history_cost(platform: Platform, principal: Principal, now: Callable[[], datetime]) -> dict[int, Estimate]:
    """What reading the missing history of each followed channel takes, by channel id. For threads, not the event loop.

    Raises ForbiddenError for a viewer, FloodError, UnreachableError, LeaseHeldError: an estimate can wait.
    """
    from tgstudio_dagster.core.days import DayRange
    from tgstudio_dagster.telegram.reading.surveying import survey_tenant

    if not principal.may_edit:
        raise ForbiddenError(
            "a viewer may read, not ask Telegram; ask an editor or an owner of the tenant.", field="role"
        )
    return asyncio.run(
        survey_tenant(
            principal.tenant,
            catalog=platform.catalog,
            vault=platform.vault,
            settings=telegram_settings(),
            days=DayRange(date.fromisoformat(platform.settings.first_day), now().date()),
            now=now,
        )
    )
