"""Adversarial runs: who moves and who is judged, classes, reproducible draws, refusals."""

import pyro
import pyro.distributions as dist
import pytest
import torch
import torch.nn.functional as F
from monte_carlo import LIMIT, off

import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.inference.adversarial import Adversarial, Judged, RealClasses
from zoo.inference.adversarial.opponents import MixedBatches, RealData
from zoo.inference.adversarial.real_classes import realness

pytestmark = pytest.mark.filterwarnings("ignore:.*(ESS|R-hat|temperature)")
PRIOR = priors.WeightPrior(priors.fan_in())
LATENT = dist.Normal(torch.zeros(2), 1.0).to_event(1)
SHORT = {"num_epochs": 4, "num_chains": 3, "init": "prior", "lr": 1e-3}
SHORT |= {"compile": False, "progress": False}


def pair(num_outputs=1, **judged):
    classes = RealClasses() if num_outputs > 1 else likelihoods.Bernoulli()
    network = networks.MLP(3, num_outputs, hidden=[5])
    judge = zoo.BayesianNetwork(network, PRIOR, classes)
    network = networks.MLP(2, 3, hidden=[5])
    return zoo.BayesianNetwork(network, PRIOR, Judged(judge, **judged)), judge


def engine(models=None, kind=inference.SGHMC, steps=1, **options):
    made, judge = models or pair()
    sides = {
        "generator": kind(made, **SHORT | options),
        "discriminator": kind(judge, **SHORT | options),
    }
    return Adversarial(**sides, latent=LATENT, steps=steps, progress=False)


def data(number=40):
    pyro.set_rng_seed(0)
    return torch.randn(number, 3)


@pytest.mark.parametrize("kind", [inference.SGHMC, inference.SGLD, inference.SGNHT])
def test_any_engine_of_batches_moves_both_sides(kind):
    x = data()
    models = pair()
    before = {k: v.clone() for k, v in models[0].network.state_dict().items()}
    found = engine(models, kind, steps=2).fit(x, 10)
    for posterior in found:
        assert (posterior.num_chains, posterior.num_samples) == (3, 6)
        moved = posterior.draws["layer1.weight"].diff(dim=1).abs().amin((-1, -2))
        assert moved.min() > 0
    assert (found.generator.info.n_steps == 8).all()  # two for each of four batches
    assert (found.discriminator.info.n_steps == 4).all()
    assert found.generator.predict(torch.randn(7, 2)).outputs.shape == (6, 7, 3)
    assert found.generator.predict(torch.randn(7, 2)).mean.shape == (7,)
    for name, value in models[0].network.state_dict().items():
        assert torch.equal(value, before[name])


def test_the_generators_are_judged_by_the_present_discriminators():
    found = engine().fit(data(), 10)
    for name, value in found.generator.model.likelihood.weights.items():
        torch.testing.assert_close(value, found.discriminator.draws[name][:, -1])


def test_one_seed_gives_one_run_and_draws_are_of_epochs_after_burn_in():
    runs = []
    for _ in range(2):
        x = data()
        torch.manual_seed(1)
        runs.append(engine(draws_per_epoch=2, burn_in=3).fit(x, 10))
    one, other = (run.generator.draws["layer2.weight"] for run in runs)
    assert one.shape == (3, 2, 3, 5)
    assert torch.equal(one, other)


def test_rows_are_judged_in_turn():
    made, judge = pair()
    draws = judge.prior_draws(2)
    likelihood = made.likelihood.by(draws, event_dim=1)
    x = torch.randn(5, 3)
    law = likelihood.distribution(x, {})
    for row in range(5):
        own = {name: value[row % 2] for name, value in draws.items()}
        expected = judge.output(own, x[row : row + 1])[0, 0]
        torch.testing.assert_close(law.logits[row], expected)
    assert likelihood.distribution(torch.stack([x, x]), {}).batch_shape == (2, 5)


