"""A network of several heads gives each row the output of its task's head."""

import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, networks, priors

NORMAL = dist.Normal(0.0, 1.0)


def built(num_heads=3):
    heads = [nn.Linear(5, 2) for _ in range(num_heads)]
    return networks.MultiHead(nn.Sequential(nn.Linear(4, 5), nn.ReLU()), heads)


def test_each_row_has_the_output_of_its_own_head():
    network = built()
    x, tasks = torch.randn(6, 4), torch.tensor([0, 2, 1, 1, 0, 2])
    outputs = network(x, tasks)
    for row, task in enumerate(tasks.tolist()):
        alone = network.heads[task](network.body(x[row]))
        torch.testing.assert_close(outputs[row], alone)
        torch.testing.assert_close(network.of(task)(x)[row], alone)


def test_the_network_of_one_task_shares_its_tensors():
    network = built()
    assert network.of(1).body is network.body
    assert list(network.of(1).state_dict()) == list(network.state_dict())


def test_a_missing_task_is_refused_with_a_sentence():
    with pytest.raises(ValueError, match=r"write the pair \(x, task\)"):
        built()(torch.zeros(2, 4))
    with pytest.raises(ValueError, match="task must be a number from 0 to 2"):
        built().of(3)
    with pytest.raises(ValueError, match="at least one head"):
        networks.MultiHead(nn.Identity(), [])


@pytest.mark.parametrize("family", [guides.LocalReparam, guides.MeanField])
def test_a_new_head_joins_the_posterior_of_the_tasks_before(family):
    network = built(1)
    x, y = torch.randn(20, 4), torch.randint(2, (20,))
    rule = NORMAL
    posterior = None
    for task in range(2):
        model = zoo.BayesianNetwork(
            network, priors.WeightPrior(rule), likelihoods.Categorical()
        )
        guide = family(model)
        if posterior is not None:
            guide.load_state_dict(posterior.guide.state_dict(), strict=False)
        data = ((x, torch.full((20,), task)), y)
        posterior = inference.SVI(model, guide, num_steps=30, progress=False).fit(data)
        rule = priors.previous(posterior, otherwise=NORMAL)
        mean = posterior.network()
        network = networks.MultiHead(mean.body, [*mean.heads, nn.Linear(5, 2)])

    before, after = rule, posterior.distributions()
    assert model.latents["heads.1.weight"].mean.abs().max() == 0
    assert model.latents["heads.0.weight"].mean.abs().max() > 0
    moved = after["heads.0.weight"].mean - model.latents["heads.0.weight"].mean
    scale = model.latents["heads.0.weight"].base_dist.scale
    assert (moved.abs() < 0.01 * scale).all()  # the old head has no new data
    assert repr(before).startswith("previous(GuidePosterior")
