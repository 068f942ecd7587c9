"""What a person has changed of a package and not saved: kept while they look at other platforms and pages."""

from __future__ import annotations

from dataclasses import dataclass, replace

from streamlit_app.door import st
from streamlit_app.i18n import t
from tgstudio_dagster.services.packages import Package

_DRAFTS = "package_drafts"


@dataclass(frozen=True)
class Draft:
    """A text and an image (its n) that differ from the package's; None: as the package has it. `edits` is how many saved
    versions the package had when the draft was begun."""

    text: str | None = None
    image: int | None = None
    edits: int = 0


def draft_of(package_id: str) -> Draft | None:
    """The package's draft, where there is one."""
    drafts: dict[str, Draft] = st.session_state.get(_DRAFTS, {})
    return drafts.get(package_id)


def note(package: Package, **changes: str | int | None) -> None:
    """Keep what was changed of a package; what is as the package has it is no change."""
    draft = replace(draft_of(package.package_id) or Draft(edits=len(package.edits)), **changes)  # type: ignore[arg-type]
    same_text = draft.text is None or draft.text == package.text
    same_image = draft.image is None or draft.image == (package.image.n if package.image else None)
    drafts: dict[str, Draft] = st.session_state.setdefault(_DRAFTS, {})
    if same_text and same_image:
        drafts.pop(package.package_id, None)
    else:
        drafts[package.package_id] = draft


def drop(package_id: str) -> None:
    """Forget the package's draft."""
    st.session_state.get(_DRAFTS, {}).pop(package_id, None)


def unsaved_badge(names: list[str]) -> None:
    """That there are changes nobody saved yet, and for which platforms; nothing where there are none."""
    # Always one element, empty or not: what stands below would be drawn anew, and lose the cursor, if it moved.
    with st.container():
        if names:
            st.badge(t("packages.unsaved", names=", ".join(names)), icon=":material/edit_note:", color="orange")
