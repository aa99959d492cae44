"""Pictures of classification: reliability, corruptions, attacks, referral, pruning, networks."""

from functools import cache

import torch
import torch.nn.functional as F

import guides
import zoo
from tests.gallery.fits import classifier, convolutional, digits, fit_to, photograph
from tests.gallery.fits import reference as shipped
from zoo import diagnostics, metrics, people, plots, pruning, stress
from zoo.command.figure import draw_fit

FAMILIES = (
    stress.gaussian_noise,
    stress.impulse_noise,
    stress.fog,
    stress.snow,
    stress.contrast,
    stress.pixelate,
)


def reliability():
    """Draw a classifier that is underconfident, with the bars of confidence above accuracy."""
    prediction = classifier("MeanField").predict(digits().test.x, 30)
    found = metrics.reliability(prediction.probs, digits().test.y)
    return plots.reliability_diagram(*found)


def overconfident():
    """Draw a classifier that is too sure of rotated digits."""
    return rotated("Delta", 1).reliability()


@cache
def rotated(name, num_samples):
    return stress.severity(
        classifier(name),
        digits(),
        stress.rotation,
        (15, 30, 45, 60, 75, 90),
        num_samples=num_samples,
        progress=False,
    )


def rotated_posterior():
    return rotated("MeanField", 10)


def severity():
    return rotated_posterior().plot()


def severities_of_three():
    scores = {}
    for name in ("MeanField", "MCDropout", "Delta"):
        found = stress.severity(
            classifier(name),
            digits(),
            stress.rotation,
            (20, 40, 60, 80),
            num_samples=1 if name == "Delta" else 10,
            progress=False,
        )
        scores[name] = found.scores
    return plots.severity(found.severities, scores, xlabel="rotation, degrees")


def severity_strip():
    return rotated_posterior().strip(3)


def two_rows_of_images():
    x, y = digits().test
    prediction = classifier("MeanField").predict(x[:14], 30)
    return plots.strip(
        x[:14],
        prediction.probs.argmax(-1),
        prediction.aleatoric + prediction.epistemic,
        prediction.epistemic,
        true=y[:14].tolist(),
        titles=[f"image {number}" for number in range(14)],
    )


def attacked():
    found = stress.fgsm(
        classifier("MeanField"), digits(), 0.15, num_samples=10, progress=False
    )
    return found.strip()


def fooled():
    found = stress.fooling(
        classifier("Delta"), digits(), num_steps=60, num_samples=1, progress=False
    )
    return found.strip()


def corruptions():
    found = stress.corruptions(
        classifier("MeanField"), digits(), FAMILIES, num_samples=10, progress=False
    )
    return found.plot()


def corruptions_of_many_scores():
    pairs = {}
    found = stress.corruptions(
        classifier("Delta"), digits(), FAMILIES, num_samples=1, progress=False
    )
    for name in ("accuracy", "nll", "ece"):
        pairs[name] = found.scores[name]
    return plots.corruptions(found.families, found.severities, pairs, clean=found.clean)


def referral():
    return stress.referral(classifier("MeanField"), digits(), num_samples=20).plot()


def referral_of_three():
    lines = {}
    for name in ("MeanField", "MCDropout", "Delta"):
        found = stress.referral(
            classifier(name), digits(), num_samples=1 if name == "Delta" else 20
        )
        lines[name] = found.scores["entropy"]["accuracy"]
    return plots.referral(found.fractions, lines)


def out_of_distribution():
    noise = torch.rand(150, 1, 8, 8)
    found = stress.out_of_distribution(
        classifier("MeanField"), digits().test.x, noise, num_samples=20
    )
    return found.plot()


def histograms_of_uncertainty():
    found = stress.out_of_distribution(
        classifier("MCDropout"),
        digits().test.x,
        1 - digits().test.x,
        num_samples=20,
    )
    return plots.out_of_distribution(found.inside, found.outside)


def pruned():
    found = pruning.curve(
        classifier("MeanField"), digits().test, num_samples=10, progress=False
    )
    return found.plot()


def pruned_by_one_rule():
    found = pruning.curve(
        classifier("MeanField"), digits().test, num_samples=10, progress=False
    )
    return plots.pruning(
        found.fractions,
        {"signal to noise": found.scores["signal to noise"]["ece"]},
        ylabel="ECE",
    )


def costs():
    x, y = digits().test
    counts = 20 * F.one_hot(y, 10) + torch.randint(3, (len(y), 10))
    prediction = classifier("Delta").predict(stress.noise(x, 0.5), 1)
    prices = [0.0, 0.02, 0.05, 0.1, 0.2, 0.4]
    return people.cost_curve(prediction, y, counts, prices).plot()


