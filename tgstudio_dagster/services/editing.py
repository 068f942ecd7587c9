"""A person's version of a package: what it would look like, and keeping it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from tgstudio_dagster.catalog.work.edits import add_edit
from tgstudio_dagster.newsroom import preview as previews
from tgstudio_dagster.newsroom.edits import check_version, hashtags_of, with_hashtags
from tgstudio_dagster.newsroom.fit import clean
from tgstudio_dagster.newsroom.preview import Preview
from tgstudio_dagster.services.packaging import made_package, read_packages, split_id

if TYPE_CHECKING:
    from tgstudio_dagster.services.facade import Studio
    from tgstudio_dagster.services.packaging import Package


def preview(studio: Studio, package_id: str, text: str, *, image: int | None = None) -> Preview:
    """What the package's platform would show of this text: counts, limit, what it hides or would not take."""
    order_id, name = split_id(package_id)
    whole = read_packages(studio, order_id)
    with_image = image is not None or made_package(whole, package_id, name).image_uri is not None
    return previews.preview(text, whole.target(name), with_image=with_image)


def edit_package(
    studio: Studio,
    package_id: str,
    text: str,
    hashtags: Sequence[str] | None = None,
    image: int | None = None,
    *,
    now: datetime,
) -> Package:
    """Keep a new version of the package. `image` is the n of one of the order's images; None keeps the package's own.

    The text is posted as it is; its last line of hashtags becomes `hashtags` where they are given. Raises NewsroomError,
    with the counted figure, for what the platform would not take.
    """
    studio.may_edit("edit")
    order_id, name = split_id(package_id)
    whole = read_packages(studio, order_id)
    target = whole.target(name)
    own = made_package(whole, package_id, name).image_uri is not None
    text = clean(text)
    if hashtags is None:
        tags = hashtags_of(text)
    else:
        tags = list(dict.fromkeys(clean(tag).lstrip("#") for tag in hashtags))
        text = with_hashtags(text, tags)
    check_version(text, tags, image, images=whole.images, target=target, with_image=own)
    add_edit(
        studio.catalog,
        studio.principal,
        order_id=order_id,
        platform=target.name,
        text=text,
        hashtags=tags,
        image=image,
        now=now,
    )
    return studio.package(package_id)
