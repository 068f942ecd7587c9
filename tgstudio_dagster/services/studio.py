"""All that a front end may do, for one principal: a service for each noun, on one scope.

The command line, the pages, the API and the tools use it alike. Dagster is not imported here: what is decided becomes a
catalog row, and sensors turn rows into runs.
"""

from __future__ import annotations

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.models import Tenant
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.services import policy
from tgstudio_dagster.services.accounts import Accounts, Pairings
from tgstudio_dagster.services.bundles import Bundles, tables_of
from tgstudio_dagster.services.chats import Chats
from tgstudio_dagster.services.files import Files
from tgstudio_dagster.services.follows import Follows
from tgstudio_dagster.services.imports import Imports
from tgstudio_dagster.services.keys import Keys
from tgstudio_dagster.services.machine import Machine
from tgstudio_dagster.services.orders import Orders
from tgstudio_dagster.services.packages import Packages
from tgstudio_dagster.services.people import People
from tgstudio_dagster.services.posts import Posts
from tgstudio_dagster.services.rules import Rules
from tgstudio_dagster.services.runs import RunsClient
from tgstudio_dagster.services.scope import Scope
from tgstudio_dagster.services.settings import OwnSettings
from tgstudio_dagster.services.topics import Topics
from tgstudio_dagster.services.uploads import Uploads
from tgstudio_dagster.services.usage import UsageReports
from tgstudio_dagster.services.watches import Watches
from tgstudio_dagster.services.webhooks import Webhooks


class Studio:
    """One principal's services. They raise ForbiddenError for what the policy does not let the principal do, and

    NotFoundError for what is not the principal's tenant's.
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.accounts = Accounts(scope)
        self.bundles = Bundles(scope)
        self.chats = Chats(scope)
        self.files = Files(scope)
        self.follows = Follows(scope)
        self.imports = Imports(scope)
        self.keys = Keys(scope)
        self.machine = Machine(scope)
        self.orders = Orders(scope)
        self.packages = Packages(scope)
        self.pairings = Pairings(scope)
        self.people = People(scope)
        self.posts = Posts(scope)
        self.rules = Rules(scope)
        self.settings = OwnSettings(scope)
        self.topics = Topics(scope)
        self.uploads = Uploads(scope)
        self.usage = UsageReports(scope)
        self.watches = Watches(scope)
        self.webhooks = Webhooks(scope)

    @classmethod
    def open(cls, principal: Principal, catalog: Catalog, lake: Lake, *, runs: RunsClient | None = None) -> Studio:
        """The studio of a command or a test, whose process serves nobody else. Raises NotFoundError."""
        return cls(Scope.open(principal, catalog, lake, runs=runs))

    @property
    def principal(self) -> Principal:
        """As whom everything here is done."""
        return self.scope.principal

    @property
    def tenant(self) -> Tenant:
        """Whose everything here is."""
        return self.scope.tenant

    def off(self) -> frozenset[str]:
        """The capabilities that the tenant does not have: their pages, routes and tools are not there."""
        return self.scope.off()

    def may(self, action: str) -> bool:
        """Whether the policy lets the principal do this: what a page asks to show a control."""
        return self.scope.may(action)

    def sees(self, page: str) -> bool:
        """Whether the page is there for the principal."""
        return policy.sees(page, self.principal, off=self.scope.off())

    def tables(self) -> list[str]:
        """The lake's tables that the tenant has: none of a capability that it lacks."""
        return tables_of(self.scope)
