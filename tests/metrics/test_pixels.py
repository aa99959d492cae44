"""Scores of pixels: torchmetrics' numbers, parts of the data, void, referral and borders."""

import sys

import pytest
import torch

from zoo import metrics
from zoo.runtime.torchvision_shim import load_torchmetrics

VOID = 4


@pytest.fixture
def maps():
    torch.manual_seed(0)
    probs = torch.randn(5, 6, 7, 4).softmax(-1)
    y = torch.where(torch.rand(5, 6, 7) < 0.5, probs.argmax(-1), 0)
    y[:, 0] = VOID
    return probs, y


def functional():
    load_torchmetrics()
    from torchmetrics.functional import classification

    return classification


@pytest.mark.parametrize("at_once", [50, 2**20])
def test_scores_are_those_of_torchmetrics(maps, monkeypatch, at_once):
    module = sys.modules["zoo.metrics.confusion"]
    monkeypatch.setattr(module, "_AT_ONCE", at_once)
    probs, y = maps
    first = probs.movedim(-1, 1)
    options = {"num_classes": 4, "ignore_index": VOID}
    theirs = functional()
    for ours, other in [
        (metrics.confusion, theirs.multiclass_confusion_matrix),
        (metrics.mean_iou, theirs.multiclass_jaccard_index),
        (metrics.balanced_accuracy, theirs.multiclass_accuracy),
    ]:
        found = ours(probs, y, ignore_index=VOID)
        torch.testing.assert_close(found, other(first, y, **options).to(found))

    found = metrics.calibration_error(probs, y, bins=10, ignore_index=VOID)
    expected = theirs.multiclass_calibration_error(first, y, n_bins=10, **options)
    torch.testing.assert_close(found, expected)
    kept = y != VOID
    torch.testing.assert_close(
        metrics.calibration_error(probs[kept], y[kept], 10), found
    )
    with_void = metrics.calibration_error(probs, y.clamp_max(3), bins=10)
    assert abs(with_void - found) > 0.01


def test_iou_is_of_all_images_together():
    probs = torch.eye(2)[torch.tensor([[0, 0], [0, 1]])]
    y = torch.tensor([[0, 0], [1, 1]])
    assert metrics.mean_iou(probs, y) == pytest.approx((2 / 3 + 1 / 2) / 2)
    each = [metrics.mean_iou(p, labels) for p, labels in zip(probs, y, strict=True)]
    assert torch.stack(each).mean() == pytest.approx(0.625)  # which is another number


def test_pixels_that_are_referred_are_the_uncertain_ones(maps):
    probs, y = maps
    entropy = torch.special.entr(probs).sum(-1)
    wrong = (probs.argmax(-1) != y).double()
    found = metrics.mean_iou_of_kept(probs, y, wrong, [0.0, 0.6], ignore_index=VOID)
    assert found[0] == metrics.mean_iou(probs, y, ignore_index=VOID)
    assert found[1] == 1.0
    in_order = entropy[y != VOID].sort().values
    kept = (y != VOID) & (entropy <= in_order[104])  # 105 of 175
    found = metrics.mean_iou_of_kept(probs, y, entropy, [0.4], ignore_index=VOID)
    torch.testing.assert_close(found[0], metrics.mean_iou(probs[kept], y[kept]))
    with pytest.raises(ValueError, match=r"at least 0 and below 1, .* not 1"):
        metrics.mean_iou_of_kept(probs, y, entropy, [1.0])
    with pytest.raises(ValueError, match="write one uncertainty for each label"):
        metrics.mean_iou_of_kept(probs, y, entropy[0], [0.0])


def test_the_border_profile_is_that_of_distances():
    labels = torch.zeros(2, 8, 8, dtype=torch.int64)
    labels[0, :, 4:] = 1  # columns 3 and 4 are the border
    values = torch.tensor([3.0, 2, 1, 0, 0, 1, 2, 3]).expand(2, 8, 8)
    found = metrics.border_profile(values, labels, most=4)
    assert found.mean[:4].tolist() == [0, 1, 2, 3]
    assert found.mean[4].isnan()  # and the second image has no border
    assert found.count.tolist() == [16, 16, 16, 16, 0]

    labels[0, :, 4] = VOID  # no class: no border to it, and none of its pixels count
    found = metrics.border_profile(values, labels, ignore_index=VOID)
    assert found.count.sum() == 0
    with pytest.raises(ValueError, match=r"write \(N, H, W\) for both"):
        metrics.border_profile(values[0], labels[0])


def test_void_alone_gets_a_sentence(maps):
    probs, y = maps
    void = torch.full_like(y, VOID)
    for score in (
        metrics.mean_iou,
        metrics.balanced_accuracy,
        metrics.calibration_error,
    ):
        with pytest.raises(ValueError, match="all labels are 4, which are left out"):
            score(probs, void, ignore_index=VOID)
