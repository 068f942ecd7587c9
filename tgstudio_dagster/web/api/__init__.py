"""The REST interface, `/v1`: one router per noun. What it says is described in its models; `docs/api.md` is made of them.

A route asks the visitor's studio and shapes the answer, no more. Errors read as problems.py has them; what all routes do
alike stands in route.py.
"""

from __future__ import annotations

from fastapi import APIRouter

from tgstudio_dagster.web import files
from tgstudio_dagster.web.api import (
    accounts,
    channels,
    chats,
    data,
    orders,
    packages,
    pairing,
    posts,
    spec,
    tenancy,
    topics,
    webhooks,
)

__all__ = ["router"]

router = APIRouter()
for noun, routes in (
    ("pairing", pairing.router),
    ("accounts", accounts.router),
    ("channels", channels.router),
    ("chats", chats.router),
    ("feed", posts.router),
    ("topics", topics.router),
    ("orders", orders.router),
    ("packages", packages.router),
    ("data", data.router),
    ("tenant", tenancy.router),
    ("webhooks", webhooks.router),
):
    router.include_router(routes, tags=[noun])
router.include_router(files.router)
router.include_router(spec.router)
