"""CUDA graphs: equal to the program in law, new data seen, new draws at each call, parameters where they were."""

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


def test_new_inputs_are_seen_and_earlier_results_stay():
    weight = torch.ones(2, device="cuda")
    run = Traced(lambda x: (x @ weight, x.exp()), calls=100)
    x, results = X.cuda(), []
    for number in range(4):
        weight.fill_(number)
        results.append((run(x * number), (x * number) @ weight))
    assert run.how == "captured"
    for (product, _), expected in results:
        torch.testing.assert_close(product, expected)
    x.zero_()  # the same tensor with other numbers
    before = run(x)[1]
    x.fill_(1.0)
    assert torch.equal(before, torch.ones_like(x))
    torch.testing.assert_close(run(x)[1], x.exp())


def test_every_call_draws_afresh_and_a_seed_gives_one_answer():
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
    assert (
        abs(torch.stack(answers[0]).std().item() - 1) < 0.06
    )  # 6600 draws: six standard errors


def test_the_trials_leave_what_is_written_alone():
    written = torch.zeros(1, device="cuda")

    def function(x):
        written.add_(1.0)
        return (x + written,)

    run = Traced(function, compile="captured", writes=[written])
    assert run(torch.zeros(1, device="cuda"))[0].item() == 1.0
    assert run(torch.zeros(1, device="cuda"))[0].item() == 2.0


@pytest.mark.parametrize("batch_size", [None, 6])
def test_a_fit_comes_to_where_a_plain_one_comes(batch_size):
    data, ends = (X.cuda(), X.sum(-1, keepdim=True).cuda()), {}
    for way in ("plain", "auto"):
        pyro.set_rng_seed(0)
        network = networks.MLP(2, 1, hidden=[5]).cuda()
        prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
        model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.2))
        engine = inference.SVI(
            model, guides.MeanField(model), num_steps=300, compile=way, progress=False
        )
        info = engine.fit(data, batch_size=batch_size).info
        assert info.losses[-1] < info.losses[0]
        assert len(info.losses.unique()) > 290
        ends[info.compiled] = info.losses[-100:].mean().item()
    assert ends.keys() == {"plain", "captured"}
    assert ends["captured"] == pytest.approx(ends["plain"], rel=0.25)


def test_what_waits_for_the_device_runs_as_a_graph_of_operations():
    def function(x):
        return (x.cpu().exp().to(x.device),)  # a copy to the host in between

    run = Traced(function, calls=100)
    with pytest.warns(UserWarning, match="running without a CUDA graph"):
        result = run(X.cuda())[0]
    assert run.how == "traced"
    torch.testing.assert_close(result, X.cuda().exp())