def test_any_real_class_has_the_sum_of_their_probabilities():
    output = torch.randn(6, 4)
    likelihood = RealClasses()
    law = likelihood.as_observed(likelihood.distribution(output, {}))
    probs = output.softmax(-1)
    for label in range(4):
        got = law.log_prob(torch.full((6,), label)).exp()
        torch.testing.assert_close(got, probs[:, label])
    any_class = law.log_prob(torch.full((6,), 4)).exp()
    torch.testing.assert_close(any_class, 1 - probs[:, 0])
    torch.testing.assert_close(realness(output).sigmoid(), any_class)


@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_all_data_count_once_in_the_mean_over_batches_and_labels_by_weight(weight):
    pyro.set_rng_seed(0)
    x, labelled = torch.randn(40, 3), torch.randn(6, 3)
    y = torch.arange(6) % 2
    real = RealData(x, 8, (labelled, y), num_labelled=4, label_weight=weight)
    batches = MixedBatches.of(real, made=lambda number: torch.zeros(number, 3))
    _, judge = pair(3)
    values = {name: value[0] for name, value in judge.prior_draws(1).items()}

    estimates = []
    for _ in range(150):
        for inputs, targets in batches.every():
            conditioned = pyro.condition(judge, values)
            trace = pyro.poutine.trace(conditioned).get_trace(
                inputs, targets, batches.plate
            )
            trace.compute_log_prob()
            site = trace.nodes["likelihood:y"]
            estimates.append(site["log_prob_sum"].detach())
    found = torch.stack(estimates).double()[:, None]

    def log_probs(rows):
        return judge.output(values, rows).log_softmax(-1)

    seeming = F.logsigmoid(realness(judge.output(values, x))).sum()
    total = seeming + 40 * log_probs(torch.zeros(1, 3))[0, 0]
    chosen = log_probs(labelled)[torch.arange(6), y + 1].sum()
    assert off(found, (total + weight * chosen).detach().double()) < LIMIT
    assert off(found, (total + weight * 40 / 6 * chosen).detach().double()) > 2 * LIMIT


def test_few_labels_teach_discriminators_classes():
    x = data(200)
    x[:, 0] += 4 * torch.sign(x[:, 0])
    y = (x[:, 0] > 0).long()
    models = pair(3, realness=realness)
    run = engine(models, num_epochs=40, lr=0.02).fit(x, 50, labelled=(x[:8], y[:8]))
    outputs = run.discriminator.predict(x).outputs
    probs = RealClasses().given_real(outputs)
    assert (probs.argmax(-1) == y).float().mean() > 0.95


def test_what_does_not_fit_gets_a_sentence():
    made, judge = pair()
    x = data()
    with pytest.raises(ValueError, match="there are 40 real data, fewer than a batch"):
        engine().fit(x, 50)
    with pytest.raises(ValueError, match=r"write labelled=\(x, y\) with RealClasses"):
        engine(pair(3, realness=realness)).fit(x, 10)
    with pytest.raises(
        ValueError, match="label_weight must be a number above 0, not 0"
    ):
        engine().fit(x, 10, label_weight=0)
    with pytest.raises(
        ValueError, match=r"label_weight=5\.0 is of labelled data, of wh"
    ):
        engine().fit(x, 10, label_weight=5.0)
    with pytest.raises(ValueError, match="judged by another model"):
        engine((made, pair()[1]))
    with pytest.raises(
        TypeError, match=r"must be Judged\(model of the discriminator\)"
    ):
        engine((judge, judge))
    with pytest.raises(ValueError, match="thinning=2 of generator is not for chains"):
        engine(thinning=2)
    with pytest.raises(TypeError, match=r"such as inference.SGHMC\(model\), not NUTS"):
        engine(kind=lambda model, **_: inference.NUTS(model))
    sides = {"generator": inference.SGHMC(made, **SHORT | {"num_epochs": 5})}
    sides["discriminator"] = inference.SGHMC(judge, **SHORT)
    with pytest.raises(ValueError, match="have 5 and 4 epochs"):
        Adversarial(**sides, latent=LATENT)
