"""Functions: draws from a prior or a posterior along a line, a thin curve each."""

from matplotlib.axes import Axes
from torch import Tensor

from zoo.plots.canvas import COLORS, axis, numbers


def functions(
    line: Tensor,
    draws: Tensor,
    *,
    num_functions: int = 30,
    observed: tuple[Tensor, Tensor] | None = None,
    label: str | None = None,
    color: str = COLORS[0],
    ax: Axes | None = None,
) -> Axes:
    r"""Draw functions along a line: what a prior believes before any data, or what a posterior has left of it.

    .. math:: f(\cdot \,; z_s), \qquad z_s \sim p(z) \;\text{or}\; p(z \mid y)

    Where `predictive_band` shows what holds at each point by itself, curves show how
    points hang together.

    Arguments:
        line: Positions along the line, in increasing order, (N,).
        draws: Draws of the function at each position, (S, N):
            `model.prior_predictive(line[:, None]).outputs[..., 0]`.
        num_functions: Most curves to draw; the first so many draws are taken.
        observed: Data to lay on top, x and y, each (N',).
        label: Name for a legend.
        color: Any colour of matplotlib.
        ax: Axis to draw on; a new figure without it.

    Raises:
        ValueError: Shapes that do not fit; fewer than one curve.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> line = torch.linspace(-1, 1, 20)
        >>> ax = plots.functions(line, torch.randn(50, 20), num_functions=10, ax=Figure().add_subplot())
        >>> len(ax.lines)
        10
    """
    line = numbers(line, "line", "N")
    draws = numbers(draws, "draws", f"S, {len(line)}")
    if num_functions < 1:
        raise ValueError(
            f"num_functions is a number of curves, at least 1, not {num_functions}."
        )

    ax = axis(ax)
    curves = ax.plot(line, draws[:num_functions].T, color=color, linewidth=1, alpha=0.5)
    curves[0].set_label(label)
    if observed is not None:
        x = numbers(observed[0], "observed x", "N")
        y = numbers(observed[1], "observed y", f"{len(x)}")
        ax.plot(x, y, ".", color="black", markersize=4, zorder=3)
    ax.margins(x=0)
    return ax
