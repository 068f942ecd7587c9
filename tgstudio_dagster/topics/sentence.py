"""Dense vectors of texts by a sentence-transformers model: the extra `ml`. How they count is in blend.py.

A model is loaded when its first vector is asked for, and pinned to what was loaded: the revision of the hub that lies
in the local cache, or the content of a folder. Nothing here falls back to words: what can't be loaded is an error.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tgstudio_dagster.core.errors import FieldError
from tgstudio_dagster.core.settings import Settings

LEXICAL = "lexical"
DEFAULT = "ml"
DEFAULT_MODEL = "intfloat/multilingual-e5-small"
# On a CPU one text at a time is as quick as many (18.5 and 16 to 20 texts a CPU second with a model of this size: no
# padding), and a text's vector does not depend, in its last digits, on the texts beside it.
CPU_BATCH = 1
GPU_BATCH = 32
E5_PREFIX = "query: "
_E5 = re.compile(r"(^|[^a-z0-9])(m|multilingual)?e5([^a-z0-9]|$)")
_LOADING = Lock()

Floats = NDArray[np.float32]
Device = Literal["auto", "cpu", "cuda"]


class Encoder(Protocol):
    """What makes vectors of texts: a model of the extra, a scripted one in tests."""

    @property
    def model(self) -> str:
        """Name and revision: vectors of one model only can be compared."""
        ...

    def encode(self, texts: Sequence[str]) -> Floats:
        """A row of length 1 for each text."""
        ...


def open_encoder(settings: Settings) -> SentenceEncoder | None:
    """The encoder of the settings, one a process; None where they say `lexical`. Nothing is loaded yet."""
    if settings.embeddings_model == LEXICAL:
        return None
    name = DEFAULT_MODEL if settings.embeddings_model == DEFAULT else settings.embeddings_model
    return _encoder(name, settings.embeddings_device, settings.embeddings_batch)


@cache
def _encoder(name: str, device: Device, batch: int | None) -> SentenceEncoder:
    return SentenceEncoder(name, device, batch)


class SentenceEncoder:
    """A model by its folder or its name on the hub, with `@revision` where one is wanted.

    Every method raises SettingsError that names the variable where the model can't be loaded or used.
    """

    def __init__(self, name: str, device: Device = "auto", batch: int | None = None) -> None:
        self._name = name
        self._device = device
        self._batch = batch
        self._loaded: _LoadedModel | None = None

    @property
    def model(self) -> str:
        """`<name>@<12 hex digits>` of the hub's revision or, of a folder, of its content."""
        return self._ready().label

    def encode(self, texts: Sequence[str]) -> Floats:
        """A row of length 1 for each text. Of a text longer than the model reads, the beginning counts."""
        ready = self._ready()
        if not texts:
            return np.zeros((0, 0), np.float32)
        try:
            vectors: Floats = ready.transformer.encode(
                [ready.prefix + text for text in texts],
                batch_size=self._batch or (CPU_BATCH if ready.device == "cpu" else GPU_BATCH),
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        except RuntimeError as error:
            if "out of memory" not in str(error):
                raise
            raise FieldError(
                "TGSTUDIO_EMBEDDINGS_BATCH",
                f"the {ready.device} has no room for so many texts at once. Set a smaller number.",
            ) from error
        if not np.isfinite(vectors).all():
            raise FieldError(
                "TGSTUDIO_EMBEDDINGS_MODEL", f"{self._name}: makes vectors that are no numbers; name another."
            )
        return vectors.astype(np.float32, copy=False)

    def _ready(self) -> _LoadedModel:
        with _LOADING:
            if self._loaded is None:
                self._loaded = _load(self._name, self._device)
            return self._loaded


@dataclass(frozen=True)
class _LoadedModel:
    transformer: Any
    label: str
    prefix: str
    device: str


def _load(name: str, requested: Device) -> _LoadedModel:
    try:
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ImportError as error:
        raise FieldError(
            "TGSTUDIO_EMBEDDINGS_MODEL",
            f"{name}: the extra `ml` is not installed ({error}). "
            "Run `pip install -c constraints.txt -e '.[ml]'`, or unset it to go by words alone.",
        ) from error
    # The bar of reading weights from the disk; a download shows its own.
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    device = _device(torch, requested)
    folder = Path(name).expanduser()
    if folder.is_dir():
        transformer = _opened(SentenceTransformer, name, str(folder), device)
        return _LoadedModel(
            transformer, f"{folder.resolve().name}@{_content(folder)}", _prefix(name, transformer), device
        )
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise FieldError(
            "TGSTUDIO_EMBEDDINGS_MODEL",
            f"{name}: there is no such folder. Name a folder that holds a model, or a model.",
        )
    repository, _, revision = name.partition("@")
    commit = _cached_commit(repository, revision or "main")
    transformer = None
    if commit is not None:
        # What is here is what is used: the hub's newer revision would part today's vectors from yesterday's.
        try:
            transformer = SentenceTransformer(repository, device=device, revision=commit, local_files_only=True)
        except (OSError, ValueError):
            transformer = None  # half of it is here, from a download that was cut off: the hub has the rest
    if transformer is None:
        transformer = _opened(SentenceTransformer, name, repository, device, revision=commit or revision or None)
    cached = _cached_commit(repository, revision or "main") or "unknown"
    return _LoadedModel(transformer, f"{repository}@{cached[:12]}", _prefix(repository, transformer), device)


def _opened(kind: Any, name: str, place: str, device: str, **options: Any) -> Any:
    try:
        return kind(place, device=device, **options)
    except Exception as error:
        # Whatever the hub's client, the tokenizer or a damaged file raises: the mend is the same.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise FieldError(
            "TGSTUDIO_EMBEDDINGS_MODEL",
            f"{name}: cannot be loaded ({reason}). Check the name and the network, or name a "
            "folder that holds the model; unset it to go by words alone.",
        ) from error


def _device(torch: Any, requested: Device) -> str:
    there = torch.cuda.is_available()
    if requested == "cuda" and not there:
        raise FieldError(
            "TGSTUDIO_EMBEDDINGS_DEVICE",
            "cuda: PyTorch sees no such device here. Install its driver and PyTorch's CUDA build, or set cpu or auto.",
        )
    return "cuda" if there and requested != "cpu" else "cpu"


def _cached_commit(repository: str, revision: str) -> str | None:
    """The commit that a revision stood for when it was downloaded; None where it was not."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        path = try_to_load_from_cache(repository, "config.json", revision=revision)
    except HFValidationError:
        return None  # no name that the hub could know: loading it says so
    return Path(path).parent.name if isinstance(path, str) else None


def _prefix(name: str, transformer: Any) -> str:
    """What the model wants before a text: e5 models were trained with `query: `, others say themselves."""
    own: str | None = (transformer.prompts or {}).get("query")
    return own or (E5_PREFIX if is_e5(name) else "")


def is_e5(name: str) -> bool:
    """Whether a model is one of the e5 family, by its name."""
    return _E5.search(name.lower().rsplit("/", 1)[-1]) is not None


def _content(folder: Path) -> str:
    """The first 12 hex digits of the hash of a folder's files and their names."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")):
        digest.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while chunk := file.read(2**20):
                digest.update(chunk)
    return digest.hexdigest()[:12]
