"""Webhooks as a subscriber: an event as a signed JSON body, after Standard Webhooks (standardwebhooks.com).

What is posted: headers `webhook-id` (the event's, the same at every try), `webhook-timestamp` (of this try, Unix seconds),
`webhook-signature` (`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`); a body as docs/webhooks.md describes it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from tgstudio_dagster import __version__
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.outbox.streams import Lane, StoredEvent
from tgstudio_dagster.catalog.outbox.webhooks import webhook_target
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import NotFoundError, TGStudioError
from tgstudio_dagster.outbox.addresses import Poster, check_url
from tgstudio_dagster.outbox.subscriber import DeliveryError

DELAYS = tuple(timedelta(seconds=seconds) for seconds in (10, 60, 600, 3_600, 3 * 3_600, 6 * 3_600, 12 * 3_600))
"""Waits between the eight tries of an event: 22 hours in all."""
GONE = 410


class WebhookSubscriber:
    """Posts a tenant's events to its webhooks."""

    delays = DELAYS
    capability = "webhooks"

    def __init__(
        self,
        catalog: Catalog,
        *,
        allow_http: bool,
        allow_private: bool,
        seconds: float = 10.0,
        vault: Callable[[], Vault] = lambda: Vault.from_environment(os.environ),
    ) -> None:
        self._catalog = catalog
        self._vault = vault
        self._allow_http = allow_http
        self._allow_private = allow_private
        self._poster = Poster(allow_private=allow_private, seconds=seconds)

    def tell(self, lane: Lane, event: StoredEvent) -> int:
        """Post the event; the answer's status, one of 200 to 299. Raises DeliveryError for any other, or none."""
        if lane.tenant is None:
            raise DeliveryError("a webhook is a tenant's")
        try:
            target = webhook_target(self._catalog, lane.tenant, self._vault(), lane.subscriber)
            check_url(target.url, allow_http=self._allow_http, allow_private=self._allow_private)
            body = body_of(event)
            headers = {
                "host": _host(target.url),
                "content-type": "application/json",
                "user-agent": f"TGStudio-Webhooks/{__version__}",
                "accept": "*/*",
                "connection": "close",
                **signed_headers(target.secret, event.id, utc_now(), body),
            }
            status = self._poster.post(target.url, body, headers)
        except NotFoundError as error:
            raise DeliveryError(str(error), gone=True) from None
        except TGStudioError as error:
            raise DeliveryError(str(error)) from None
        if 200 <= status < 300:
            return status
        if status == GONE:
            raise DeliveryError("it answered 410: it wants no more", status=status, gone=True)
        why = "a redirect, which is not followed" if 300 <= status < 400 else "not 2xx"
        raise DeliveryError(f"it answered {status}: {why}", status=status)


def body_of(event: StoredEvent) -> bytes:
    """The event as JSON in UTF-8: id, type, version, timestamp, tenant, sequence, data. The same at every try."""
    content = {
        "id": event.id,
        "type": event.kind,
        "version": event.version,
        "timestamp": event.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "tenant": event.tenant,
        "sequence": event.seq,
        "data": event.data,
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def signed_headers(secret: SecretStr, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers of Standard Webhooks, for a message that is sent `at`."""
    timestamp = str(int(at.timestamp()))
    key = base64.b64decode(secret.get_secret_value().removeprefix("whsec_"))
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _host(url: str) -> str:
    from urllib.parse import urlsplit

    return urlsplit(url).netloc
