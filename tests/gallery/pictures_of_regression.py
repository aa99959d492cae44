"""Pictures of regression: bands, functions, sites, training, cards and comparisons."""

import pyro
import pyro.distributions as dist
import torch

import guides
import zoo
from tests.gallery.fits import compared, fit_to, photograph, reference
from zoo import diagnostics, landscape, likelihoods, metrics, networks, plots
from zoo.command.figure import draw_fit
from zoo.plots.canvas import COLORS
from zoo.priors import WeightPrior

LINE = torch.linspace(-1.5, 1.5, 120)


def observed():
    x, y = reference("sinusoid").data.train
    return x[:, 0], y[:, 0]


def functions_of(family, num_samples=200):
    posterior = fit_to("sinusoid", family)
    return posterior.predict(LINE[:, None], num_samples).functions[..., 0]


def band():
    functions = functions_of(guides.FullRank)
    return plots.predictive_band(LINE, draws=functions, observed=observed())


def band_of_moments():
    prediction = fit_to("sinusoid", guides.FullRank).predict(LINE[:, None], 200)
    mean, std = prediction.mean[:, 0], prediction.std[:, 0]
    return plots.predictive_band(
        LINE, mean, std, levels=[0.9], observed=observed(), label="FullRank"
    )


def bands_of_two():
    ax = plots.predictive_band(LINE, draws=functions_of(guides.FullRank), label="full")
    return plots.predictive_band(
        LINE,
        draws=functions_of(guides.MeanField),
        observed=observed(),
        label="mean field",
        color=COLORS[1],
        linestyle="--",
        ax=ax,
    )


def prior_functions():
    model = reference("sinusoid").model
    draws = model.prior_predictive(LINE[:, None]).outputs[..., 0]
    return plots.functions(LINE, draws, label="draws of the prior")


def posterior_functions():
    functions = functions_of(guides.FullRank)
    return plots.functions(LINE, functions, observed=observed())


def training_curve():
    losses = fit_to("sinusoid", guides.MeanField).info.losses
    return plots.training_curve(losses)


def site_of(entries=None):
    posterior = fit_to("sinusoid", guides.MeanField)
    name = "layer1.weight"
    draws = posterior.sample(400)[name]
    prior = posterior.model.latents[name]
    return plots.site_posterior(draws, prior, name=name, entries=entries)


def all_entries():
    return site_of()


def three_entries():
    return site_of([(0, 0), (1, 0), (2, 0)])


def card_of_one_input():
    return zoo.fidelity(
        fit_to("sinusoid", guides.MeanField), reference("sinusoid")
    ).plot()


def card_of_many_inputs():
    name = "concrete-50"
    posterior = fit_to(name, guides.MeanField, 150)
    return zoo.fidelity(posterior, reference(name)).plot()


def comparison_of_draws():
    """Compare two guides, of which one leaves the picture."""
    bands = {
        "MeanField": functions_of(guides.MeanField),
        "Delta times 9": 9 * functions_of(guides.Delta, 1).expand(2, -1),
    }
    return plots.comparison(
        LINE,
        functions_of(guides.FullRank),
        bands,
        {"Delta times 9": 1.1, "MeanField": 2.0},
        {"Delta times 9": 0.9, "MeanField": 0.1},
        0.08,
        observed=observed(),
    )


def comparison():
    return compared().plot()


def guides_and_seconds():
    cards = compared().fidelities
    scores = [card.wasserstein for card in cards.values()]
    seconds = [compared().posteriors[name].info.seconds for name in cards]
    floor = cards["Delta"].floor["wasserstein"]
    ylabel = "Wasserstein-1 distance, sd of the reference"
    return plots.fidelity(list(cards), seconds, scores, floor, ylabel=ylabel)


