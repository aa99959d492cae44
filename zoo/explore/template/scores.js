// The table of scores: value, Monte-Carlo error, floor, and the score along the run.

const SCORES = {
  mean_error: ["mean error", "distance of the means, in the truth's standard deviations", 0],
  spread_ratio: ["spread ratio", "standard deviation, divided by the truth's", 1],
  wasserstein: ["Wasserstein", "distance of the distributions, in the truth's standard deviations", 0],
  epistemic_away: ["epistemic, away", "uncertainty away from the data, divided by the truth's", 1],
  agreement: ["agreement", "share of inputs with the truth's class", 1],
  total_variation: ["total variation", "distance of the class probabilities", 0],
  log_likelihood_gap: ["log-likelihood gap", "what the truth gains on test data, nats per datum", 0],
  accuracy: ["accuracy", "share of test images that are right", null],
  nll: ["NLL", "negative log likelihood, nats per test image", null],
  ece: ["ECE", "calibration error of the top class", null],
};
const GRAPH = { width: 112, height: 34 };

/** Make a table with a row for each score. */
function scoreTable(names, caption, hasFloor) {
  const body = element("tbody");
  const rows = names.map((name) => {
    const [title, meaning] = SCORES[name];
    const value = element("td", { class: "value", "data-score": name });
    const rest = element("td", { class: "quiet" });
    const graph = element("td", { class: "graph" });
    const head = element("th", { scope: "row" }, title, element("small", {}, meaning));
    body.append(element("tr", {}, head, value, ...(hasFloor ? [rest] : []), graph));
    return { name, value, rest, graph };
  });
  const heads = ["score", "now", ...(hasFloor ? ["floor"] : []), "along the slider"];
  const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
  const table = element(
    "table", { class: "scores" },
    element("caption", { class: "quiet", style: "text-align: left" }, caption),
    element("thead", {}, head), body);

  /** Show a stop of the slider; `all` has the scores of every stop, `floor` may be null. */
  const show = (all, now, floor) => rows.forEach(({ name, value, rest, graph }, number) => {
    const series = all.map((stop) => stop.scores[number]);
    value.textContent = series[now].toFixed(2);
    if (all[now].errors) value.title = `± ${all[now].errors[number].toFixed(2)} (Monte Carlo)`;
    if (floor) rest.textContent = floor[number].toFixed(2);
    graph.replaceChildren(spark(name, series, now, floor ? floor[number] : null));
  });
  return { table, show };
}

/** Draw a score along the run: floor dashed, best value dotted, the present stop a dot. */
function spark(name, series, now, floor) {
  const { width, height } = GRAPH;
  const best = SCORES[name][2];
  const isRatio = best === 1 && name !== "agreement";
  const seen = (value) => (isRatio ? Math.log(Math.min(Math.max(value, 0.05), 20)) : value);
  const marks = [best, floor].filter((value) => value !== null);
  const values = [...series, ...marks].map(seen);
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (high - low < 1e-6) high = low + 1;

  const x = linear([0, Math.max(series.length - 1, 1)], [5, width - 5]);
  const y = linear([low, high], [height - 5, 5]);
  const across = (value, style) => shape("line", {
    x1: 0, x2: width, y1: y(seen(value)), y2: y(seen(value)), style });
  const places = series.map((_, number) => x(number));
  const picture = shape("svg", {
    viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true", style: "height: 34px" });
  if (best !== null) picture.append(across(best, "stroke: var(--quiet); stroke-dasharray: 1 3"));
  if (floor !== null) picture.append(across(floor, "stroke: var(--truth); stroke-width: 1.6; stroke-dasharray: 5 4"));
  picture.append(
    shape("path", { d: path(places, series.map((value) => y(seen(value)))), class: "fit-line" }),
    shape("circle", { cx: x(now), cy: y(seen(series[now])), r: 4, style: "fill: var(--fit)" }));
  return picture;
}
