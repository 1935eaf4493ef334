"""Words as vectors: what is looked up, what dropout drops, and who is told that it is needed."""

import pytest
import torch

from rnnzoo.embedding import WordEmbedding
from rnnzoo.model import build_model
from rnnzoo.study.file import StudyFileError
from rnnzoo.study.reading import read_plan

WORDS = torch.tensor([[[2.0], [5.0]], [[2.0], [0.0]]])  # (time, batch, 1)


def test_a_word_gets_its_vector_and_only_used_words_get_gradients():
    embedding = WordEmbedding(6, 3)
    vectors = embedding(WORDS)
    assert torch.equal(vectors[0, 0], embedding.weight[2])
    assert torch.equal(vectors[0, 0], vectors[1, 0])
    assert (vectors[1, 1] == 0).all()
    vectors.square().sum().backward()
    used = embedding.weight.grad.abs().sum(1) > 0
    assert used.tolist() == [False, False, True, False, False, True]


def test_dropout_takes_a_whole_word_wherever_it_stands():
    embedding = WordEmbedding(400, 3, dropout=0.5).train()
    words = torch.arange(2, 400).float().repeat(2).reshape(-1, 1, 1)
    first, second = embedding(words).chunk(2)
    assert torch.equal(first, second)
    kept = (first != 0).all(2).squeeze(1)
    assert 0.4 < kept.double().mean() < 0.6
    torch.testing.assert_close(first[kept, 0], 2 * embedding.weight[2:][kept])
    assert (embedding.eval()(words) != 0).all()


def test_a_model_of_words_answers_sequences_of_unlike_lengths():
    model = build_model(
        "gru", 5, input_size=1, output_size=2, readout="last", vocabulary=6, embedding={"output_size": 3}
    )
    words = torch.tensor([[[2.0], [5.0]], [[3.0], [4.0]], [[4.0], [0.0]]])
    together = model(words, torch.tensor([3, 2]))
    torch.testing.assert_close(together[1:], model(words[:2, 1:]))
    assert model.parameter_count() == 6 * 3 + sum(p.numel() for p in model.recurrent.parameters()) + 5 * 2 + 2
    grouped = [p for group in model.parameter_groups(0.1) for p in group["params"]]
    assert len(grouped) == len(list(model.parameters()))


@pytest.mark.parametrize(
    ("vocabulary", "embedding", "said"),
    [(6, None, "give an embedding"), (None, {"output_size": 3}, "leave it out"), (1, {"output_size": 3}, "at least 2")],
)
def test_words_without_vectors_and_vectors_without_words_are_refused(vocabulary, embedding, said):
    with pytest.raises(ValueError, match=said):
        build_model("gru", 5, input_size=1, output_size=2, readout="last", vocabulary=vocabulary, embedding=embedding)


STUDY = """
name = "reviews"
question = "Who is kind?"
[confirm]
seeds = [1]
steps = 3
diagnostics = ["gradients"]
[training]
batch_size = 4
lr = 0.01
[[task]]
name = "imdb"
options = { words = 30, most_steps = 12 }
[[cell]]
name = "gru"
hidden_size = 4
"""


def test_a_study_of_words_says_that_it_wants_an_embedding(tmp_path):
    path = tmp_path / "reviews.toml"
    path.write_text(STUDY)
    with pytest.raises(StudyFileError, match="embedding"):
        read_plan(path)


def test_a_study_of_words_runs(tmp_path, made_data):
    from rnnzoo.study.run import execute

    path = tmp_path / "reviews.toml"
    path.write_text(STUDY + "embedding = { output_size = 5, dropout = 0.1 }\n")
    record = execute(read_plan(path).competitors[0].confirm_config({}, 1), tmp_path / "runs")
    assert record.state == "finished", record.reason
    assert record.parameters > 32 * 5
