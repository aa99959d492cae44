"""The posterior of a sampler's run."""

from __future__ import annotations

from torch import Tensor

from zoo.diagnostics.run_faults import warn_of_faults
from zoo.inference.mcmc.density.deterministic import deterministic_values
from zoo.inference.mcmc.running.run import ChainRun
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.function_posterior import FunctionPosterior
from zoo.posterior.info import MCMCInfo
from zoo.posterior.program_posterior import ProgramPosterior
from zoo.runtime.programs import PyroProgram


def make_posterior(
    model: BayesianNetwork | PyroProgram, run: ChainRun, target: dict[str, str]
) -> DrawsPosterior:
    """Return the stored draws of a run as a posterior, and warn of the faults of the run.

    Arguments:
        model: The model as the user gave it.
        run: The run, which has ended.
        target: What was sampled, as text by name.
    """
    info = _run_info(run, target)
    warn_of_faults(run.options.sampler, info)

    draws = run.store.draws()
    if not isinstance(model, BayesianNetwork):
        draws |= deterministic_values(run.potential.program, draws)
        return ProgramPosterior(model, draws=draws, info=info)

    state = network_state(model)

    functions = run.store.functions()
    if functions is None:
        return DrawsPosterior(model, draws=draws, state=state, info=info)

    return FunctionPosterior(
        model, functions=functions, draws=draws, state=state, info=info
    )


def network_state(model: BayesianNetwork) -> dict[str, Tensor]:
    """Return copies of the buffers and the frozen weights of a network."""
    state = {}
    for name, value in model.network.named_buffers():
        state[name] = value.detach().clone()

    return state | model.frozen()


def _run_info(run: ChainRun, target: dict[str, str]) -> MCMCInfo:
    """Return the statistics of a run."""
    stored = run.store.info()
    tempering = run.options.tempering
    kernel = run.kernel
    tracing = run.seconds_tracing
    tracing += sum(program.seconds for program in kernel.programs)

    return kernel.run_info(
        **stored.named(),
        max_tree_depth=kernel.max_tree_depth,
        bfmi=run.energies.bfmi(),
        target_accept_prob=kernel.target_accept_prob,
        step_size=kernel.step_size.cpu(),
        num_gradients=kernel.num_gradients,
        seconds_warmup=run.seconds_warmup,
        seconds=run.seconds,
        seconds_tracing=tracing,
        compiled=kernel.mode,
        temperature=tempering.whole,
        likelihood_temperature=tempering.likelihood,
        thinning=run.store.thinning,
        stopped=run.stopped,
        error=run.error,
        divergences=str(run.divergences),
        trajectory_length=kernel.trajectory_length,
        target=target,
    )
