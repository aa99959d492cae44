"""A metric's name in other libraries is answered with its name here."""

import pytest

from zoo import metrics


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("ece", r"metrics.calibration_error\(probs, y\)"),
        ("expected_calibration_error", r"metrics.calibration_error\(probs, y\)"),
        ("brier_score", r"metrics.brier\(probs, y\)"),
        ("negative_log_likelihood", r"metrics.nll\(prediction.log_prob\(y\)\)"),
        ("roc_auc", r"metrics.auroc\(scores, positive\)"),
    ],
)
def test_a_wrong_name_is_answered_with_the_right_call(name, call):
    with pytest.raises(
        AttributeError, match=f"'zoo.metrics' has no attribute '{name}'; write {call}"
    ):
        getattr(metrics, name)


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(metrics, "perplexity")
