"""CUDA graphs: the distribution of the program, with new inputs and new draws at each call."""

import pyro
import pyro.distributions as dist
import pytest
import torch

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.tracing.traced import Traced

pytestmark = pytest.mark.gpu
X = torch.randn(16, 2, generator=torch.Generator().manual_seed(0))


def test_new_inputs_are_read_and_earlier_results_are_kept():
    weight = torch.ones(2, device="cuda")
    run = Traced(lambda x: (x @ weight, x.exp()), calls=100)
    x = X.cuda()
    results = []
    for number in range(4):
        weight.fill_(number)
        results.append((run(x * number), (x * number) @ weight))
    assert run.how == "captured"
    for (product, _), expected in results:
        torch.testing.assert_close(product, expected)
    x.zero_()  # the same tensor with other values
    before = run(x)[1]
    x.fill_(1.0)
    assert torch.equal(before, torch.ones_like(x))
    torch.testing.assert_close(run(x)[1], x.exp())


def test_every_call_draws_new_numbers_and_a_seed_repeats_them():
    def function(x):
        return (x + torch.randn_like(x),)

    answers = []
    for _ in range(2):
        run = Traced(function, compile="captured")
        torch.manual_seed(0)
        answers.append([run(torch.zeros(2000, device="cuda"))[0] for _ in range(3)])
    for one, other in zip(*answers, strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(answers[0][0], answers[0][1])
    deviation = torch.stack(answers[0]).std().item()
    assert abs(deviation - 1) < 0.06  # 6000 draws: six standard errors


def test_trials_put_back_written_tensors():
    written = torch.zeros(1, device="cuda")

    def function(x):
        written.add_(1.0)
        return (x + written,)

    run = Traced(function, compile="captured", writes=[written])
    assert run(torch.zeros(1, device="cuda"))[0].item() == 1.0
    assert run(torch.zeros(1, device="cuda"))[0].item() == 2.0


@pytest.mark.parametrize("batch_size", [None, 6])
def test_a_captured_fit_ends_at_the_loss_of_a_plain_one(batch_size):
    data = (X.cuda(), X.sum(-1, keepdim=True).cuda())
    ends = {}
    for mode in ("plain", "auto"):
        pyro.set_rng_seed(0)
        network = networks.MLP(2, 1, hidden=[5]).cuda()
        prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
        model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.2))
        engine = inference.SVI(
            model, guides.MeanField(model), num_steps=300, compile=mode, progress=False
        )
        info = engine.fit(data, batch_size=batch_size).info
        assert info.losses[-1] < info.losses[0]
        assert len(info.losses.unique()) > 290
        ends[info.compiled] = info.losses[-100:].mean().item()
    assert ends.keys() == {"plain", "captured"}
    assert ends["captured"] == pytest.approx(ends["plain"], rel=0.25)


def test_a_program_that_waits_for_the_device_runs_in_traced_mode():
    def function(x):
        return (x.cpu().exp().to(x.device),)  # a copy to the host in between

    run = Traced(function, calls=100)
    with pytest.warns(UserWarning, match="running without a CUDA graph"):
        result = run(X.cuda())[0]
    assert run.how == "traced"
    torch.testing.assert_close(result, X.cuda().exp())
