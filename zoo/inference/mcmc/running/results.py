"""The posterior of a sampler's run."""

from __future__ import annotations

from torch import Tensor

from zoo.diagnostics.run_faults import warn_of_faults
from zoo.inference.mcmc.density.deterministic import deterministic_values
from zoo.inference.mcmc.running.run import ChainRun
from zoo.inference.mcmc.running.sharded_store import ShardedStore
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.function_posterior import FunctionPosterior
from zoo.posterior.program_posterior import ProgramPosterior
from zoo.posterior.sharded_posterior import ShardedPosterior
from zoo.posterior.shards import Shards
from zoo.runtime.programs import PyroProgram


def make_posterior(
    model: BayesianNetwork | PyroProgram, run: ChainRun
) -> DrawsPosterior:
    """Return the stored draws of a run as a posterior, and warn of the faults of the run.

    Arguments:
        model: The model as the user gave it.
        run: The run, which has ended.
    """
    info = run.info(run.store.info())
    warn_of_faults(run.options.sampler, info)

    if isinstance(run.store, ShardedStore) and isinstance(model, BayesianNetwork):
        shards = Shards(run.store.folder, model, stop=run.store.count)
        return ShardedPosterior(shards, state=network_state(model), info=info)

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
