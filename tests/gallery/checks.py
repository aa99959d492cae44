"""What can be checked of a picture without eyes."""

from itertools import combinations

from matplotlib.figure import Figure, FigureBase

_LEAST = 0.02  # share of the smaller box that two texts have to share to overlap


def figure_of(drawn):
    """Return the figure of what a plot returns: a figure, an axis or several axes."""
    if isinstance(drawn, FigureBase):
        return drawn
    first = drawn[0] if isinstance(drawn, list) else drawn
    return first.figure


def faults_of(figure: Figure) -> list[str]:
    """Return what is wrong with a picture, in words; nothing if all is well."""
    figure.draw_without_rendering()
    figure.draw_without_rendering()  # because the layout of images moves in the first one
    faults = []
    for ax in _panels(figure):
        faults += _axes_without_label(ax)
        faults += _curves_of_one_shape(ax)
        faults += _wide_title(ax)
        faults += _hidden_by_legend(ax)

    return faults + _texts_on_each_other(figure) + _cut_off(figure)


def _panels(figure):
    return [ax for ax in figure.axes if ax.get_visible() and ax.axison]


def _name(ax):
    return ax.get_title() or ax.get_title(loc="left") or ax.get_xlabel() or "an axis"


def _axes_without_label(ax):
    """Find axes with numbers but without a name, on it or on one that it shares."""
    if ax.name == "3d":
        return []

    faults = []
    for side, siblings in (
        ("x", ax.get_shared_x_axes().get_siblings(ax)),
        ("y", ax.get_shared_y_axes().get_siblings(ax)),
    ):
        has_numbers = any(map(_is_number, _tick_labels(ax, side)))
        named = [getattr(each, f"get_{side}label")() for each in siblings]
        if has_numbers and not any(named):
            faults.append(f"{_name(ax)} has numbers but no {side}label")
    return faults


def _tick_labels(ax, side):
    labels = getattr(ax, f"get_{side}ticklabels")()
    return [label.get_text() for label in labels if label.get_visible()]


def _is_number(text):
    cleaned = text.replace("\N{MINUS SIGN}", "-").strip("$%")
    try:
        float(cleaned)
    except ValueError:
        return "mathdefault" in text
    return True


def _curves_of_one_shape(ax):
    """Find curves with names that only their colours tell apart."""
    shapes = {}
    for line in ax.get_lines():
        label = line.get_label() or "_"
        shape = (line.get_linestyle(), line.get_marker())
        is_seen = shape != ("None", "None") and len(line.get_xdata()) > 1
        if is_seen and not label.startswith("_"):
            shapes.setdefault(shape, {})[line.get_color()] = line.get_label()

    faults = []
    for same in shapes.values():
        if len(same) > 1:
            faults.append(f"only colours tell {sorted(same.values())} apart")
    return faults


def _wide_title(ax):
    """Find titles that are wider than the panel and reach into another one."""
    faults = []
    frame = ax.get_window_extent()
    others = [other for other in ax.figure.axes if other is not ax]
    for title in (ax.title, ax._left_title, ax._right_title):
        box = title.get_window_extent()
        is_wider = title.get_text() and box.width > 1.02 * frame.width
        if is_wider and (others or box.width > ax.figure.bbox.width):
            faults.append(f"the title {title.get_text()!r} is wider than its panel")
    return faults


def _hidden_by_legend(ax):
    """Find texts and named curves of an axis that its legend covers."""
    legend = ax.get_legend()
    if legend is None:
        return []

    box = legend.get_window_extent()
    covered = [text for text in ax.texts if _overlap(box, text.get_window_extent())]
    faults = [f"the legend covers {text.get_text()!r}" for text in covered]
    for line in ax.get_lines():
        path = line.get_path().interpolated(40).transformed(line.get_transform())
        x, y = path.vertices.T
        is_inside = (x > box.x0) & (x < box.x1) & (y > box.y0) & (y < box.y1)
        is_drawn = line.get_linestyle() != "None" and len(line.get_xdata()) > 1
        if is_drawn and is_inside.any():
            faults.append(f"the legend covers the curve {line.get_label()!r}")
    return faults


def _texts_on_each_other(figure):
    """Find texts of different panels, legends and titles that lie on each other."""
    boxes = []
    for ax in _panels(figure):
        texts = [ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label, *ax.texts]
        legend = ax.get_legend()
        if legend is not None:
            texts += legend.get_texts()
        for text in texts:
            if text.get_text() and text.get_visible():
                boxes.append((text.get_text(), text.get_window_extent()))
    for text in (figure._suptitle, figure._supxlabel):
        if text is not None and text.get_text():
            boxes.append((text.get_text(), text.get_window_extent()))

    faults = []
    for (one, box), (other, other_box) in combinations(boxes, 2):
        if _overlap(box, other_box):
            faults.append(f"{one!r} lies on {other!r}")
    return faults


def _cut_off(figure):
    """Find texts that leave the figure."""
    width, height = figure.bbox.size
    faults = []
    for ax in _panels(figure):
        for text in (ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label):
            if not text.get_text():
                continue
            box = text.get_window_extent()
            if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1:
                faults.append(f"{text.get_text()!r} leaves the figure")
    return faults


def _overlap(one, other):
    smaller = min(one.width * one.height, other.width * other.height)
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return width > 0 and height > 0 and width * height > _LEAST * smaller
