"""Checks of the arguments of samplers: names from other libraries, leapfrog steps, devices."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import torch

_SEED = "call pyro.set_rng_seed(...) before fit"
_WARMUP = "write warmup_steps=..."
_NUM_SAMPLES = "write num_samples=..."
_NUM_CHAINS = "write num_chains=..."
_FULL_MASS = "write full_mass=True"
_TARGET = "write target_accept_prob=..."
_DEPTH = "write max_tree_depth=..."
_NUM_STEPS = "write num_steps=..."
_LENGTH = "write trajectory_length=..."
_INIT = "write init=..."
_PROGRESS = "write progress=..."
_COMPILE = "write compile=..."
_ADJUSTED = "write inference.MAMS(...), which accepts or rejects trajectories"
_PRECISION = "it has no half precision, whose errors change what it draws; omit it"

# argument of NumPyro, PyMC, Stan, BlackJAX or TensorFlow Probability -> what to write here
_REMEDIES = {
    "num_warmup": _WARMUP,
    "num_warmup_steps": _WARMUP,
    "n_warmup": _WARMUP,
    "warmup": _WARMUP,
    "iter_warmup": _WARMUP,
    "tune": _WARMUP,
    "burn_in": _WARMUP,
    "burnin": _WARMUP,
    "num_burnin_steps": _WARMUP,
    "draws": _NUM_SAMPLES,
    "num_draws": _NUM_SAMPLES,
    "n_samples": _NUM_SAMPLES,
    "samples": _NUM_SAMPLES,
    "num_results": _NUM_SAMPLES,
    "iter_sampling": _NUM_SAMPLES,
    "chains": _NUM_CHAINS,
    "n_chains": _NUM_CHAINS,
    "dense_mass": _FULL_MASS,
    "dense": _FULL_MASS,
    "target_accept": _TARGET,
    "target_acceptance": _TARGET,
    "target_acceptance_rate": _TARGET,
    "adapt_delta": _TARGET,
    "max_treedepth": _DEPTH,
    "max_depth": _DEPTH,
    "num_leapfrog": _NUM_STEPS,
    "num_leapfrog_steps": _NUM_STEPS,
    "num_integration_steps": _NUM_STEPS,
    "path_length": _LENGTH,
    "start": _INIT,
    "initvals": _INIT,
    "init_strategy": _INIT,
    "initial_params": _INIT,
    "thin": "write thinning=...",
    "seed": _SEED,
    "random_seed": _SEED,
    "rng_seed": _SEED,
    "progressbar": _PROGRESS,
    "progress_bar": _PROGRESS,
    "show_progress": _PROGRESS,
    "jit": _COMPILE,
    "jit_compile": _COMPILE,
    "precision": _PRECISION,
    "adjusted": _ADJUSTED,
}


def refuse_other_names(
    sampler: str, given: Iterable[str], fields: Collection[str]
) -> None:
    """Refuse an argument that has another name in the zoo.

    Arguments:
        sampler: Name of the sampler.
        given: Names of the arguments that a user wrote.
        fields: Names of the arguments that the sampler has.

    Raises:
        TypeError: An argument has another name; the message says what to write.
    """
    for name in given:
        if name in fields or name not in _REMEDIES:
            continue

        remedy = _REMEDIES[name]

        field = remedy.removeprefix("write ").split("=")[0]
        if remedy in (_SEED, _PRECISION, _ADJUSTED) or field in fields:
            raise TypeError(f"{sampler} has no argument {name!r}; {remedy}")


def check_num_leapfrog(name: str, value: int) -> None:
    """Refuse a number of leapfrog steps below 1."""
    if value < 1:
        raise ValueError(
            f"{name} must be a number of leapfrog steps, at least 1, not {value}"
        )


def check_dtype(dtype: torch.dtype | None) -> None:
    """Refuse half precision, in which a sampler's energies differ by more than their errors.

    Raises:
        ValueError: It is asked for; the message says what to write.
    """
    if dtype in (torch.bfloat16, torch.float16):
        raise ValueError(
            f"dtype must be torch.float32 or torch.float64, not {dtype}, in which a sampler draws "
            "from another distribution; write dtype=torch.float32"
        )


def check_device(name: str, value: str | torch.device) -> None:
    """Refuse a device that is not there, or that keeps no values.

    Raises:
        ValueError: There is no such device; the message says what to write.
    """
    try:
        kept = torch.ones(1, device=value).cpu()
        reason = "" if float(kept) == 1 else "it keeps no values"
    except (RuntimeError, NotImplementedError, AssertionError, TypeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")

    if reason:
        raise ValueError(
            f"{name} must be a device that is there, not {str(value)!r} ({reason}); "
            f"write {name}='cpu'"
        )
