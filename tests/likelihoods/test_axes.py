"""The dimension of the classes: as in torch, last, found from the data, or asked for."""

import math
import warnings

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import nn
from torch.nn.functional import cross_entropy

import guides
import zoo
from zoo import inference, likelihoods, priors
from zoo.predictive import Prediction

PRIOR = priors.WeightPrior(dist.Normal(0.0, 1.0))


def segmentation(likelihood, classes=3):
    """Return a model whose outputs have the order of torch, (N, C, H, W)."""
    return zoo.BayesianNetwork(nn.Conv2d(1, classes, 1), PRIOR, likelihood)


def svi(model, **options):
    options = {"num_steps": 2, "progress": False, **options}
    return inference.SVI(model, guides.MeanField(model), **options)


X = torch.randn(6, 1, 4, 5)
Y = torch.randint(3, (6, 4, 5))


@pytest.mark.parametrize(
    "likelihood",
    [
        likelihoods.Categorical(),
        likelihoods.Categorical(dim=1),
        likelihoods.Categorical(dim=-3),
    ],
    ids=["found", "dim=1", "dim=-3"],
)
@pytest.mark.parametrize("how", ["traced", "plain"])
def test_segmentation_in_the_order_of_torch(likelihood, how):
    model = segmentation(likelihood)
    posterior = svi(model, compile=how).fit((X, Y), batch_size=3)
    prediction = posterior.predict(X, num_samples=4)
    logits = prediction.outputs  # (S, N, C, H, W)
    assert logits.shape == (4, 6, 3, 4, 5)

    each = torch.stack([-cross_entropy(one, Y, reduction="none") for one in logits])
    expected = each.sum((-1, -2)).logsumexp(0) - math.log(4)
    assert torch.allclose(prediction.log_prob(Y), expected, atol=1e-4)

    probs = logits.softmax(2).mean(0).movedim(1, -1)  # (N, H, W, C)
    assert torch.allclose(prediction.probs, probs, atol=1e-6)
    assert torch.allclose(prediction.mean, probs, atol=1e-6)
    entropy = torch.special.entr(probs).sum(-1)
    assert torch.allclose(prediction.entropy, entropy, atol=1e-5)
    total = prediction.epistemic + prediction.aleatoric
    assert torch.allclose(total, entropy, atol=1e-5)
    assert prediction.functions.shape == (4, 6, 4, 5, 3)
    assert prediction.samples().shape == (4, *Y.shape)
    assert prediction.first(2).probs.shape == (2, 4, 5, 3)

    accuracy = zoo.metrics.accuracy(prediction.probs, Y)
    assert torch.allclose(accuracy, (probs.argmax(-1) == Y).float().mean())


def test_the_log_density_is_that_of_torch():
    likelihood = likelihoods.Categorical(dim=1)
    logits = torch.randn(6, 3, 4, 5)
    trace = poutine.trace(likelihood.observe).get_trace(logits, Y, {})
    expected = -cross_entropy(logits, Y, reduction="sum")
    assert torch.allclose(trace.log_prob_sum(), expected, rtol=1e-5)


def test_the_likelihood_of_the_user_stays_as_it_is():
    likelihood = likelihoods.Categorical()
    model = segmentation(likelihood)
    svi(model).fit((X, Y))
    assert likelihood.dim is None
    assert repr(model.likelihood) == "Categorical(dim=1)"


def test_doubt_is_asked_for_and_not_guessed():
    x, y = torch.randn(6, 1, 3, 3), torch.randint(3, (6, 3, 3))
    sentence = r"write Categorical\(dim=1\) or Categorical\(dim=-1\)"
    with pytest.raises(ValueError, match=sentence):
        svi(segmentation(likelihoods.Categorical())).fit((x, y))
    first = svi(segmentation(likelihoods.Categorical(dim=1))).fit((x, y))
    last = svi(segmentation(likelihoods.Categorical(dim=-1))).fit((x, y))
    for posterior, dim in ((first, 1), (last, -1)):
        prediction = posterior.predict(x, num_samples=1)
        right = prediction.outputs[0].softmax(dim).movedim(dim, -1)
        assert torch.allclose(prediction.probs, right, atol=1e-6)


def test_sequences_have_the_classes_last():
    x, y = torch.randn(8, 5, 2), torch.randint(3, (8, 5))
    model = zoo.BayesianNetwork(nn.Linear(2, 3), PRIOR, likelihoods.Categorical())
    prediction = svi(model).fit((x, y)).predict(x, num_samples=2)
    assert prediction.probs.shape == (8, 5, 3)
    assert prediction.entropy.shape == (8, 5)
    assert prediction.log_prob(y).shape == (8,)


