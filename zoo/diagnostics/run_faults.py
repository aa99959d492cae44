"""What the statistics of a sampler's run say against its draws, each with a remedy."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.diagnostics.mixing import bulk_ess, rank_rhat
from zoo.posterior.info import MCMCInfo
from zoo.posterior.tempering_info import TemperingInfo
from zoo.runtime.caller import stack_level

# numbers of draws per chain from which a statistic has a meaning
_MIN_DRAWS = 20
_MIN_DRAWS_BFMI = 50
_MIN_DRAWS_MIXING = 200
_MIN_DRAWS_ESS = 400

_SATURATED = 0.05  # share of draws that reach the largest depth
_MIN_BFMI = 0.3
_MAX_RHAT = (
    1.05  # of the log joint density, which fluctuates more slowly than functions
)
MIN_ESS = 100  # per chain

_REPARAMETERISE = "reparameterise, e.g. priors.Hierarchical(..., centred=False)"


def warn_of_faults(run: str, info: MCMCInfo) -> None:
    """Warn once of everything that the statistics of a run say against its draws.

    Arguments:
        run: What ran, e.g. "NUTS(4 chains, 500 + 500 draws)".
        info: Statistics of the run.
    """
    faults = run_faults(info) + density_faults(info)
    if faults:
        text = ". ".join(as_sentences(faults))
        warnings.warn(f"{run}: {text}", stacklevel=stack_level())


def run_faults(info: MCMCInfo) -> list[str]:
    """Return what is wrong with a run as sentences with a remedy; [] if nothing is.

    These are the checks of Stan that need no values of functions: divergences, saturated
    trees, energies (E-BFMI) and chains that never moved. Each needs a minimal number of
    draws.

    References:
        A Conceptual Introduction to Hamiltonian Monte Carlo (Betancourt, 2017)
        Diagnosing Biased Inference with Divergences (Betancourt, 2017)

    Arguments:
        info: Statistics of the run.
    """
    sentences = [_divergences(info)]
    if info.lp.shape[1] >= _MIN_DRAWS:
        sentences += [_saturated_trees(info), _low_energies(info), _stuck_chains(info)]
        if isinstance(info, TemperingInfo):
            sentences.append(_few_round_trips(info))

    return [sentence for sentence in sentences if sentence]


def density_faults(info: MCMCInfo) -> list[str]:
    """Return what the log joint densities of the draws say against a run, as sentences.

    R-hat is rank-normalised and split, ESS is the bulk ESS. The log joint density is
    known without evaluating any function.

    References:
        Rank-normalization, folding, and localization: An improved R-hat (Vehtari et al., 2021)

    Arguments:
        info: Statistics of the run.
    """
    num_chains, num_draws = info.lp.shape
    if num_draws < _MIN_DRAWS_MIXING or bool(_is_constant(info.lp).any()):
        return []

    rhat = rank_rhat(info.lp)
    if num_chains > 1 and rhat > _MAX_RHAT:
        return [
            f"R-hat of the log joint density is {rhat:.2f} (above {_MAX_RHAT}), so chains are "
            "in different regions; run longer chains, and ask zoo.convergence(posterior, x) "
            "whether their functions agree"
        ]

    size = bulk_ess(info.lp)
    smallest = MIN_ESS * num_chains
    if num_draws >= _MIN_DRAWS_ESS and size < smallest:
        return [
            f"the ESS of the log joint density is {size:.0f} of {num_chains} x {num_draws} draws "
            f"(below {MIN_ESS} a chain); run longer chains"
        ]

    return []


def as_sentences(faults: Sequence[str]) -> list[str]:
    """Return faults with a capital letter, so that they can follow each other."""
    return [fault[:1].upper() + fault[1:] for fault in faults]


def _divergences(info: MCMCInfo) -> str:
    """Say how many draws diverged, and where; "" if none did."""
    num_diverging = int(info.diverging.sum())
    total = info.diverging.numel()

    counted = f"{num_diverging} of {total} draws diverged" if num_diverging else ""
    text = info.divergences or counted
    if not text:
        return ""

    if num_diverging == total:
        return f"{text}; the draws are not from the posterior"
    if info.lp.shape[1] < _MIN_DRAWS:
        return ""

    return f"{text}; {_smaller_steps(info)}, or {_REPARAMETERISE}"


def _smaller_steps(info: MCMCInfo) -> str:
    """Say how to make the steps of the sampler smaller."""
    target = info.target_accept_prob
    if target is None:
        return "lower desired_energy_variance (of MCLMC) or step_factor (of MEADS)"

    return f"raise target_accept_prob above {target:g}"


def _saturated_trees(info: MCMCInfo) -> str:
    """Say how many trajectories ended at the largest depth; "" if few did."""
    reached = info.reached_max_tree_depth
    if reached is None:
        return ""

    share = float(reached.double().mean())
    if share < _SATURATED:
        return ""

    depth = info.max_tree_depth or int(info.tree_depth.max())
    num_steps = 2**depth - 1
    return (
        f"{share:.2%} of the draws reached max_tree_depth={depth} ({num_steps} leapfrog steps), "
        f"so they move less far than they should; write max_tree_depth={depth + 1} or more, "
        "warm up longer, or write full_mass=True if it is False"
    )


def _low_energies(info: MCMCInfo) -> str:
    """Say in which chains momenta hardly change the energy; "" if in none."""
    if info.bfmi is None or info.lp.shape[1] < _MIN_DRAWS_BFMI:
        return ""

    low = info.bfmi < _MIN_BFMI
    if not bool(low.any()):
        return ""

    smallest = float(info.bfmi[low].min())
    return (
        f"E-BFMI is {smallest:.2f} (below {_MIN_BFMI}) in {_chains(low)}, so the tails of the "
        f"posterior are hardly explored; warm up longer, or {_REPARAMETERISE}"
    )


def _few_round_trips(info: TemperingInfo) -> str:
    """Say that positions hardly came from the prior to the posterior; "" if they did."""
    num_chains, num_powers = info.powers.shape
    trips = int(info.round_trips.sum())
    if trips >= num_chains:
        return ""

    enough = max(math.ceil(2 * info.barrier), num_powers + 1)
    return (
        f"{trips} round trips between prior and posterior in {num_chains} chains, so modes may "
        f"have other weights than in the posterior; write num_temperatures={enough}, or run "
        f"longer chains (the barrier is {info.barrier:.1f})"
    )


def _stuck_chains(info: MCMCInfo) -> str:
    """Say which chains never moved; "" if all did."""
    stuck = _is_constant(info.lp)
    if not bool(stuck.any()):
        return ""

    acceptance = float(info.acceptance_rate.double().mean(1)[stuck].mean())
    return (
        f"{_chains(stuck)} never moved (acceptance rate {acceptance:.2g}); "
        f"warm up longer, write another init, or {_smaller_steps(info)}"
    )


def _is_constant(lp: Tensor) -> Tensor:
    """Return which chains have one value of the log density (C, S) only, (C,)."""
    return (lp == lp[:, :1]).all(1)


def _chains(chosen: Tensor) -> str:
    """Name the chains of a mask (C,), e.g. "2 of 4 chains (1, 3)"."""
    numbers = torch.nonzero(chosen).flatten().tolist()
    names = ", ".join(str(number) for number in numbers[:5])
    more = ", ..." if len(numbers) > 5 else ""

    return f"{len(numbers)} of {len(chosen)} chains ({names}{more})"
