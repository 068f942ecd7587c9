"""Commands about what was ordered: orders, packages, explain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from tgstudio_dagster.cli.output import (
    IdsOption,
    JsonOption,
    TenantOption,
    console,
    open_studio,
    print_json,
    print_rows,
    print_table,
    shorten,
)

OrderOption = Annotated[str | None, typer.Option("--order", help="One order's id; default: all.")]


def orders(tenant: TenantOption, as_json: JsonOption = False) -> None:
    """The tenant's orders, newest first."""
    found = open_studio(tenant).orders()
    if as_json:
        fields = ("status", "day", "platforms", "language", "tone", "created_at", "run_id", "error")
        print_json(
            [{"order": one.id, "topic": one.topic_id} | {name: getattr(one, name) for name in fields} for one in found]
        )
    elif found:
        print_table(
            ["order", "status", "topic", "platforms", "error"],
            [[one.id, one.status, one.topic_id, ",".join(one.platforms), one.error or ""] for one in found],
        )
    else:
        console.print(f"No orders yet: `tgstudio order --tenant {tenant} --topic ID`.")


def packages(
    tenant: TenantOption,
    order: OrderOption = None,
    save: Annotated[Path | None, typer.Option("--save", help="Folder to copy texts, images and files to.")] = None,
    ids: IdsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Packages that are ready to publish."""
    studio = open_studio(tenant)
    found = studio.packages(order)
    if save is not None:
        for path in studio.save_packages(found, save):
            console.print(str(path))
        return
    if ids:
        print("\n".join(found["package_id"]))
        return
    print_rows(
        found,
        {
            "package": lambda row: row["package_id"],
            "post at (UTC)": lambda row: f"{row['post_time']:%d.%m %H:%M}",
            "#characters": lambda row: str(len(row["text"])),
            "limits": lambda row: "ok" if all(check["passed"] for check in row["checks"]) else Text("broken", "red"),
            "image": lambda row: "yes" if row["image_uri"] else "no",
            "text": lambda row: shorten(row["text"], 80),
        },
        as_json=as_json,
        empty=f"No packages yet: `tgstudio order --tenant {tenant} --topic ID` makes some.",
    )


def explain(
    package: Annotated[str, typer.Argument(help="The package's id.")], tenant: TenantOption, as_json: JsonOption = False
) -> None:
    """Sentence by sentence: the claims, the post versions and links they rest on, the model and the run."""
    explanation = open_studio(tenant).explain(package)
    if as_json:
        print_json(explanation.model_dump(mode="json"))
    else:
        console.print(explanation.as_text(), highlight=False, markup=False)
