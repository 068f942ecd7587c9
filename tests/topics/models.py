"""Sentence models for the tests: a tiny real one that knows nothing, and a scripted one that knows what it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LETTERS = "abcdefghijklmnopqrstuvwxyzабвгдеёжзийклмнопрстуфхцчшщъыьэюя0123456789.,!?:;-'«»()"


def saved_model(folder: Path, seed: int = 0) -> Path:
    """A BertModel of two layers with random weights and a tokenizer of letters, as sentence-transformers reads it."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    tokenizer = BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=64)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@dataclass
class Scripted:
    """Gives each text the direction of the first word it holds of `directions`, else one of its own; keeps what it read."""

    directions: Mapping[str, int] = field(default_factory=dict)
    model: str = "scripted@1"
    read: list[str] = field(default_factory=list)
    width: int = 64

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """A row of length 1 for each text."""
        self.read += texts
        return np.stack([self._vector(text) for text in texts]) if texts else np.zeros((0, 0), np.float32)

    def _vector(self, text: str) -> NDArray[np.float32]:
        held = [direction for word, direction in self.directions.items() if word in text.lower()]
        at = held[0] if held else len(self.directions) + sum(text.encode()) % (self.width - len(self.directions))
        return np.eye(self.width, dtype=np.float32)[at]
