"""The extra ml with the real sentence-transformers: loading, its errors, vectors."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.topics import posts
from tests.topics.models import saved_model
from tgstudio_dagster.core.errors import SettingsError
from tgstudio_dagster.core.settings import Settings
from tgstudio_dagster.topics.embed import embed
from tgstudio_dagster.topics.sentence import DEFAULT_MODEL, SentenceEncoder, is_e5, open_encoder

TEXTS = ["Прорыв водовода остановил метро", "The metro stands still", "мост"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_model(tmp_path_factory.mktemp("models") / "tiny-e5")


def test_vectors_have_length_one_and_are_single_floats(folder: Path) -> None:
    vectors = SentenceEncoder(str(folder)).encode(TEXTS)
    assert vectors.dtype == np.float32 and vectors.shape == (3, 32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1], abs=1e-6)


def test_a_texts_vector_does_not_depend_on_the_texts_beside_it(folder: Path) -> None:
    encoder = SentenceEncoder(str(folder), "cpu")
    together = encoder.encode(TEXTS)
    assert all(np.array_equal(encoder.encode([text])[0], row) for text, row in zip(TEXTS, together, strict=True))


def test_many_at_a_time_give_the_same_but_for_the_last_digits(folder: Path) -> None:
    alone, together = (SentenceEncoder(str(folder), batch=size).encode(TEXTS) for size in (1, 3))
    assert together == pytest.approx(alone, abs=1e-5)


def test_an_e5_model_reads_its_prefix_and_another_does_not(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.symlink_to(folder)
    plain, prefixed = SentenceEncoder(str(other)), SentenceEncoder(str(folder))
    assert np.array_equal(plain.encode(["query: мост"]), prefixed.encode(["мост"]))
    assert not np.array_equal(plain.encode(["мост"]), prefixed.encode(["мост"]))


@pytest.mark.parametrize("name", [DEFAULT_MODEL, "intfloat/e5-base-v2", "deepvk/USER-e5", "/models/me5_small"])
def test_models_of_the_e5_family_are_known_by_name(name: str) -> None:
    assert is_e5(name)


@pytest.mark.parametrize("name", ["sentence-transformers/LaBSE", "acme/re5ults", "BAAI/bge-m3"])
def test_other_models_are_not_taken_for_e5(name: str) -> None:
    assert not is_e5(name)


def test_a_folders_name_goes_with_the_hash_of_its_content(folder: Path, tmp_path: Path) -> None:
    again = SentenceEncoder(str(saved_model(tmp_path / "again" / "tiny-e5", seed=1))).model
    name = SentenceEncoder(str(folder)).model
    assert name.startswith("tiny-e5@") and len(name.partition("@")[2]) == 12
    assert again.startswith("tiny-e5@") and again != name


def test_embeddings_hold_the_vectors_and_name_the_model(folder: Path) -> None:
    encoder = SentenceEncoder(str(folder))
    messages = posts.texts("Прорыв водовода остановил метро", "🔥🔥🔥", "Прорыв водовода остановил метро")
    rows = embed(messages, encoder=encoder).sort("channel_id")
    assert rows["dense_model"].to_list() == [encoder.model, None, encoder.model]
    assert rows["dense"].list.len().to_list() == [32, None, 32]
    assert rows["dense"][0].to_list() == rows["dense"][2].to_list() == encoder.encode([messages["text"][0]])[0].tolist()


def test_without_a_model_there_are_no_vectors() -> None:
    assert open_encoder(Settings(embeddings_model="lexical")) is None
    rows = embed(posts.news())
    assert rows["dense"].null_count() == rows["dense_model"].null_count() == rows.height


def test_a_days_posts_without_a_word_need_no_vector(folder: Path) -> None:
    rows = embed(posts.texts("🔥", "👍"), encoder=SentenceEncoder(str(folder)))
    assert rows["dense"].to_list() == [None, None]


def test_the_default_is_the_extras_own_model() -> None:
    encoder = open_encoder(Settings(embeddings_model="ml"))
    assert encoder is open_encoder(Settings(embeddings_model=DEFAULT_MODEL))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/no/such/folder", "there is no such folder"),
        ("./model", "there is no such folder"),
        ("a b/c", "cannot be loaded"),
    ],
)
def test_a_model_that_is_not_there_is_a_clear_error(name: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SettingsError, match=f"TGSTUDIO_EMBEDDINGS_MODEL: {name}: {said}"):
        SentenceEncoder(name).encode(["мост"])


def test_a_model_that_was_never_downloaded_is_a_clear_error_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SettingsError, match=r"acme/none@v1: cannot be loaded \(.+\)\. Check the name and the network"):
        embed(posts.news(), encoder=SentenceEncoder("acme/none@v1"))


def test_a_damaged_model_is_a_clear_error(tmp_path: Path) -> None:
    folder = saved_model(tmp_path / "broken")
    (folder / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(SettingsError, match=r"TGSTUDIO_EMBEDDINGS_MODEL: .*broken: cannot be loaded"):
        _ = SentenceEncoder(str(folder)).model


def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(SettingsError, match=r"the extra `ml` is not installed.*'\.\[ml\]'"):
        _ = SentenceEncoder(DEFAULT_MODEL).model


def test_a_gpu_that_is_not_there_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SettingsError, match=r"TGSTUDIO_EMBEDDINGS_DEVICE: cuda: .* set cpu or auto"):
        _ = SentenceEncoder(str(folder), "cuda").model


def test_a_device_without_room_names_the_batch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = SentenceEncoder(str(folder))
    assert encoder.model

    def full(*_args: object, **_options: object) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr("sentence_transformers.SentenceTransformer.encode", full)
    with pytest.raises(SettingsError, match="TGSTUDIO_EMBEDDINGS_BATCH"):
        encoder.encode(TEXTS)
