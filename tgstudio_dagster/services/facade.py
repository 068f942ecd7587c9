"""All that a front end may do, for one principal: read the lake, read and write the catalog. It never computes.

The command line, the web app, the API and the MCP server use it alike. Dagster is not imported here: what is decided
becomes a catalog row, and sensors turn rows into runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.catalog.people.tenants import get_tenant, tenant_settings
from tgstudio_dagster.core.errors import ForbiddenError
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.settings import settings
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.services import (
    browsing,
    bundling,
    editing,
    exploring,
    exporting,
    following,
    ordering,
    packaging,
    reading,
    spending,
    standing_rules,
    tenancy,
    watching,
)

if TYPE_CHECKING:
    from tgstudio_dagster.search.find import By, Page, Search
    from tgstudio_dagster.services.runs import RunsClient


class Studio:
    """One principal's view of the platform. Raises NotFoundError for what is not the principal's tenant's.

    What changes something raises ForbiddenError for a viewer. `runs` tells how far runs have come; without it (a
    command line, a test) that is told by what they have left in the lake.
    """

    def __init__(self, principal: Principal, catalog: Catalog, lake: Lake, *, runs: RunsClient | None = None) -> None:
        self.principal = principal
        self.tenant = get_tenant(catalog, principal.tenant)
        self.catalog = catalog
        self.lake = lake.tenant(principal.tenant)
        self.runs_client = runs

    @property
    def settings(self) -> TenantSettings:
        """The tenant's settings."""
        return tenant_settings(self.catalog, self.tenant.slug)

    def may_edit(self, what: str) -> None:
        """Raises ForbiddenError, which names `what`, for a principal that may only read."""
        if not self.principal.may_edit:
            raise ForbiddenError(
                f"a viewer may read, not {what}; ask an editor or an owner of the tenant.", field="role"
            )

    # what is read
    feed = reading.feed
    feed_page = browsing.feed_page
    version = browsing.version
    chats = browsing.chats
    chat = browsing.chat
    newest_day = reading.newest_day
    top = reading.top
    topics = reading.topics
    topic_posts = reading.topic_posts
    topic = exploring.topic
    topic_changes = exploring.topic_changes
    topic_map = exploring.topic_map
    topic_trends = exploring.topic_trends
    ranking = exploring.ranking
    posts = exploring.posts
    sql = reading.sql

    # channels
    subscribe = following.subscribe
    subscription = following.subscription
    subscriptions = following.subscriptions
    subscription_requests = following.subscription_requests
    unsubscribe = following.unsubscribe
    waits = following.waits
    refresh = following.refresh

    # orders
    order = ordering.order
    orders = ordering.orders
    raise_goal = ordering.raise_goal
    order_status = ordering.order_status
    cancel = ordering.cancel
    estimate = spending.estimate

    # packages
    packages = packaging.packages
    package = packaging.package
    explain = packaging.explain
    preview = editing.preview
    edit_package = editing.edit_package
    export = exporting.export
    save_packages = exporting.save_packages
    media_file = exporting.media_file

    # data
    bundles = bundling.bundles
    request_bundle = bundling.request_bundle
    open_bundle = bundling.open_bundle

    # what programs watch for
    watches = watching.watches
    watch = watching.watch
    unwatch = watching.unwatch
    news = watching.news
    seen = watching.seen

    # what the tenant decides and uses
    put_settings = tenancy.put_settings
    rules = standing_rules.rules
    put_rule = standing_rules.put_rule
    delete_rule = standing_rules.delete_rule
    keys = tenancy.keys
    create_key = tenancy.create_key
    revoke_key = tenancy.revoke_key
    requests = tenancy.requests
    usage = spending.usage
    recent_runs = spending.recent_runs

    @cached_property
    def _search(self) -> Search:
        from tgstudio_dagster.search.find import Search
        from tgstudio_dagster.topics.sentence import open_encoder

        return Search(self.lake, settings().home.resolve(), open_encoder(settings()))

    def search(
        self,
        text: str,
        *,
        by: By = "words",
        first: date | None = None,
        last: date | None = None,
        channels: Sequence[str] = (),
        langs: Sequence[str] = (),
        comments: bool = False,
        deleted: bool = False,
        limit: int = 20,
        cursor: str | None = None,
    ) -> Page:
        """A page of the posts of the whole history that fit what was typed, best first (see `search.find`)."""
        return self._search.find(
            text,
            by=by,
            first=first,
            last=last,
            channels=channels,
            langs=langs,
            comments=comments,
            deleted=deleted,
            limit=limit,
            cursor=cursor,
        )
