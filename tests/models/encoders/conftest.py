"""Small real models, made once a session with random weights: a BERT, and a Llama with a chat template."""

from __future__ import annotations

from pathlib import Path

import pytest

WORDS = "an are ask boil boiling cool egg how in is it long minutes of on put ten the then to water"
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' and not loop.first %}"
    "{{ raise_exception('the system speaks first') }}{% endif %}<|{{ m.role }}|> {{ m.content }} <|end|>\n{% endfor %}"
)
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "<s>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>"]


def save_tokenizer(folder: Path, around: str, **more: object) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: at for at, word in enumerate([*SPECIAL, *WORDS.split()])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    used = [(one, vocabulary[one]) for one in around.split() if one in vocabulary]
    made.post_processor = processors.TemplateProcessing(single=around, special_tokens=used)
    whole = PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]", **more)
    whole.add_special_tokens({"additional_special_tokens": SPECIAL[4:]})
    whole.save_pretrained(folder)


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reads 16 tokens."""
    torch = pytest.importorskip("torch")
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("models") / "tiny-bert"
    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=64, max_position_embeddings=16, **size)).eval().save_pretrained(folder)
    save_tokenizer(folder, "[CLS] $A [SEP]", cls_token="[CLS]", sep_token="[SEP]")
    return folder


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reads 32 tokens; a causal model, saved with its head."""
    torch = pytest.importorskip("torch")
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    torch.manual_seed(1)
    size = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    config = LlamaConfig(vocab_size=64, max_position_embeddings=32, num_key_value_heads=2, **size)
    LlamaForCausalLM(config).eval().save_pretrained(folder)
    save_tokenizer(folder, "<s> $A", bos_token="<s>", chat_template=TEMPLATE)
    return folder
