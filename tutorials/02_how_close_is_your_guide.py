# %% [markdown]
# # How close is your guide?
#
# *A variational posterior always looks plausible. How would you know that it is wrong?*
# By holding it beside the posterior itself. For small networks that is known: two
# samplers of different kind have run until they agreed, and what they found ships with
# the package. A fit is compared with it in function space, where permuted hidden units
# are one and the same network. S draws, N inputs, C chains.

# %%
import os

import matplotlib.pyplot as plt
import pyro
import torch

import guides
import zoo
from zoo import inference, plots, references
from zoo.diagnostics import contraction, extrapolation, k_hat, sbc

SMOKE = "SMOKE" in os.environ  # shortens the loops, changes nothing else
STEPS, SIMULATIONS = (50, 3) if SMOKE else (3000, 100)
pyro.set_rng_seed(0)

reference = references.load(references.sinusoid)
model, data = reference.model, reference.data
print(reference)

# %% [markdown]
# ## Why should you believe the reference? Because of its evidence. R-hat compares the
# chains of a run with each other, and in the last row those of both runs, two
# algorithms that have nothing in common but the posterior. The last columns are the
# floor: what one chain scores against all others. No fit can be seen to be closer than
# that.

# %%
print(reference.table)

# %% [markdown]
# ## Four guides All are fitted to the same data with the same budget. `Delta` is an
# ordinary network; `MeanField` knows no correlations, `FullRank` knows all of them, and
# a mixture knows that there is more than one mode.

# %%
families = {
    "Delta": guides.Delta(model),
    "MeanField": guides.MeanField(model),
    "FullRank": guides.FullRank(model),
    "Mixture": guides.Mixture(
        model, make=guides.MeanField, num_components=4, init_spread=0.5
    ),
}
comparison = zoo.compare(model, families, reference, num_steps=STEPS, progress=False)
print(comparison)

# %% [markdown]
# ## Reading a card To the left the central 90 % of guide and truth, in the middle their
# spread at every input, to the right what each score lacks beside what the truth's own
# chains lack. The title is the verdict.

# %%
for name, card in comparison.fidelities.items():
    print(f"{name:10s} {card.verdict}")
comparison.fidelities["MeanField"].plot().savefig("mean_field_card.png")

# %% [markdown]
# Two scores can disagree, and that is information. A spread that is right on average
# may be too wide among the data and too narrow away from them: `spread_factor` sees
# that, `spread_ratio` does not. A predictive that fits held-out data as well as the
# truth's may have the doubt away from the data all wrong: held-out data do not lie
# there.

# %% [markdown]
# ## What needs no reference, and what it does not see Pareto k asks whether the guide's
# draws could be reweighted to the posterior. It sees only where the guide goes: a guide
# in one of many modes can have a small k. Contraction says which weights have learned
# something at all.

# %%
posterior = comparison.posteriors["MeanField"]
print(
    f"Pareto k of MeanField: {k_hat(posterior, data.train):.2f}, and below 0.7 would be good"
)
print(contraction(posterior))

# %% [markdown]
# ## Far from the data There the data say nothing, and what a posterior believes comes
# from its prior. A guide that is sure out there is overconfident. How sure is too sure?
# Less than the truth is, which is not as unsure as the prior.

# %%
sides = comparison.posteriors | {"truth": reference.weight_posterior}
far = {name: extrapolation(side, data.train.x) for name, side in sides.items()}
for name, found in far.items():
    print(
        f"{name:10s} {found.ratios[0]:5.0%} of the prior's doubt among the data, {found.ratios[-1]:4.0%} far away"
    )
plots.extrapolation(
    far["truth"].factors,
    {name: found.epistemic for name, found in far.items()},
    far["truth"].prior,
)
plt.show()

# %% [markdown]
# ## When there is no reference: calibrate the engine If the truth is drawn from the
# prior and the data from the truth, its rank among draws of the posterior is uniform. A
# fit that is too narrow puts the truth at the ends too often. That is a statement on
# engine and guide together, on your model, without knowing any posterior. Here it is
# linear regression, so that a fit takes a moment.

# %%
linear = references.linear()
x = linear.data.train.x


def fit(simulated):
    guide = guides.MeanField(linear.model)
    engine = inference.SVI(
        linear.model,
        guide,
        num_steps=STEPS // 10,
        lr=5e-2,
        compile="traced",
        progress=False,
    )
    return engine.fit(simulated)


ranks = sbc(linear.model, fit, x, num_simulations=SIMULATIONS, progress=False)
print(ranks)
ranks.plot()
plt.show()

# %% [markdown]
# ## Your own draws Anything that gives function values at the reference's inputs can be
# scored, from whatever library they come: a tensor (S, N, O) will do.

# %%
values = posterior.predict(
    reference.inputs, num_samples=200
).functions + 0.1 * torch.randn(())
print(repr(zoo.fidelity(values, reference)))

# %% [markdown]
# ## What would make this result wrong
# - The reference is that of one model. Another prior, another width, another split have another posterior; the file
#   knows which it belongs to, and refuses to load into anything else.
# - Samplers that agree can be wrong together, if both stay in the same modes. The evidence says how many chains there
#   were and where they began; it cannot say what none of them has seen.
# - A guide is evaluated after a fit. One that has not converged is scored for its optimiser: look at
#   `posterior.info.losses` before blaming the family.
# - The Monte-Carlo error of a score counts the draws on both sides, not another seed of the fit. Fit again with another
#   seed before telling two guides apart by less than that changes.
