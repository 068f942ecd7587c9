"""All of the catalog's tables, imported for SQLAlchemy's metadata. Nothing else belongs here."""

from tgstudio_dagster.capabilities import load_all
from tgstudio_dagster.catalog import models as common
from tgstudio_dagster.catalog.accounts import models as accounts
from tgstudio_dagster.catalog.follows import models as follows
from tgstudio_dagster.catalog.money import models as money
from tgstudio_dagster.catalog.outbox import models as outbox
from tgstudio_dagster.catalog.people import models as people
from tgstudio_dagster.catalog.work import models as work

MODULES = (people, accounts, follows, work, money, outbox, common, *(module for _, module in load_all("models")))
