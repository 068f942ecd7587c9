"""The job that imports one upload: what is uploaded in the studio, or a path of the machine that the operator named."""

from datetime import date

import dagster as dg

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.core.errors import LeaseHeldError, StoppedError
from tgstudio_dagster.core.settings import settings
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.orchestration.tags import UPLOAD_TAG
from tgstudio_dagster.telegram.sources.uploads import carry_out


@dg.op(description="Lands the posts of one upload, batch by batch; its row in the catalog says how far it is.")
def import_upload_files(
    context: dg.OpExecutionContext, catalog: dg.ResourceParam[Catalog], lake: dg.ResourceParam[Lake]
) -> None:
    """A file that can't be imported is the row's end, not the run's failure: no operator can mend it."""
    upload_id = context.run_tags[UPLOAD_TAG]
    machine = settings()
    try:
        upload = carry_out(
            catalog,
            lake.tenant(upload_id.partition("-")[0]),
            upload_id,
            context.run_id,
            folder=machine.home.resolve() / "uploads",
            first_day=date.fromisoformat(machine.first_day),
        )
    except (StoppedError, LeaseHeldError) as error:
        # Cancelled, or another process is at it: the sensor looks at the row again.
        context.log.warning("upload %s: %s", upload_id, error)
        return
    context.log.info(
        "upload %s is %s: %d posts landed, %d rejected", upload_id, upload.status, upload.landed, upload.rejected
    )


@dg.job(
    name="import_upload",
    executor_def=dg.in_process_executor,
    description="Imports one upload into its tenant's landings; killed at any moment, it is tried again and goes on.",
)
def import_upload() -> None:
    """One op: a file is read from its beginning to its end."""
    import_upload_files()
