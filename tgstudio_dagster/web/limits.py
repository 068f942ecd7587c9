"""How often somebody may call or try: counted by the minute, in this process or in Redis.

What a day allows is the plan's matter (catalog/plans.py).
"""

from __future__ import annotations

from datetime import UTC, datetime

from limits import RateLimitItemPerMinute
from limits.errors import ConfigurationError
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter
from pydantic import SecretStr

from tgstudio_dagster.errors import QuotaError, SettingsError


class Limiter:
    """Counts of the last minutes."""

    def __init__(self, redis_url: SecretStr | None = None) -> None:
        try:
            storage = storage_from_string("memory://" if redis_url is None else redis_url.get_secret_value())
        except ConfigurationError as error:
            # The cause may quote the URL with its password.
            raise SettingsError(
                f"TGSTUDIO_WEB_REDIS_URL: it can't be used ({type(error).__name__}); write redis://host:6379/0 and install "
                "the extra `redis`."
            ) from None
        self._window = MovingWindowRateLimiter(storage)

    def take(self, name: str, who: str, count: int, *, minutes: int = 1) -> None:
        """Count one more. Raises QuotaError, until the oldest is long enough ago, where `count` in `minutes` are taken."""
        limit = RateLimitItemPerMinute(count, minutes)
        if not self._window.hit(limit, name, who):
            reset = datetime.fromtimestamp(self._window.get_window_stats(limit, name, who).reset_time, UTC)
            raise QuotaError(
                name, reset, f"{name}: {count} in {minutes} min are allowed; wait until {reset:%H:%M:%S} UTC."
            )
