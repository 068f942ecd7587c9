"""Find the files of an import: in a folder, in an archive, in an archive of a folder.

Which files may hold messages is decided here by name; what they are, by content, in `forms.py`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.telegram.sources.forms import PACKED, form_of
from tgstudio_dagster.telegram.sources.html_export import page_number
from tgstudio_dagster.telegram.sources.unpacking import Admit, anything, unpack

_SUFFIXES = (".json", ".jsonl", ".ndjson", ".html", ".htm", ".gz", ".zip")
_JSON_EXPORT = "result.json"
# Where Telegram Desktop puts the files of an export's messages, and what its pages need.
_MEDIA_FOLDERS = frozenset(
    "animations audio_files contacts css files gifs images js lists photos profile_pictures round_video_messages stickers "
    "stories video_files video_messages videos voice_messages".split()
)
_FIRST_OF_HTML = "export_results.html"
_OTHERS = 5


@dataclass(frozen=True)
class FoundFile:
    """A file that may hold messages. `root` is what was unpacked or named, `shown` its name for a person."""

    path: Path
    root: Path
    shown: str
    sole: bool

    @property
    def name(self) -> str:
        """The file's name for a person: within the archive, where it was in one."""
        return self.words(str(self.path))

    @property
    def relative(self) -> str:
        """The name below what was named."""
        return self.path.relative_to(self.root).as_posix() if self.path != self.root else self.path.name

    def words(self, text: str) -> str:
        """The text with this machine's own places put into what a person named."""
        return text.replace(str(self.root), self.shown)


def files_of(
    path: Path, shown: str, scratch: Path | None, tick: Callable[[], None], admit: Admit = anything
) -> Generator[FoundFile]:
    """The files of a path, packed ones unpacked below `scratch` while they are looked at.

    `tick` is called for each file that is unpacked, `admit` before (see unpacking.py); both may raise.
    Where no name says that there may be messages, some of
    the other files are given, for telling what they are. Raises SourceError where there is nothing, or an archive can't be
    unpacked. What an archive holds is not unpacked again.
    """
    for file in find_files(path) or _others(path):
        sole = file == path
        name = shown if sole else f"{shown}/{file.relative_to(path).as_posix()}"
        if not _is_packed(file):
            yield FoundFile(file, path, shown, sole)
            continue
        with tempfile.TemporaryDirectory(dir=scratch, prefix="import-") as folder:
            root = Path(folder)
            unpacked = unpack(file, root / "in", tick=tick, admit=admit)
            alone = unpacked.is_file()
            for member in find_files(unpacked) or _others(unpacked):
                yield FoundFile(member, unpacked, name, sole and alone)


def find_files(path: Path) -> list[Path]:
    """The file, or what may hold messages below the folder, by name; raises SourceError where there is nothing.

    Of an export in HTML only its first page stands here: opening it opens all. Files in an export's folders of media are
    left out: a document that somebody posted is no export, whatever it is called. Where Desktop wrote both forms, JSON is
    read.
    """
    if not path.exists():
        raise SourceError(f"{path}: no such file or folder.")
    if not path.is_dir():
        return [path]
    files = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in _SUFFIXES and file.is_file()]
    with_json = {file.parent for file in files if file.name == _JSON_EXPORT}
    exports = with_json | {file.parent for file in files if page_number(file.name) or file.name == _FIRST_OF_HTML}
    first_pages: dict[Path, Path] = {}
    others: list[Path] = []
    for file in files:
        number = page_number(file.name)
        if _among_media(file, exports) or file.name == _FIRST_OF_HTML:
            continue
        if number is None:
            others.append(file)
        elif with_json.isdisjoint(file.parents):
            first = first_pages.setdefault(file.parent, file)
            if number < (page_number(first.name) or 0):
                first_pages[file.parent] = file
    return sorted([*others, *first_pages.values()])


def _others(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.rglob("*")) if file.is_file()][:_OTHERS]


def _among_media(file: Path, exports: set[Path]) -> bool:
    """Whether the file lies in a folder of media of an export."""
    return any(folder.name in _MEDIA_FOLDERS and not exports.isdisjoint(folder.parents) for folder in file.parents)


def _is_packed(file: Path) -> bool:
    try:
        return form_of(file) in PACKED
    except SourceError:
        return False
