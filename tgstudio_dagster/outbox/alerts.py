"""The operator's alert address as a subscriber: a POST of JSON for each run that failed, of any tenant."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import timedelta

from pydantic import SecretStr

from tgstudio_dagster.catalog.outbox.events import RunFailed
from tgstudio_dagster.catalog.outbox.streams import Lane, StoredEvent
from tgstudio_dagster.outbox.subscriber import DeliveryError

ALERTS = "alerts"
TIMEOUT = 10.0


class AlertSubscriber:
    """Posts to TGSTUDIO_ALERT_URL, which the operator has set: any address may be meant, and nothing is signed."""

    kinds = (RunFailed.type,)
    capability = None
    delays = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 300, 1_800, 3_600))

    def __init__(self, url: SecretStr) -> None:
        self._url = url

    def tell(self, lane: Lane, event: StoredEvent) -> int | None:
        """Post job, tenant, run, error, time, and the failure's number in its series."""
        failed = RunFailed(tenant=event.tenant, **event.data)
        message = {
            "job": failed.job,
            "tenant": failed.tenant,
            "run_id": failed.run_id,
            "error": failed.error,
            "at": failed.failed_at.isoformat(),
            "number": failed.number,
        }
        request = urllib.request.Request(  # noqa: S310 - the operator's own address
            self._url.get_secret_value(),
            data=json.dumps(message, ensure_ascii=False).encode(),
            headers={"Content-Type": "application/json"},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                status: int = answer.status
                return status
        except urllib.error.HTTPError as error:
            raise DeliveryError(f"the alert address answered {error.code}", status=error.code) from None
        except (OSError, ValueError) as error:
            # Not its text: it may hold the address, and the address a token.
            raise DeliveryError(f"the alert address can't be reached ({type(error).__name__})") from None
