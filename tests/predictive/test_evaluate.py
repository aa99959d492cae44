"""Networks over many draws: chunks change no result, bound memory, and share computations."""

import cases
import pyro.distributions as dist
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import zoo
from zoo import likelihoods, networks, priors
from zoo.predictive import chunks, evaluate
from zoo.predictive.chunks import chunk_sizes, even
from zoo.predictive.drawing import draw_sites
from zoo.predictive.evaluate import evaluate_draws
from zoo.runtime.modes import evaluation_mode

Normal = dist.Normal
FROZEN = priors.last_layer(Normal(0.0, 1.0), otherwise=priors.Frozen())


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    # the size of a chunk depends on the number of threads
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)


def drawn(model, num_samples):
    shapes = {name: prior.shape() for name, prior in model.latents.items()}
    return draw_sites(model, num_samples, shapes)


def build(network, prior):
    return zoo.BayesianNetwork(network, prior, likelihoods.Categorical())


class Biggest(TorchDispatchMode):
    """Find the biggest tensor that an operation allocates."""

    def __init__(self):
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor):
            before = {
                arg.untyped_storage().data_ptr()
                for arg in args
                if isinstance(arg, torch.Tensor)
            }
            if out.untyped_storage().data_ptr() not in before:
                self.numel = max(self.numel, out.numel())
        return out


@pytest.mark.parametrize("network", cases.NETWORKS)
@pytest.mark.parametrize(
    "prior", ["WeightPrior", "last_layer+Frozen", "NodePrior", "NodePrior+WeightPrior"]
)
def test_chunks_of_any_size_give_the_outputs_of_single_draws(
    network, prior, monkeypatch
):
    model = cases.model(network, prior, "Categorical").double()
    x = cases.data(network, "Categorical")[0].double()
    draws = drawn(model, 9)
    with torch.no_grad(), evaluation_mode(model.network):
        expected = torch.stack(
            [model.output({n: v[i] for n, v in draws.items()}, x) for i in range(9)]
        )
    seen = set()
    for cached in (1, 2**10, 2**14, 2**24):
        monkeypatch.setattr(chunks, "CACHED", cached)
        seen.add(chunk_sizes(model, draws, {}, x))
        found = evaluate_draws(model, draws, {}, x)
        assert found.dtype == torch.float64
        assert torch.allclose(found, expected, rtol=1e-10, atol=1e-12), (
            (found - expected).abs().max()
        )
        assert torch.equal(found, evaluate_draws(model, draws, {}, x))
    assert {(1, 1), (len(x), 9)} <= seen
    turned = {name: value.flip(0) for name, value in draws.items()}
    assert not torch.allclose(evaluate_draws(model, turned, {}, x), expected)


WIDE = {
    "weights": (
        networks.MLP(64, 10, hidden=[64]),
        priors.WeightPrior(Normal(0.0, 1.0)),
        (64,),
    ),
    "nodes": (
        networks.MLP(64, 10, hidden=[64]),
        priors.NodePrior(Normal(1.0, 0.3)),
        (64,),
    ),
    "last layer": (networks.ResNet(8), priors.WeightPrior(FROZEN), (3, 32, 32)),
    "images": (networks.LeNet5(10), priors.WeightPrior(Normal(0.0, 1.0)), (1, 28, 28)),
}


@pytest.mark.parametrize("name", WIDE)
def test_a_chunk_is_not_bigger_than_the_cache(name, monkeypatch):
    network, prior, shape = WIDE[name]
    model, x = build(network, prior), torch.randn(30, *shape)
    draws = drawn(model, 60)
    monkeypatch.setattr(chunks, "CACHED", 2**16)
    with Biggest() as bounded:
        evaluate_draws(model, draws, {}, x)
    monkeypatch.setattr(chunks, "CACHED", 2**24)
    with Biggest() as free:
        evaluate_draws(model, draws, {}, x)
    assert bounded.numel <= 2**16
    assert free.numel > 2**16


def test_features_that_draws_share_are_computed_once(monkeypatch):
    model = build(networks.ResNet(8), priors.WeightPrior(FROZEN))
    calls = []
    model.network.conv1.register_forward_hook(lambda *_: calls.append(1))
    draws = drawn(model, 50)
    evaluate_draws(model, draws, {}, torch.randn(20, 3, 32, 32))
    assert len(calls) == 2  # one for the sizes, one for the features
    monkeypatch.setattr(chunks, "CACHED", 4 * 16 * 32 * 32)  # four images
    evaluate_draws(model, draws, {}, torch.randn(20, 3, 32, 32))
    assert len(calls) == 2 + 1 + 5


def test_on_a_cpu_a_chunk_is_one_draw_if_its_images_fill_the_cache(monkeypatch):
    model = build(networks.LeNet5(10), priors.WeightPrior(Normal(0.0, 1.0)))
    draws = drawn(model, 200)
    assert chunk_sizes(model, draws, {}, torch.zeros(1000, 1, 28, 28)) == (334, 1)
    assert chunk_sizes(model, draws, {}, torch.zeros(2, 1, 28, 28)) == (2, 29)
    images = torch.zeros(1000, 1, 28, 28)
    # linearised draws share the pass at the centre
    assert chunk_sizes(model, draws, {}, images, linearised=True) == (53, 6)
    # each thread has a cache of its own
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert chunk_sizes(model, draws, {}, torch.zeros(1000, 1, 28, 28)) == (500, 1)


def test_on_a_cpu_a_chunk_is_many_draws_of_a_small_network():
    model = build(
        networks.MLP(13, 2, hidden=[50]), priors.WeightPrior(Normal(0.0, 1.0))
    )
    assert chunk_sizes(model, drawn(model, 200), {}, torch.zeros(500, 13)) == (500, 67)


def test_on_other_devices_a_chunk_is_several_draws():
    model = build(networks.LeNet5(10), priors.WeightPrior(Normal(0.0, 1.0)))
    draws = {name: value.to("meta") for name, value in drawn(model, 200).items()}
    images = torch.zeros(1000, 1, 28, 28, device="meta")
    assert chunk_sizes(model.to("meta"), draws, {}, images) == (1000, 3)


@torch.inference_mode()
def test_chunks_have_the_same_size_in_inference_mode():
    model = build(networks.LeNet5(10), priors.WeightPrior(Normal(0.0, 1.0)))
    draws, x = drawn(model, 30), torch.zeros(20, 1, 28, 28)
    with torch.inference_mode(False):
        cloned = {name: value.clone() for name, value in draws.items()}
        sizes = chunk_sizes(model, cloned, {}, x.clone())
    assert chunk_sizes(model, draws, {}, x) == sizes == (20, 10)
    assert evaluate_draws(model, draws, {}, x).shape == (30, 20, 10)


@pytest.mark.parametrize(
    ("total", "most", "size"),
    [(1000, 445, 334), (1000, 1000, 1000), (7, 3, 3), (5, 0, 1), (5, 9, 5)],
)
def test_parts_have_even_sizes(total, most, size):
    assert even(total, most) == size


@pytest.mark.parametrize(
    ("patience", "progress", "shows"),
    [(0.0, True, True), (60.0, True, False), (0.0, False, False)],
)
def test_only_long_predictions_show_a_bar(
    monkeypatch, capsys, patience, progress, shows
):
    monkeypatch.setattr(evaluate, "_PATIENCE", patience)
    model = build(networks.MLP(3, 2, hidden=[4]), priors.WeightPrior(Normal(0.0, 1.0)))
    evaluate_draws(model, drawn(model, 5), {}, torch.zeros(4, 3), progress=progress)
    assert ("predicting: 20/20" in capsys.readouterr().err) == shows