def far_from_the_data():
    x = reference("sinusoid").data.train.x
    found = {}
    for name, family in (
        ("FullRank", guides.FullRank),
        ("MeanField", guides.MeanField),
    ):
        found[name] = diagnostics.extrapolation(fit_to("sinusoid", family), x)
    epistemic = {name: each.epistemic for name, each in found.items()}
    return plots.extrapolation(
        found["FullRank"].factors, epistemic, found["FullRank"].prior
    )


def extrapolation():
    x = reference("sinusoid").data.train.x
    return diagnostics.extrapolation(fit_to("sinusoid", guides.MeanField), x).plot()


def ranks():
    """Draw ranks of seven quantities, of which one has draws that are too narrow."""
    pyro.set_rng_seed(0)
    names = [f"f(x{number})" for number in range(5)]
    found = {name: torch.randint(100, (200,)) for name in (*names, "log likelihood")}
    wide = torch.distributions.Beta(0.6, 0.6).sample([200])
    found["noise"] = (100 * wide).long().clamp_max(99)
    return diagnostics.ranks.Ranks(found, 99).plot()


def ranks_without_band():
    return plots.ranks({"f(x)": torch.randint(100, (200,))}, 99)


def sparsification():
    """Draw what is left of errors that two uncertainties know in part."""
    pyro.set_rng_seed(0)
    std = torch.rand(4000).square() + 0.02
    error = std * torch.randn(4000)
    noisy = std * torch.randn(4000).exp()
    known = {
        "dropout": metrics.sparsification(error, noisy),
        "ensemble": metrics.sparsification(error, std),
    }
    errors = {name: curve.error for name, curve in known.items()}
    first = known["dropout"]
    return plots.sparsification(first.fractions, errors, first.oracle)


def super_resolution():
    luminance = 16 + 219 * photograph().mean(0)
    low = torch.nn.functional.avg_pool2d(luminance[None], 4)[0]
    bicubic = torch.nn.functional.interpolate(
        low[None, None], scale_factor=4, mode="bicubic"
    )[0, 0]
    mean = 0.7 * bicubic + 0.3 * luminance
    std = 2 + 0.5 * (bicubic - mean).abs()
    return plots.super_resolution(low, bicubic, mean, std, luminance)


def linear_updates():
    pyro.set_rng_seed(0)
    x = 4 * torch.rand(20, 1) - 2
    y = 0.8 * x - 0.5 + 0.5 * torch.randn(20, 1)
    prior = WeightPrior(dist.Normal(0.0, 1.0))
    network = networks.MLP(1, 1, hidden=[])
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.5))
    return landscape.linear_updates(model, (x, y)).plot(3, truth=[0.8, -0.5])


def fit_of_one_input():
    posterior = fit_to("sinusoid", guides.MeanField)
    data = reference("sinusoid").data
    return draw_fit(posterior, posterior.predict(data.test.x, 100), data)


def fit_of_a_table():
    posterior = fit_to("concrete-50", guides.MeanField, 150)
    data = reference("concrete-50").data
    return draw_fit(posterior, posterior.predict(data.test.x, 100), data)


PICTURES = {
    "predictive_band": band,
    "predictive_band/moments": band_of_moments,
    "predictive_band/two": bands_of_two,
    "functions/prior": prior_functions,
    "functions": posterior_functions,
    "training_curve": training_curve,
    "site_posterior": all_entries,
    "site_posterior/histograms": three_entries,
    "card/one input": card_of_one_input,
    "Fidelity.plot": card_of_many_inputs,
    "comparison": comparison_of_draws,
    "Comparison.plot": comparison,
    "fidelity": guides_and_seconds,
    "extrapolation": far_from_the_data,
    "Extrapolation.plot": extrapolation,
    "Ranks.plot": ranks,
    "ranks": ranks_without_band,
    "sparsification": sparsification,
    "super_resolution": super_resolution,
    "LinearUpdates.plot": linear_updates,
    "zoo fit/one input": fit_of_one_input,
    "zoo fit/table": fit_of_a_table,
}
