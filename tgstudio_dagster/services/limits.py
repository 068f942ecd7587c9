"""How often somebody may call or try: counted by the minute, in this process or in Redis.

What a day allows is the plan's matter (catalog/money/plans.py).
"""

from __future__ import annotations

from datetime import UTC, datetime

from limits import RateLimitItemPerMinute
from limits.errors import ConfigurationError, StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter
from pydantic import SecretStr

from tgstudio_dagster.core.errors import FieldError, LimiterError, QuotaError

_PATIENCE = 2.0
"""Seconds that Redis may take to answer."""


class Limiter:
    """Counts of the last minutes."""

    def __init__(self, redis_url: SecretStr | None = None) -> None:
        try:
            storage = (
                MemoryStorage()
                if redis_url is None
                else storage_from_string(redis_url.get_secret_value(), wrap_exceptions=True, socket_timeout=_PATIENCE)
            )
        except ConfigurationError as error:
            # The cause may quote the URL with its password.
            raise FieldError(
                "TGSTUDIO_WEB_REDIS_URL",
                f"it can't be used ({type(error).__name__}); write redis://host:6379/0 and install the extra `redis`.",
            ) from None
        self._window = MovingWindowRateLimiter(storage)

    def take(self, name: str, who: str, count: int, *, minutes: int = 1) -> None:
        """Count one more.

        Raises QuotaError, until the oldest is long enough ago, where `count` in `minutes` are taken, and LimiterError.
        """
        limit = RateLimitItemPerMinute(count, minutes)
        try:
            if self._window.hit(limit, name, who):
                return
            stats = self._window.get_window_stats(limit, name, who)
        except StorageError:
            raise LimiterError("Redis does not answer; see that it runs.", field="TGSTUDIO_WEB_REDIS_URL") from None
        reset = datetime.fromtimestamp(stats.reset_time, UTC)
        raise QuotaError(
            name, reset, f"{name}: {count} in {minutes} min are allowed; wait until {reset:%H:%M:%S} UTC."
        ).coded("quota.minutes", count=count, minutes=minutes)
