"""Commands about what was ordered, and what that took: orders, cancel, packages, edit, explain, rules, usage."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from tgstudio_dagster.cli.output import (
    IdsOption,
    JsonOption,
    TenantOption,
    console,
    moment_text,
    open_studio,
    print_json,
    print_rows,
    print_table,
    shorten,
)

if TYPE_CHECKING:
    from tgstudio_dagster.catalog.work.orders import Order

OrderOption = Annotated[str | None, typer.Option("--order", help="One order's id; default: all.")]


def orders(tenant: TenantOption, ids: IdsOption = False, as_json: JsonOption = False) -> None:
    """The tenant's orders, newest first."""
    found = open_studio(tenant).orders.all()
    if ids:
        print("\n".join(one.id for one in found))
        return
    if as_json:
        fields = (
            *("messages", "goal", "status", "day", "platforms", "language", "tone", "rule_id", "created_at", "run_id"),
            "error",
        )
        print_json(
            [{"order": one.id, "topic": one.topic_id} | {name: getattr(one, name) for name in fields} for one in found]
        )
    elif found:
        print_table(
            ["order", "status", "goal", "of", "platforms", "error"],
            [[one.id, one.status, one.goal, _subject(one), ",".join(one.platforms), one.error or ""] for one in found],
        )
    else:
        console.print(f"No orders yet: `tgstudio order --tenant {tenant} --topic ID`.")


def cancel(
    order: Annotated[str, typer.Argument(help="The order's id.")], tenant: TenantOption, as_json: JsonOption = False
) -> None:
    """Stop an order: one that waits at once, one that runs at its next step."""
    stopped = open_studio(tenant).orders.cancel(order, datetime.now(UTC))
    if as_json:
        print_json({"order": stopped.id, "status": stopped.status, "cancel_at": stopped.cancel_at})
    else:
        console.print(f"order [bold]{stopped.id}[/]: {stopped.status if stopped.status == 'cancelled' else 'stopping'}")


def packages(
    tenant: TenantOption,
    order: OrderOption = None,
    save: Annotated[Path | None, typer.Option("--save", help="Folder to copy texts, images and files to.")] = None,
    ids: IdsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Packages that are ready to publish."""
    studio = open_studio(tenant)
    found = studio.packages.all(order)
    if save is not None:
        for path in studio.packages.save(found, save):
            console.print(str(path))
        return
    if ids:
        print("\n".join(found["package_id"]))
        return
    print_rows(
        found,
        {
            "package": lambda row: row["package_id"],
            "post at (UTC)": lambda row: moment_text(row["post_time"]),
            "#characters": lambda row: str(len(row["text"])),
            "limits": lambda row: "ok" if all(check["passed"] for check in row["checks"]) else Text("broken", "red"),
            "image": lambda row: "yes" if row["image_uri"] else "no",
            "text": lambda row: shorten(row["text"], 80),
        },
        as_json=as_json,
        empty=f"No packages yet: `tgstudio order --tenant {tenant} --topic ID` makes some.",
    )


def edit(
    package: Annotated[str, typer.Argument(help="The package's id.")],
    tenant: TenantOption,
    text: Annotated[
        Path | None, typer.Option("--text", help="File with the whole text; default: as it stands.")
    ] = None,
    hashtags: Annotated[
        str | None, typer.Option("--hashtags", help="For example news,city; without it the text's.")
    ] = None,
    image: Annotated[int | None, typer.Option("--image", help="Number of one of the order's images.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Keep your own version of a package: what is listed and exported from then on."""
    studio = open_studio(tenant)
    whole = text.read_text(encoding="utf-8") if text is not None else studio.packages.get(package).text
    tags = None if hashtags is None else [tag for tag in hashtags.split(",") if tag.strip()]
    edited = studio.packages.edit(package, whole, tags, image, now=datetime.now(UTC))
    shown = edited.preview
    if as_json:
        print_json({"package": package, "edit": edited.edits[0].n, "count": shown.count, "limit": shown.limit})
    else:
        console.print(f"{package}: version {edited.edits[0].n}, {shown.count} of {shown.limit} {shown.unit}")


def explain(
    package: Annotated[str, typer.Argument(help="The package's id.")], tenant: TenantOption, as_json: JsonOption = False
) -> None:
    """Sentence by sentence: the claims, the post versions and links they rest on, the model and the run."""
    explanation = open_studio(tenant).packages.explain(package)
    if as_json:
        print_json(explanation.model_dump(mode="json"))
    else:
        console.print(explanation.as_text(), highlight=False, markup=False)


def rules(
    tenant: TenantOption,
    add: Annotated[str | None, typer.Option("--add", help="Name of a rule to add.")] = None,
    delete: Annotated[str | None, typer.Option("--delete", help="Id of a rule to end.")] = None,
    window: Annotated[str, typer.Option("--window", help="24h or 7d: whose ranking counts.")] = "24h",
    min_score: Annotated[float | None, typer.Option("--min-score", help="Order topics of at least this score.")] = None,
    max_rank: Annotated[int | None, typer.Option("--max-rank", help="Order topics of at most this rank.")] = None,
    min_channels: Annotated[int, typer.Option("--min-channels", help="At least so many channels write of it.")] = 1,
    per_day: Annotated[int, typer.Option("--per-day", help="Orders a day at most.")] = 3,
    as_json: JsonOption = False,
) -> None:
    """The tenant's rules: topics that pass a threshold are ordered by themselves, once each."""
    from pydantic import ValidationError

    from tgstudio_dagster.catalog.work.rules import TopicRule

    studio = open_studio(tenant)
    if delete is not None:
        studio.rules.delete(delete)
    if add is not None:
        try:
            wanted = TopicRule.model_validate(
                {
                    "window": window,
                    "min_score": min_score,
                    "max_rank": max_rank,
                    "min_channels": min_channels,
                    "per_day": per_day,
                }
            )
        except ValidationError as error:
            raise typer.BadParameter(error.errors()[0]["msg"]) from error
        studio.rules.put(add, wanted, now=datetime.now(UTC))
    found = studio.rules.all()
    if as_json:
        print_json([{"id": one.id, "name": one.name, "enabled": one.enabled} | one.definition for one in found])
    elif found:
        print_table(["id", "name", "rule"], [[one.id, one.name, _said(one.definition)] for one in found])
    else:
        console.print(f"No rules: `tgstudio rules --tenant {tenant} --add NAME --max-rank 3`.")


def usage(
    tenant: TenantOption,
    days: Annotated[int, typer.Option("--days", help="Today and the days before.")] = 30,
    as_json: JsonOption = False,
) -> None:
    """What the tenant has used: tokens, cost, images, calls, and how much of its limits is left."""
    from dataclasses import asdict

    used = open_studio(tenant).usage.report(days, datetime.now(UTC))
    if as_json:
        print_json(asdict(used))
        return
    console.print(
        f"{used.first} … {used.last}, plan {used.plan}: {used.orders} orders, {used.images} images, {used.tokens} tokens, "
        f"{used.cost_usd:.2f} USD, {used.api_calls} API calls, {used.mcp_calls} tool calls"
    )
    print_table(
        ["limit", "#used", "#of"], [[one.name, f"{one.used:,}", f"{one.limit:,}"] for one in used.quotas], title="Today"
    )


def _subject(order: Order) -> str:
    return order.topic_id or f"{len(order.messages or ())} messages"


def _said(definition: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in definition.items() if value not in (None, []))