def test_without_labels_the_last_dimension_is_taken_with_a_warning():
    model = segmentation(likelihoods.Categorical())
    with pytest.warns(UserWarning, match=r"takes the last dimension .*\(6, 3, 4, 5\)"):
        _ = model.prior_predictive(X, num_samples=2).probs
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        said = segmentation(likelihoods.Categorical(dim=1))
        assert said.prior_predictive(X, num_samples=2).probs.shape == (6, 4, 5, 3)


def test_a_checkpoint_and_a_file_know_the_dimension(tmp_path):
    def engine():
        pyro.set_rng_seed(0)
        model = segmentation(likelihoods.Categorical())
        return svi(model, checkpoint=tmp_path / "run.pt")

    first = engine().fit((X, Y))
    posterior = engine().fit((X, Y))  # of the checkpoint
    assert torch.equal(first.info.losses, posterior.info.losses)
    posterior.save(tmp_path / "posterior.safetensors")
    said = segmentation(likelihoods.Categorical(dim=1))
    guide = guides.MeanField(said)
    loaded = zoo.load(tmp_path / "posterior.safetensors", said, guide=guide)
    assert loaded.predict(X, num_samples=2).probs.shape == (6, 4, 5, 3)


REFUSED = {
    "the data": (
        lambda: likelihoods.Categorical(dim=0),
        "dim=0 is the dimension of the",
    ),
    "no such dimension": (
        lambda: Prediction(likelihoods.Categorical(dim=3), torch.zeros(2, 4, 3)).probs,
        r"have no classes in dimension 3; write Categorical\(dim=...\) .* 1 and 1",
    ),
    "turned images": (
        lambda: likelihoods.Categorical(dim=1).check(torch.zeros(6, 3, 4, 5), Y.mT),
        r"needs \(6, 4, 5\); write y.permute\(0, 2, 1\)$",
    ),
    "as many, elsewhere": (
        lambda: likelihoods.Categorical(dim=1).check(
            torch.zeros(6, 3, 4, 5), Y.reshape(6, 2, 10)
        ),
        "; permute the dimensions of y, or those of the network's output$",
    ),
    "flat images": (
        lambda: likelihoods.Categorical(dim=1).check(
            torch.zeros(6, 3, 4, 5), Y.flatten(1)
        ),
        "; permute the dimensions of y, or those of the network's output$",
    ),
    "images of one channel": (
        lambda: likelihoods.Categorical().check(
            torch.zeros(6, 3, 4, 5), Y.unsqueeze(1)
        ),
        r"must be \(6, 4, 5\), .* as in torch, .*; write y.reshape\(\(6, 4, 5\)\)$",
    ),
    "labels of another size": (
        lambda: likelihoods.Categorical().check(torch.zeros(6, 3, 4, 5), Y[:, :2]),
        r"labels have shape \(6, 2, 5\), .* or \(6, 3, 4\), if they are last$",
    ),
    "a column": (
        lambda: likelihoods.Categorical().check(
            torch.zeros(6, 3), torch.zeros(6, 1).long()
        ),
        r"needs \(6,\); write y.reshape\(\(6,\)\)$",
    ),
    "a row": (
        lambda: likelihoods.Gaussian(1.0).check(torch.zeros(6, 1), torch.zeros(6)),
        r"needs \(6, 1\); write y.reshape\(\(6, 1\)\)$",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_no_message_advises_what_scrambles_labels(name):
    make, sentence = REFUSED[name]
    with pytest.raises(ValueError, match=sentence):
        make()


ONE_HOT = torch.eye(3).repeat(2, 1)
LOGITS = torch.zeros(6, 3)
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])
WRONG_LABELS = {
    "one-hot": (LOGITS, ONE_HOT, r"as one-hot labels do, .*; write y.argmax\(-1\)"),
    "one-hot integers": (LOGITS, ONE_HOT.long(), r"write y.argmax\(-1\)"),
    "one-hot images": (
        torch.zeros(6, 3, 4, 5),
        nn.functional.one_hot(Y, 3).movedim(-1, 1),
        r"write y.argmax\(1\)",
    ),
    "floats": (LOGITS, LABELS.float(), "labels must be integers, .* write y.long"),
    "booleans": (LOGITS, LABELS.bool(), "labels must be integers, .*not torch.bool"),
    "from one": (LOGITS, LABELS + 1, r"class indices 0 .. 2; .* so write y - 1"),
    "void": (
        LOGITS,
        LABELS.index_fill(0, torch.tensor([4]), 255),
        r"target 4 is 255, .* to leave 255 out, write Categorical\(ignore_index=255\)",
    ),
    "more classes": (LOGITS, 2 * LABELS + 1, "build the network with 6 outputs"),
    "a label to ignore, which counts": (
        LOGITS,
        LABELS.index_fill(0, torch.tensor([1]), -100),
        "target 1 is -100, outside the support",
    ),
}


