"""Functions: draws from a prior or a posterior over functions, a thin curve for each."""

from __future__ import annotations

from matplotlib.axes import Axes
from torch import Tensor

from zoo.plots.canvas import COLORS, as_array, axis, draw_observed, name_axes
from zoo.plots.legends import legend_inside


def functions(
    x: Tensor,
    draws: Tensor,
    *,
    num_functions: int = 30,
    observed: tuple[Tensor, Tensor] | None = None,
    label: str | None = None,
    color: str = COLORS[0],
    xlabel: str = "x",
    ylabel: str = "f(x)",
    ax: Axes | None = None,
) -> Axes:
    r"""Draw functions of one input from a prior or a posterior.

    .. math:: f(\cdot \,; z_s), \qquad z_s \sim p(z) \;\text{or}\; p(z \mid y)

    `predictive_band` shows the distribution at each input by itself. Curves also show
    how the values at different inputs depend on each other. A new figure has a legend; on
    an axis of yours, `ax.legend()` writes it.

    Arguments:
        x: Inputs on the horizontal axis, in increasing order, (N,).
        draws: Draws of the function at each input, (S, N), e.g.
            `model.prior_predictive(x[:, None]).outputs[..., 0]`.
        num_functions: Largest number of curves; the first draws are taken.
        observed: Data to draw as points, x and y, each (N',).
        label: Name for a legend; by default the number of draws.
        color: Any colour of matplotlib.
        xlabel: The name of the input, with its unit, unless the axis has one.
        ylabel: The name of the values, with their unit, unless the axis has one.
        ax: Axis to draw on; by default that of a new figure.

    Raises:
        ValueError: Shapes that do not fit, or fewer than one curve.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> x, draws = torch.linspace(-1, 1, 20), torch.randn(50, 20)
        >>> ax = plots.functions(x, draws, num_functions=10, ax=Figure().add_subplot())
        >>> len(ax.lines)
        10
    """
    inputs = as_array(x, "x", "N")
    values = as_array(draws, "draws", f"S, {len(inputs)}")
    if num_functions < 1:
        raise ValueError(
            f"num_functions must be a number of curves, at least 1, not {num_functions}"
        )

    is_new = ax is None
    ax = axis(ax)
    shown = values[:num_functions].T
    curves = ax.plot(inputs, shown, color=color, linewidth=1, alpha=0.5)
    draws_in_words = "1 draw" if len(curves) == 1 else f"{len(curves)} draws"
    curves[0].set_label(draws_in_words if label is None else label)
    if observed is not None:
        draw_observed(ax, observed)

    name_axes(ax, xlabel, ylabel)
    if is_new or ax.get_legend() is not None:
        legend_inside(ax)

    ax.margins(x=0)
    return ax
