"""Who or what has asked for an order."""

from __future__ import annotations

from streamlit_app.i18n import t
from tgstudio_dagster.services import Studio


def origin_text(mine: Studio, order_id: str) -> str:
    """In words: by which rule, or by whom. Holds what people wrote: for HTML it is escaped, for Markdown `plain`."""
    origin = mine.orders.origin(order_id)
    if origin.rule is not None:
        return t("packages.by_rule", name=origin.rule)
    return t("packages.by_command") if origin.person is None else t("packages.by_person", name=origin.person)
