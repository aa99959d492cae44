"""The same function of a ReLU network by weights of other scales."""

from __future__ import annotations

from zoo.landscape.points.ends import model_of
from zoo.landscape.units.hidden_units import hidden_units
from zoo.landscape.units.permuted import is_one_function, network_values
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.posterior import Posterior
from zoo.runtime.rows import Rows


def rescaled(a: Posterior, factor: float, x: Rows) -> DrawsPosterior:
    r"""Multiply the first layer of a network by a factor, and divide the second by it.

    .. math:: W_2 \, \text{relu}(W_1 x + b_1) =
        \tfrac1c W_2 \, \text{relu}(c W_1 x + c b_1), \quad c > 0

    The function, its training loss and its errors are the same. The curvature of the loss is
    not, nor is the density of the prior. With batch normalisation its weight and bias are
    multiplied.

    References:
        Sharp Minima Can Generalize For Deep Nets (Dinh, Pascanu, Bengio, Bengio, 2017)

    Arguments:
        a: A posterior, which stands for its mean.
        factor: The factor c, above 0.
        x: Some inputs, at which it is checked that the function is the same.

    Returns:
        A posterior with one draw, the other weights.

    Raises:
        ValueError: A network whose units cannot be followed, or whose activation depends on the
            scale, such as tanh.

    Example:
        >>> network = nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 1))
        >>> model = zoo.BayesianNetwork(network, model.prior, model.likelihood)
        >>> fit = inference.SVI(model, guides.Delta(model), num_steps=5, progress=False).fit(data)
        >>> other = landscape.rescaled(fit, 10.0, data.train.x)
        >>> straight = landscape.line(fit, other, data, num_points=2)
        >>> torch.allclose(*straight.loss, rtol=1e-3), bool(straight.prior.diff() > 0)
        (True, True)
    """
    if not factor > 0:
        raise ValueError(f"factor must be above 0, not {factor}; write 10.0")

    model = model_of([a])
    hidden = hidden_units(model, x)[0]
    *own, following = [axis.name for axis in hidden.axes]
    last, _, _ = own[-1].rpartition(".")  # the layer, or its normalisation

    old = network_values(a, model)
    new = dict(old)
    new[following] = old[following] / factor
    for name in (f"{last}.weight", f"{last}.bias"):
        if name in old:
            new[name] = old[name] * factor

    if not is_one_function(model, old, new, x):
        raise ValueError(
            "rescaled needs an activation f with f(c x) = c f(x), but another scale of "
            f"{last} changes the function of {type(model.network).__name__}; write nn.ReLU()"
        )

    draws = {name: new[name][None, None] for name in model.latents}
    state = dict(a.state) | {n: v for n, v in new.items() if n not in draws}

    return DrawsPosterior(model, draws=draws, state=state, info=None)
