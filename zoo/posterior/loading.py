"""Loading a posterior from its file into a model built anew."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from zoo.model import BayesianNetwork
from zoo.posterior.contents import Contents
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.file_checks import check_draws, check_finite, check_names
from zoo.posterior.file_format import layout, read_posterior
from zoo.posterior.function_posterior import FunctionPosterior
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.posterior.info import SVIInfo
from zoo.posterior.info_in_file import read_info
from zoo.posterior.laplace_posterior import LaplacePosterior
from zoo.posterior.model_in_file import warn_of_another_model
from zoo.posterior.posterior import Posterior
from zoo.posterior.program_posterior import ProgramPosterior
from zoo.posterior.sharded_posterior import ShardedPosterior
from zoo.posterior.shards import ABOUT, STATE, Shards
from zoo.posterior.storage import prefixed, read_part, unprefixed
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.programs import PyroProgram


def load(
    path: str | Path,
    model: BayesianNetwork | PyroProgram,
    guide: PyroProgram | None = None,
) -> Posterior:
    """Read a posterior that `Posterior.save` wrote, into a model built anew.

    The folder of a sampler's `checkpoint` can be read while its run goes on. Its draws stay
    in the folder, and memory holds one shard of them at a time; see `ShardedPosterior`.

    Arguments:
        path: The file, or the folder of a run.
        model: A model with the sites of the one that was fitted; a Pyro model that is
            not the zoo's cannot be checked.
        guide: For a posterior by variational inference, a fresh guide of the same
            family and arguments; its parameters are set.

    Raises:
        ValueError: The file is truncated or foreign, or model or guide do not fit; the
            sentence says which.

    Example:
        >>> posterior.save(folder / "posterior.safetensors")
        >>> guide = guides.MeanField(model)
        >>> again = zoo.load(folder / "posterior.safetensors", model, guide=guide)
    """
    path = Path(path)
    if path.is_dir():
        return _sharded_posterior(path, model)

    header, tensors = read_posterior(path)
    _check_model(path, header["tensors"], model)

    info = read_info(path, header, tensors)
    family = header["guide"]
    if isinstance(model, BayesianNetwork):
        warn_of_another_model(path, header.get("model", {}), model)
        contents = Contents(path, tensors, model)
        if family is None:
            return _draws_posterior(contents, info)
        fresh = _check_guide(path, family, guide)
        return _guide_posterior(contents, fresh, info)

    if family is not None:
        raise ValueError(
            f"{path} holds a {family} guide of a zoo.BayesianNetwork; "
            f"give zoo.load such a model, not {type(model).__name__}"
        )

    draws = unprefixed("draws/", tensors)
    _check_program(path, header["tensors"], draws)
    return ProgramPosterior(model, draws=draws, info=info)


def _sharded_posterior(
    folder: Path, model: BayesianNetwork | PyroProgram
) -> ShardedPosterior:
    """Return the draws that the folder of a run has now."""
    about = folder / ABOUT
    if not about.is_file() or not isinstance(model, BayesianNetwork):
        raise ValueError(
            f"{folder} must be the folder of a sampler's checkpoint, and the model a "
            "zoo.BayesianNetwork; give such a folder, or the file of posterior.save"
        )

    header, tensors = read_posterior(about)
    _check_model(about, header["tensors"], model)
    warn_of_another_model(about, header.get("model", {}), model)
    shards = Shards(folder, model)
    of_run, of_chains = read_part(folder / STATE, "run", "info/")
    statistics = prefixed("info/", shards.statistics())
    info = read_info(folder / STATE, of_run["info"], {**of_chains, **statistics})
    state = Contents(about, tensors, model).state()

    return ShardedPosterior(shards, state=state, info=info)


def _guide_posterior(
    contents: Contents, guide: PyroProgram, info: SVIInfo | None
) -> GuidePosterior:
    """Return the posterior of a guide, whose parameters become those of the file."""
    state, masks = contents.state(), contents.masks()
    scoped = ScopedGuide(guide)
    contents.fill(scoped)

    model = contents.model
    return GuidePosterior(
        model, scoped=scoped.snapshot(model), state=state, info=info, masks=masks
    )


def _draws_posterior(contents: Contents, info: Any) -> DrawsPosterior:
    """Return the posterior of a sampler, with a mode or function values if the file has them."""
    model = contents.model
    parts: dict[str, Any] = {
        "draws": contents.draws(),
        "state": contents.state(),
        "masks": contents.masks(),
        "info": info,
    }

    centre = contents.centre()
    if centre:
        mean = contents.mean() or None
        scale = contents.scale()
        return LaplacePosterior(model, centre=centre, mean=mean, scale=scale, **parts)

    functions = contents.functions()
    if functions is not None:
        return FunctionPosterior(model, functions=functions, **parts)

    return DrawsPosterior(model, **parts)


def _check_model(
    path: str | Path,
    stored: Mapping[str, str],
    model: BayesianNetwork | PyroProgram,
) -> None:
    """Refuse a model whose tensors are not those of the file."""
    own = layout(model) or stored
    names = sorted(stored.keys() | own.keys())
    different = [name for name in names if stored.get(name) != own.get(name)]
    if not different:
        return

    parts = []
    for name in different:
        in_file = stored.get(name, "none")
        in_model = own.get(name, "none")
        parts.append(f"{name} (file {in_file}, model {in_model})")

    differences = ", ".join(parts)
    raise ValueError(
        f"{path} holds the posterior of another model: they differ at {differences}; "
        "build the model of the file"
    )


def _check_guide(
    path: str | Path, family: str, guide: PyroProgram | None
) -> PyroProgram:
    """Return the guide, or refuse one of another family than the file's."""
    given = "None" if guide is None else type(guide).__name__
    if guide is None or given != family:
        raise ValueError(
            f"{path} holds a {family} guide; give zoo.load guide={family}(model), not {given}"
        )

    return guide


def _check_program(
    path: str | Path, stored: Mapping[str, str], draws: Mapping[str, Tensor]
) -> None:
    """Refuse draws of a Pyro program that are not those of the sites in the header."""
    what = "draws of site"
    check_names(path, what, draws, stored)
    check_draws(path, draws, {name: value.shape[2:] for name, value in draws.items()})
    check_finite(path, what, draws, {})

    for name, value in draws.items():
        if stored[name] != f"random {tuple(value.shape[2:])}":
            raise ValueError(
                f"{path}: the draws of site {name!r} have shape {tuple(value.shape)}, but its "
                f"header says {stored[name]}; the file was changed"
            )