def two_policies():
    prices = torch.linspace(0, 0.4, 9)
    alone = torch.full_like(prices, 0.16)
    asking = 0.05 + prices
    costs = {
        "machine alone": alone,
        "person alone": asking,
        "entropy": torch.minimum(alone, asking) - 0.01,
        "expected cost": torch.minimum(alone, asking) - 0.025,
        "at best": 0.02 + 0.16 * prices,
    }
    return plots.cost_curve(prices, costs)


def network():
    posterior = convolutional()
    draws = posterior.sample(50)
    weights = {name: (value.mean(0), value.std(0)) for name, value in draws.items()}
    image = digits().test.x[:1]
    probs = posterior.predict(image, 50).functions[:, 0]
    return plots.network(weights, image=image[0], probs=probs)


def filters():
    """Draw the weights of a layer at the start and after the fit, with those of a plain one."""
    posterior = classifier("MeanField")
    name = "1.layer1.weight"
    draws = posterior.sample(200)[name]
    plain = classifier("Delta").means()[name]
    first = 0.1 * torch.randn_like(plain)
    bayesian = {
        "first step": (first, torch.full_like(first, 0.3)),
        "step 100": (0.5 * draws.mean(0), 0.2 + 0.5 * draws.std(0)),
        "step 300": (draws.mean(0), draws.std(0)),
    }
    frequentist = {"first step": first, "step 100": 0.5 * plain, "step 300": plain}
    return plots.filters(bayesian, frequentist)


def filters_of_one():
    draws = classifier("MeanField").sample(200)["1.layer1.weight"]
    return plots.filters({"step 300": (draws.mean(0), draws.std(0))})


def forgetting():
    return plots.forgetting(_matrices(5))


def forgetting_ten_tasks():
    return plots.forgetting({"VCL": _matrices(10)["VCL"][:1]})


def _matrices(number):
    """Return accuracies of two methods with three seeds, which lose what is long ago."""
    torch.manual_seed(0)
    since = torch.arange(number)[:, None] - torch.arange(number)
    found = {}
    for name, loss in (("fine-tuning", 0.09), ("VCL", 0.02), ("coreset", 0.015)):
        mean = torch.where(since >= 0, 0.98 - loss * since, torch.nan)
        found[name] = mean + 0.01 * torch.randn(3, number, number)
    return found


def pixels():
    """Draw two parts of a photograph as if they were segmented into sky, roof and wall."""
    torch.manual_seed(0)
    images = torch.stack([photograph()[:, :64, :64], photograph()[:, 64:, 64:]])
    light = images.mean(1)
    labels = torch.bucketize(light, torch.tensor([0.3, 0.55]))
    blurred = F.avg_pool2d(light[:, None], 5, 1, 2)[:, 0]
    centres = torch.tensor([0.2, 0.45, 0.75])[:, None, None, None]
    away = (blurred - centres + 0.05 * torch.randn(20, 3, 2, 64, 64)).square()
    probs = (-80 * away).softmax(1)
    mean = probs.mean(0)
    total = -(mean * mean.log()).sum(0)
    aleatoric = -(probs * probs.clamp_min(1e-9).log()).sum(1).mean(0)
    return plots.pixels(
        images,
        labels,
        mean.argmax(0),
        total,
        (total - aleatoric).clamp_min(0),
        classes=("roof", "wall", "sky"),
    )


def card_of_classes():
    reference = shipped("digits-mlp")
    return zoo.fidelity(fit_to("digits-mlp", guides.MeanField), reference).plot()


def extrapolation_of_classes():
    x = digits().train.x[:200]
    return diagnostics.extrapolation(classifier("MeanField"), x, num_samples=50).plot()


def fit_of_classes():
    posterior = classifier("MeanField")
    return draw_fit(posterior, posterior.predict(digits().test.x, 30), digits())


PICTURES = {
    "reliability_diagram": reliability,
    "Severity.reliability": overconfident,
    "Severity.plot": severity,
    "severity": severities_of_three,
    "Severity.strip": severity_strip,
    "strip": two_rows_of_images,
    "Attack.strip": attacked,
    "Fooling.strip": fooled,
    "Corruptions.plot": corruptions,
    "corruptions": corruptions_of_many_scores,
    "Referral.plot": referral,
    "referral": referral_of_three,
    "OutOfDistribution.plot": out_of_distribution,
    "out_of_distribution": histograms_of_uncertainty,
    "Curves.plot": pruned,
    "pruning": pruned_by_one_rule,
    "CostCurve.plot": costs,
    "cost_curve": two_policies,
    "network": network,
    "filters": filters,
    "filters/one": filters_of_one,
    "forgetting": forgetting,
    "forgetting/ten tasks": forgetting_ten_tasks,
    "pixels": pixels,
    "card": card_of_classes,
    "extrapolation/classes": extrapolation_of_classes,
    "zoo fit/classes": fit_of_classes,
}
