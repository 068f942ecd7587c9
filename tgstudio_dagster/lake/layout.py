"""Where things lie below the lake's root: paths from tables, tenants, days and orders. No reading or writing.

{asset}/tenant={tenant}/date={date}/part-0.parquet        {asset}/tenant={tenant}/order={order}/part-0.parquet
landing/tenant={tenant}/date={date}/{content hash}.parquet        files/tenant={tenant}/{sha256}.{ext}
vectors/model={name}-{hash}/{date}.parquet        kept/tenant={tenant}/{hash}.zip
uploads/tenant={tenant}/{tenant}-{ulid}.{ext}
"""

from __future__ import annotations

import hashlib
import re
from datetime import date

from tgstudio_dagster.core.errors import LakeError
from tgstudio_dagster.lake.contract import Table

PART = "part-0.parquet"
VECTORS = "vectors"
LANDINGS = "landing"
FETCHED = "fetched"
_TENANT = re.compile(r"[a-z0-9]{1,63}")
_ORDER = re.compile(r"[a-z0-9]{1,63}-[a-z0-9]{1,63}")
_FILE = re.compile(r"[0-9a-f]{64}\.[a-z0-9]{1,16}")
_UPLOAD = re.compile(r"[a-z0-9]{1,63}-[a-z0-9]{1,63}\.[a-z0-9]{1,16}")
_HASH = re.compile(r"[0-9a-f]{32}")


def check_tenant(tenant: str) -> str:
    """The slug itself; raises LakeError where it could leave its folder."""
    if not _TENANT.fullmatch(tenant):
        raise LakeError(f"{tenant!r} is no slug; use lower-case letters and digits.", field="tenant")
    return tenant


def table_folder(table: Table, tenant: str) -> str:
    """The folder of a tenant's partitions of a table."""
    return f"{table.name}/tenant={tenant}"


def partition_path(table: Table, tenant: str, *, day: date | None, order: str | None) -> str:
    """The object of one partition; raises LakeError where the key does not fit the table."""
    if table.partition == "tenant_day":
        if day is None or order is not None:
            raise LakeError(f"{table.name}: is partitioned by day; name a day.")
        return f"{table_folder(table, tenant)}/date={day.isoformat()}/{PART}"
    if order is None or day is not None:
        raise LakeError(f"{table.name}: is partitioned by order; name an order.")
    if not _ORDER.fullmatch(order) or not order.startswith(f"{tenant}-"):
        raise LakeError(f"{order!r} is no order of tenant {tenant}.", field="order")
    return f"{table_folder(table, tenant)}/order={order}/{PART}"


def landing_folder(tenant: str, day: date | None = None) -> str:
    """The folder of what waits to be merged, of all days or of one."""
    folder = f"{LANDINGS}/tenant={tenant}"
    return folder if day is None else f"{folder}/date={day.isoformat()}"


def landing_path(tenant: str, day: date, name: str) -> str:
    """The object of one landing; raises LakeError where the name is not a hash of content."""
    if not _HASH.fullmatch(name):
        raise LakeError(f"{name!r} is no name of a landing; it reads as 32 hex digits.", field="landing")
    return f"{landing_folder(tenant, day)}/{name}.parquet"


def fetched_folder(tenant: str, day: date | None = None) -> str:
    """The folder of what became of files and is not in a table yet, of all days or of one."""
    folder = f"{FETCHED}/tenant={tenant}"
    return folder if day is None else f"{folder}/date={day.isoformat()}"


def fetched_path(tenant: str, day: date, name: str) -> str:
    """The object of one batch of such news; raises LakeError where the name is not a hash of content."""
    if not _HASH.fullmatch(name):
        raise LakeError(f"{name!r} is no name of a batch; it reads as 32 hex digits.", field="fetched")
    return f"{fetched_folder(tenant, day)}/{name}.parquet"


def file_path(tenant: str, uri: str) -> str:
    """The object of a stored file; raises LakeError where the uri is not <sha256>.<extension>."""
    if not _FILE.fullmatch(uri):
        raise LakeError(f"{uri!r} is no stored file; it reads <sha256>.<extension>.", field="uri")
    return f"files/tenant={tenant}/{uri}"


def upload_folder(tenant: str) -> str:
    """The folder of a tenant's files that wait to be imported."""
    return f"uploads/tenant={tenant}"


def upload_path(tenant: str, name: str) -> str:
    """The object of one upload; raises LakeError where the name is not <tenant>-<ulid>.<extension>."""
    if not _UPLOAD.fullmatch(name) or not name.startswith(f"{tenant}-"):
        raise LakeError(f"{name!r} is no upload of tenant {tenant}.", field="upload")
    return f"{upload_folder(tenant)}/{name}"


def vectors_path(model: str, day: date) -> str:
    """The object of a model's vectors of one day's texts: of all tenants. Its folder is readable, and no two are one."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", model)[:60].strip("-")
    return f"{VECTORS}/model={name}-{hashlib.sha256(model.encode()).hexdigest()[:8]}/{day.isoformat()}.parquet"


def kept_folder(tenant: str) -> str:
    """The folder of what is kept of a tenant's work to be spared doing it again."""
    return f"kept/tenant={tenant}"


def kept_path(tenant: str, key: str) -> str:
    """The object of one key; raises LakeError where it is not the hash of what was worked on."""
    if not _HASH.fullmatch(key):
        raise LakeError(f"{key!r} is no key; it reads as 32 hex digits.", field="kept")
    return f"{kept_folder(tenant)}/{key}.zip"


def tenant_of(path: str) -> str:
    """`acme` of `landing/tenant=acme/date=2026-03-15/….parquet`."""
    return path.split("/", 2)[1].partition("=")[2]


def partition_value(path: str) -> str:
    """`2026-03-15` of `messages/tenant=acme/date=2026-03-15/part-0.parquet`."""
    return path.rsplit("/", 2)[-2].partition("=")[2]


def stem(path: str) -> str:
    """The object's name without its extension."""
    return path.rsplit("/", 1)[-1].partition(".")[0]
