"""A webhook's posts are signed, typed and say no secret; what is answered decides what becomes of an event."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from tests.builders import make_tenant
from tests.catalog.rows import VAULT
from tests.outbox.office import NOW, happen, happened, hook, running, until, webhooks
from tests.servers.receiver import Receiver
from tgstudio_dagster.catalog.accounts.vault import Vault
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.outbox.events import EVENT_TYPES, OrderDone
from tgstudio_dagster.catalog.outbox.models import WebhookRow
from tgstudio_dagster.catalog.outbox.streams import Lane, StoredEvent
from tgstudio_dagster.catalog.outbox.webhooks import (
    MAX_WEBHOOKS,
    create_webhook,
    delete_webhook,
    deliveries,
    get_webhook,
    list_webhooks,
    renew_secret,
    reseal_secrets,
    webhook_target,
)
from tgstudio_dagster.catalog.people.audit import list_audit
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import ConflictError, NotFoundError, SettingsError, VaultError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.outbox.addresses import Poster, UnreachableAddressError
from tgstudio_dagster.outbox.dispatcher import Dispatcher
from tgstudio_dagster.outbox.subscriber import DeliveryError
from tgstudio_dagster.outbox.webhook import DELAYS, body_of, signed_headers

OPERATOR = Principal("demo", None, "operator")
EVENT = StoredEvent("01j0", "order.done", 1, "demo", 7, NOW, {"order_id": "demo-1"})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


def dispatcher(catalog: Catalog, **given: object) -> Dispatcher:
    return Dispatcher(catalog, {"webhook": webhooks(catalog, **given)}, keep=timedelta(days=30), poll=0.05)


def test_an_event_is_tried_eight_times_over_a_day() -> None:
    assert len(DELAYS) + 1 == 8
    assert timedelta(hours=20) < sum(DELAYS, timedelta()) < timedelta(hours=30)


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of the Standard Webhooks reference libraries."""
    secret = SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = signed_headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_body_names_type_version_time_tenant_place_and_data() -> None:
    assert body_of(EVENT) == (
        b'{"id":"01j0","type":"order.done","version":1,"timestamp":"2026-03-15T12:00:00Z","tenant":"demo","sequence":7,'
        b'"data":{"order_id":"demo-1"}}'
    )


def test_every_type_of_event_has_a_name_and_a_description() -> None:
    assert {"order.done", "order.failed", "order.cancelled", "package.stale", "topic.over_threshold"} < set(EVENT_TYPES)
    assert {"account.flood_wait", "account.lost", "run.failed", "import.done", "webhook.test"} < set(EVENT_TYPES)
    for name, event in EVENT_TYPES.items():
        assert event.type == name and event.version >= 1 and event.__doc__
        assert "tenant" not in event.model_construct(tenant="demo").model_dump()


def test_a_post_carries_what_a_receiver_verifies_it_by(catalog: Catalog, receiver: Receiver) -> None:
    make_tenant(catalog)
    _, secret = hook(catalog, f"{receiver.url}/in?token=hidden")
    event = OrderDone(
        tenant="demo",
        order_id="demo-1",
        topic_id="t-1",
        day=date(2026, 3, 9),
        goal="text",
        platforms=["tg"],
        rule_id=None,
    )
    happen(catalog, event)
    with running(dispatcher(catalog)):
        (post,) = receiver.wait_for(1)
    assert (post.path, post.headers["content-type"]) == ("/in?token=hidden", "application/json")
    signed = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}.".encode() + post.body
    key = base64.b64decode(secret.get_secret_value().removeprefix("whsec_"))
    digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert post.headers["webhook-signature"] == f"v1,{digest}"
    assert abs(int(post.headers["webhook-timestamp"]) - utc_now().timestamp()) < 60
    assert post.json["data"] == {
        "order_id": "demo-1", "topic_id": "t-1", "day": "2026-03-09", "goal": "text", "platforms": ["tg"], "rule_id": None,
    }  # fmt: skip