@pytest.mark.parametrize("name", WRONG_LABELS)
def test_labels_that_are_no_class_indices_get_a_sentence(name):
    output, labels, sentence = WRONG_LABELS[name]
    ignore_index = None if "counts" in name else -100
    dim = 1 if output.dim() == 4 else None
    likelihood = likelihoods.Categorical(dim=dim, ignore_index=ignore_index)
    with pytest.raises(ValueError, match=sentence):
        likelihood.check(output, labels)


def test_a_label_of_one_byte_is_not_taken_for_the_one_to_ignore():
    labels = torch.tensor([156, 0, 1], dtype=torch.uint8)  # -100 modulo 256
    assert likelihoods.Categorical().is_observed(labels).all()
    ignored = likelihoods.Categorical(ignore_index=255)
    assert repr(ignored) == "Categorical(ignore_index=255)"
    ignored.check(torch.zeros(3, 200), labels.index_fill(0, torch.tensor([2]), 255))


WRONG_TARGETS = {
    "complex": (
        likelihoods.Gaussian(1.0),
        torch.tensor([[1.0 + 1.0j]]),
        r"the targets are complex; write torch.view_as_real\(y\)",
    ),
    "no batch": (
        likelihoods.From(lambda f: dist.Normal(f.sum(), 1.0)),
        torch.zeros(2, 1),
        r"Normal under From.* has batch shape \(\), which must begin with .*, 2",
    ),
    "one output for two classes": (
        likelihoods.Categorical(),
        torch.tensor([0, 1]),
        "because the network has 1 output; .* use likelihoods.Bernoulli",
    ),
    "an infinity": (
        likelihoods.From(lambda f: dist.Gamma(2.0, f.exp())),
        torch.tensor([[math.inf]]),
        "NaN or infinite values, the first in row 0; remove or impute them$",
    ),
    "fractional counts": (
        likelihoods.From(lambda f: dist.Poisson(f.exp())),
        torch.tensor([[1.5]]),
        "values in the support of Poisson, which are whole numbers",
    ),
    "negative counts": (
        likelihoods.From(lambda f: dist.Poisson(f.exp())),
        torch.tensor([[-1.0]]),
        "target 0 is .* values in the support of Poisson$",
    ),
    "one and two": (
        likelihoods.Bernoulli(),
        torch.tensor([[1], [2]]),
        "zeros and ones; write y - 1",
    ),
    "signs": (
        likelihoods.Bernoulli(),
        torch.tensor([[-1.0], [1.0]]),
        r"zeros and ones; write \(y \+ 1\) / 2",
    ),
    "probabilities": (
        likelihoods.Bernoulli(),
        torch.tensor([[0.3], [1.0]]),
        "must be zeros and ones$",
    ),
}


@pytest.mark.parametrize("name", WRONG_TARGETS)
def test_targets_outside_the_support_get_a_sentence(name):
    likelihood, y, sentence = WRONG_TARGETS[name]
    with pytest.raises(ValueError, match=sentence):
        likelihood.check(torch.zeros(len(y), 1), y)


def test_labels_and_outputs_of_another_kind_get_a_sentence():
    with pytest.raises(ValueError, match=r"has 2 outputs, .* Bernoulli\(\) one for"):
        likelihoods.Bernoulli().check(torch.zeros(6, 2), torch.zeros(6))
    one_hot = likelihoods.From(lambda f: dist.Categorical(logits=f))
    with pytest.raises(ValueError, match=r"write y.argmax\(-1\)"):
        one_hot.check(LOGITS, ONE_HOT)
    with pytest.raises(
        TypeError, match=r"a distribution of pyro.distributions, not Ten"
    ):
        likelihoods.From(lambda f: f).check(LOGITS, LOGITS)


@pytest.mark.parametrize("dtype", [torch.int64, torch.float64, torch.uint8])
def test_targets_of_another_dtype_are_the_same_targets(dtype):
    y = torch.tensor([[1], [2], [4]])
    output = torch.zeros(3, 1)
    likelihood = likelihoods.Gaussian(1.0)
    likelihood.check(output, y.to(dtype))
    traces = [
        poutine.trace(likelihood.observe).get_trace(output, value, {})
        for value in (y.to(dtype), y.float())
    ]
    assert torch.equal(traces[0].log_prob_sum(), traces[1].log_prob_sum())
