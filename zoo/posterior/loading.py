"""Loading a posterior from its file into a model built anew."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.file_format import layout, read_posterior
from zoo.posterior.function_posterior import FunctionPosterior
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.posterior.info import LaplaceInfo, MCMCInfo, SVIInfo
from zoo.posterior.laplace_posterior import LaplacePosterior
from zoo.posterior.posterior import Posterior
from zoo.posterior.program_posterior import ProgramPosterior
from zoo.posterior.storage import unprefixed
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.programs import PyroProgram

_INFO = {kind.__name__: kind for kind in (SVIInfo, MCMCInfo, LaplaceInfo)}


def load(
    path: str | Path,
    model: BayesianNetwork | PyroProgram,
    guide: PyroProgram | None = None,
) -> Posterior:
    """Read a posterior that `Posterior.save` wrote, into a model built anew.

    Arguments:
        path: The file.
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
    header, tensors = read_posterior(Path(path))
    _check_model(path, header["tensors"], model)

    info = _read_info(header, tensors)
    family = header["guide"]
    if isinstance(model, BayesianNetwork):
        if family is None:
            return _draws_posterior(model, tensors, info)
        fresh = _check_guide(path, family, guide)
        return _guide_posterior(model, fresh, tensors, info)

    if family is not None:
        raise ValueError(
            f"{path} holds a {family} guide of a zoo.BayesianNetwork; "
            f"give zoo.load such a model, not {type(model).__name__}"
        )
    return ProgramPosterior(model, draws=unprefixed("draws/", tensors), info=info)


def _guide_posterior(
    model: BayesianNetwork,
    guide: PyroProgram,
    tensors: Mapping[str, Tensor],
    info: SVIInfo | None,
) -> GuidePosterior:
    """Return the posterior of a guide, whose parameters become those of the file."""
    scoped = ScopedGuide(guide)
    scoped.load(unprefixed("guide/", tensors))

    return GuidePosterior(
        model,
        scoped=scoped.snapshot(model),
        state=_placed("state/", tensors, model),
        info=info,
        masks=_placed("masks/", tensors, model),
    )


def _draws_posterior(
    model: BayesianNetwork, tensors: Mapping[str, Tensor], info: Any
) -> DrawsPosterior:
    """Return the posterior of a sampler, with a mode or function values if the file has them."""
    draws = _placed("draws/", tensors, model)
    state = _placed("state/", tensors, model)
    masks = _placed("masks/", tensors, model)

    centre = _placed("centre/", tensors, model)
    if centre:
        return LaplacePosterior(
            model, draws=draws, centre=centre, state=state, info=info, masks=masks
        )

    functions = _placed("functions/", tensors, model)
    if functions:
        return FunctionPosterior(
            model,
            functions=(functions["inputs"], functions["values"]),
            draws=draws,
            state=state,
            info=info,
            masks=masks,
        )

    return DrawsPosterior(model, draws=draws, state=state, info=info, masks=masks)


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


def _read_info(header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    """Return the statistics of the run; None if the file has none."""
    kind = _INFO.get(header["info"])
    if kind is None:
        return None

    fields = {**header["facts"], **unprefixed("info/", tensors)}
    return kind(**fields)


def _placed(
    prefix: str, tensors: Mapping[str, Tensor], model: BayesianNetwork
) -> dict[str, Tensor]:
    """Return the tensors with a prefix, on the device of the model."""
    device = model.first_parameter.device
    found = unprefixed(prefix, tensors)
    return {name: value.to(device) for name, value in found.items()}