def test_neither_log_nor_row_nor_audit_says_a_secret(
    catalog: Catalog, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    make_tenant(catalog)
    made, secret = hook(catalog, f"{receiver.url}/in?token=hidden")
    receiver.answers, receiver.body = [500], b"the database's password is swordfish"
    happen(catalog, happened())
    with caplog.at_level(logging.DEBUG), running(dispatcher(catalog, delays=[timedelta(hours=1)])):
        receiver.wait_for(1)
        until(lambda: bool(deliveries(catalog, "demo", made.id)))
    (delivery,) = deliveries(catalog, "demo", made.id)
    with catalog.reading() as session:
        (cipher,) = session.scalars(select(WebhookRow.secret_cipher))
    noted = [str(entry.detail) for entry in list_audit(catalog, "demo")]
    for text in (caplog.text, repr(made), repr(delivery), *noted):
        for hidden in (secret.get_secret_value(), "swordfish"):
            assert hidden not in text
    for text in (caplog.text, *noted):
        assert "token=hidden" not in text
    assert secret.get_secret_value().encode() not in cipher
    assert "500" in caplog.text and made.id in caplog.text


@pytest.mark.parametrize(("status", "gone"), [(302, False), (400, False), (410, True), (500, False)])
def test_what_is_not_2xx_is_a_failure(catalog: Catalog, receiver: Receiver, status: int, gone: bool) -> None:
    make_tenant(catalog)
    made, _ = hook(catalog, receiver.url)
    receiver.answers = [status]
    with pytest.raises(DeliveryError, match=str(status)) as caught:
        webhooks(catalog).tell(Lane(f"webhook/{made.id}", "demo", "demo"), EVENT)
    assert (caught.value.status, caught.value.gone) == (status, gone)


def test_what_the_operator_no_longer_allows_is_not_posted(catalog: Catalog, receiver: Receiver) -> None:
    make_tenant(catalog)
    made, _ = hook(catalog, receiver.url)
    lane = Lane(f"webhook/{made.id}", "demo", "demo")
    for given, why in (({"allow_private": False}, "inner address"), ({"allow_http": False}, "https")):
        with pytest.raises(DeliveryError, match=why):
            webhooks(catalog, **given).tell(lane, EVENT)
    named = hook(catalog, receiver.url.replace("127.0.0.1", "localhost"))[0]
    with pytest.raises(DeliveryError, match="inner address"):
        webhooks(catalog, allow_private=False).tell(Lane(f"webhook/{named.id}", "demo", "demo"), EVENT)
    assert receiver.posts == []


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    posts: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posts.append(self.path)

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_own_certificate(tmp_path))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.handle_request, daemon=True).start()
        with pytest.raises(UnreachableAddressError, match="certificate does not hold"):
            Poster(allow_private=True).post(f"https://127.0.0.1:{server.server_port}/", b"{}", {})
    assert posts == []


def _own_certificate(folder: Path) -> Path:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, utc_now(), utc_now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = folder / "own.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    return path


def test_a_secret_of_ones_own_is_taken_where_it_is_long_enough(catalog: Catalog) -> None:
    make_tenant(catalog)
    own = SecretStr("whsec_" + base64.b64encode(b"k" * 24).decode())
    made, secret = create_webhook(
        catalog, OPERATOR, VAULT, name="Ours", url="https://example.org/", secret=own, now=NOW
    )
    assert secret == own
    assert webhook_target(catalog, "demo", VAULT, f"webhook/{made.id}").secret == own
    for bad in (
        "whsec_" + base64.b64encode(b"k" * 23).decode(),
        base64.b64encode(b"k" * 24).decode(),
        "whsec_é",
        "whsec_",
    ):
        with pytest.raises(SettingsError, match="secret") as caught:
            renew_secret(catalog, OPERATOR, VAULT, made.id, secret=SecretStr(bad), now=NOW)
        assert bad == "whsec_" or bad not in str(caught.value)
    renewed = renew_secret(catalog, OPERATOR, VAULT, made.id, secret=None, now=NOW)
    assert webhook_target(catalog, "demo", VAULT, f"webhook/{made.id}").secret == renewed != own


def test_secrets_are_sealed_for_their_row_and_resealed_with_the_newest_key(catalog: Catalog) -> None:
    make_tenant(catalog)
    (first, secret), (second, _) = hook(catalog, "https://example.org/1"), hook(catalog, "https://example.org/2")
    both = Vault({1: b"1" * 32, 2: b"2" * 32})
    assert reseal_secrets(catalog, both) == 2
    assert reseal_secrets(catalog, both) == 0
    newest = Vault({2: b"2" * 32})
    assert webhook_target(catalog, "demo", newest, f"webhook/{first.id}").secret == secret
    with catalog.session() as session:
        rows = {row.id: row for row in session.scalars(select(WebhookRow))}
        rows[second.id].secret_cipher = rows[first.id].secret_cipher
    with pytest.raises(VaultError, match=second.id):
        webhook_target(catalog, "demo", newest, f"webhook/{second.id}")
    with pytest.raises(VaultError, match=second.id):
        reseal_secrets(catalog, Vault({2: b"2" * 32, 3: b"3" * 32}))


def test_a_tenant_has_a_few_webhooks_of_its_own_and_sees_no_others(catalog: Catalog) -> None:
    make_tenant(catalog)
    make_tenant(catalog, "other")
    ids = [hook(catalog, "https://example.org/")[0].id for _ in range(MAX_WEBHOOKS)]
    with pytest.raises(ConflictError, match="webhooks"):
        hook(catalog, "https://example.org/")
    assert [row.id for row in list_webhooks(catalog, "demo")] == ids
    assert list_webhooks(catalog, "other") == []
    for ask in (get_webhook, deliveries):
        with pytest.raises(NotFoundError):
            ask(catalog, "other", ids[0])
    with pytest.raises(NotFoundError):
        delete_webhook(catalog, Principal("other", None, "owner"), ids[0])
    delete_webhook(catalog, OPERATOR, ids[0])
    assert [row.id for row in list_webhooks(catalog, "demo")] == ids[1:]


def test_an_unknown_event_or_no_name_is_refused_by_the_field(catalog: Catalog) -> None:
    make_tenant(catalog)
    with pytest.raises(SettingsError, match="events: order.eaten"):
        hook(catalog, "https://example.org/", events=["order.eaten"])
    with pytest.raises(SettingsError, match="name"):
        create_webhook(catalog, OPERATOR, VAULT, name=" ", url="https://example.org/", now=NOW)
