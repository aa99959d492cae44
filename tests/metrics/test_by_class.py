"""Means by class and balanced accuracy, against scikit-learn and by hand."""

import pytest
import torch
from sklearn.metrics import balanced_accuracy_score

from zoo import metrics

RANDOM = torch.Generator().manual_seed(0)
PROBS = torch.rand(50, 5, generator=RANDOM).softmax(-1)
LABELS = torch.randint(4, (50,), generator=RANDOM)  # class 4 has no data


def test_balanced_accuracy_is_that_of_scikit_learn_without_absent_classes():
    predicted = PROBS.argmax(-1)
    assert (predicted == 4).any()
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        expected = balanced_accuracy_score(LABELS, predicted)
    assert metrics.balanced_accuracy(PROBS, LABELS).item() == pytest.approx(expected)
    assert metrics.accuracy(PROBS, LABELS).item() != pytest.approx(expected, abs=1e-4)

    segmented = PROBS.reshape(5, 10, 5), LABELS.reshape(5, 10)
    assert metrics.balanced_accuracy(*segmented).item() == pytest.approx(expected)


def test_means_and_standard_errors_of_each_class():
    values = torch.randn(50, generator=RANDOM)
    found = metrics.by_class(values, LABELS, num_classes=5)
    assert found.number.tolist() == LABELS.bincount(minlength=5).tolist()
    assert found.mean[4].isnan()
    for label in range(4):
        own = values[label == LABELS]
        assert found.mean[label].item() == pytest.approx(own.mean().item(), abs=1e-6)
        error = own.std() / len(own) ** 0.5
        assert found.error[label].item() == pytest.approx(error.item(), rel=1e-5)

    assert found.balanced.item() == pytest.approx(found.mean[:4].mean().item())
    error = found.error[:4].square().sum().sqrt() / 4
    assert found.balanced_error.item() == pytest.approx(error.item())


def test_one_datum_has_a_mean_without_an_error():
    found = metrics.by_class(torch.tensor([2.0]), torch.tensor([0]))
    assert found.mean.item() == 2
    assert found.error.isnan().item()


def test_bad_input_gets_a_sentence():
    with pytest.raises(ValueError, match=r"must be class indices \(N,\) from 0"):
        metrics.by_class(torch.zeros(3), torch.tensor([0, -1, 2]))
    with pytest.raises(
        ValueError, match="y holds 3, but num_classes=2; write 4 or more"
    ):
        metrics.by_class(torch.zeros(2), torch.tensor([0, 3]), num_classes=2)
