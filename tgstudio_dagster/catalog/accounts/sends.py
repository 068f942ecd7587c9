"""Sends: what a tenant posts to Telegram, once per idempotency key. The text itself is not kept, only its hash.

Whether a tenant may send at all, the confirmation, and the sending are their callers' matter.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from tgstudio_dagster.catalog.accounts.accounts import unknown_account
from tgstudio_dagster.catalog.accounts.models import Send, TgAccount
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.money.plans import lock_tenant
from tgstudio_dagster.catalog.people.audit import audit
from tgstudio_dagster.core.errors import ConflictError, NotFoundError
from tgstudio_dagster.core.principal import Principal

__all__ = ["Send", "begin_send", "finish_send", "random_id"]


def begin_send(catalog: Catalog, principal: Principal, *, key: str, account_id: str, chat: str, text: str) -> Send:
    """The send of this key: a new one, `sending`, or the one that is known, as it stands.

    One that is still `sending`, or `failed`, may be sent again: with its `random_id`, Telegram refuses a double. Raises
    NotFoundError for an unknown account, ConflictError for a viewer, an account that is not active, or a key that was
    used for another text, chat or account.
    """
    if not principal.may_edit:
        raise ConflictError("a viewer may read, not send; ask an editor or an owner of the tenant.", field="role")
    text_hash = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    with catalog.tenant_session(principal, writing=True) as session:
        lock_tenant(session, principal)
        known = session.get(Send, (principal.tenant, key))
        if known is not None:
            # Another account too: Telegram knows a double within one account only.
            if (known.account_id, known.chat, known.text_hash) != (account_id, chat, text_hash):
                raise ConflictError(
                    f"{key!r} was used for another text, chat or account; choose a new key.", field="key"
                )
            return known
        account = session.get(TgAccount, account_id)
        if account is None:
            raise unknown_account(account_id)
        if account.status != "active":
            raise ConflictError(f"Account {account_id} ({account.name}) is {account.status}: pair it again first.")
        send = Send(
            tenant=principal.tenant,
            key=key,
            account_id=account_id,
            chat=chat,
            text_hash=text_hash,
            random_id=random_id(principal.tenant, key),
            created_by=principal.user_id,
        )
        session.add(send)
        audit(
            session,
            principal,
            "message.send",
            key,
            {"account_id": account_id, "chat": chat, "text_hash": text_hash},
        )
        session.flush()
        return send


def finish_send(
    catalog: Catalog,
    tenant: str,
    key: str,
    *,
    status: Literal["sent", "failed"],
    msg_id: int | None = None,
    error: str | None = None,
) -> Send:
    """Say what became of the send. Raises NotFoundError, or ConflictError where it was sent and would become failed."""
    with catalog.tenant_session(tenant, writing=True) as session:
        send = session.get(Send, (tenant, key), with_for_update=True)
        if send is None:
            raise NotFoundError(f"There is no send with key {key!r}.")
        if send.status == "sent" and status != "sent":
            raise ConflictError(f"The send with key {key!r} was sent already, as message {send.msg_id}.")
        send.status, send.error = status, error
        send.msg_id = msg_id if msg_id is not None else send.msg_id
        return send


def random_id(tenant: str, key: str) -> int:
    """Telegram's `random_id` of a send: 63 bits, never 0, the same whenever the same key is sent again."""
    digest = hashlib.sha256(f"{tenant}\0{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1 or 1
