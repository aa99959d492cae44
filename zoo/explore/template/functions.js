// View 1: functions of one input; a fit in blue and solid, the truth in grey and dashed.

const SIZE = { left: 34, right: 8, top: 8, bottom: 26 };
const WINDOW = [-3, 3]; // of the function values that the picture shows
const END = 2.8; // an input away from the data, at the end of the range

/** Build the view of functions; the result draws it. */
function functionsView(view, data) {
  const state = {
    method: 0, prior: Math.max(0, data.priors.findIndex((prior) => /reference/.test(prior.label))),
    stop: 0, at: Math.round(data.x.length / 2),
    show: { lines: true, band: true, truth: true },
  };
  const picture = shape("svg", {
    role: "slider", tabindex: 0, "aria-label": "input whose densities are shown",
    "aria-valuemin": data.x[0], "aria-valuemax": data.x[data.x.length - 1], id: "functions-picture" });
  const densities = shape("svg", { role: "img", id: "densities" });
  const densityTitle = element("h2");
  const verdict = element("p", { class: "verdict", "aria-live": "polite", id: "functions-verdict" });
  const scores = scoreTable(
    data.scores, "Averages over all inputs. Dashed: the floor, the score of the truth's own chains " +
    "against each other. Dotted: the best value.", true);
  const truthAbout = element("p", { class: "quiet" });

  const draw = () => drawFunctions({ data, state, picture, densities, densityTitle, verdict, scores });
  const { method, steps, methodAbout, useLengths } = runControls(
    data.methods, state, "functions-step", "Which of them is as wide as the grey band in the gap and at the ends?",
    "First the mean finds the data. Does longer training mend the width too?", draw);
  const prior = slider(
    "Scale of the prior", "Watch the grey band, not only the blue one: another prior has another truth.",
    "functions-prior", (number) => { state.prior = number; sayTruth(); draw(); });
  const visible = switches(
    "Show", "Draws are whole functions; the bands hold 50 % and 90 % of the draws at each input.",
    { lines: "draws", band: "bands", truth: "the truth" }, state.show, draw);

  function sayTruth() {
    const { runs, draws, rHat, label } = data.priors[state.prior];
    const origin = /reference/.test(label) ? "a reference that ships" : "sampled when the page was made";
    truthAbout.textContent =
      `The truth: ${draws.toLocaleString("en")} draws of ${runs.join(" and ")}, ${origin}; largest R-hat ${rHat}.`;
  }

  const find = (name) => Math.max(0, data.methods.findIndex((each) => each.name === name));
  const last = (number) => data.methods[number].lengths.length - 1;
  const wide = data.priors.length - 1;
  const normal = state.prior;
  const set = (name, stop, priorNumber, x) => () => {
    method.set(find(name));
    prior.set(priorNumber);
    steps.set(stop < 0 ? last(find(name)) : stop);
    if (x !== undefined) lookAt(nearest(data.x, x));
    picture.scrollIntoView({ block: "nearest" });
  };
  const stops = tour([
    ["The truth: where is it wide, and why?", set("NUTS", -1, normal, 0)],
    ["A mean field at the end of the range: is it as wide as the truth?", set("mean field", -1, normal, END)],
    ["The same with few steps: what has it learned by then?", set("mean field", 1, normal, 0)],
    ["MAP has no width. Why may its Wasserstein be lower all the same?", set("MAP", -1, normal, 1.5)],
    ["A wider prior: who widens with it, and where?", set("mean field", -1, wide, END)],
  ]);

  const lookAt = (number) => {
    state.at = Math.min(Math.max(number, 0), data.x.length - 1);
    draw();
  };
  picture.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -5, PageUp: 5 }[event.key];
    if (!step) return;
    event.preventDefault();
    lookAt(state.at + step);
  });
  onPointer(picture, (share) => {
    const width = picture.getBoundingClientRect().width;
    const x = linear([SIZE.left, width - SIZE.right], [data.x[0], data.x[data.x.length - 1]]);
    lookAt(nearest(data.x, x(share * width)));
  });

  const intro = element(
    "p", { class: "intro" },
    "Forty points of a sinusoid with a gap, and a network of fifty units. The exact posterior is known " +
    "(grey, dashed). Choose how to approximate it, and see what is lost.");
  const key = element(
    "div", { class: "key" },
    element("span", {}, element("i", { class: "of-fit" }), "fit, solid"),
    element("span", {}, element("i", { class: "of-truth" }), "truth, dashed"),
    element("span", {}, element("i", { class: "of-datum" }), "data"),
    element("span", {}, element("i", { class: "of-away" }), "away from the data"));
  const hint = element(
    "p", { class: "hint" },
    "Point at an input above, or move with the arrow keys. Are the two densities of the function alike?");
  const pictures = element(
    "div", { class: "pictures" },
    element("div", { class: "moves" }, key, picture), verdict,
    element("div", { class: "below" }, element("div", {}, densityTitle, hint, densities), scores.table));
  const controls = element("div", { class: "controls" }, method.field, steps.field,
    prior.field, truthAbout, visible, stops);
  method.field.append(methodAbout);
  view.append(intro, pictures, controls);

  prior.setWords(data.priors.map((each) => each.label));
  prior.input.value = state.prior;
  prior.setWords(data.priors.map((each) => each.label));
  state.stop = last(state.method);
  sayTruth();
  useLengths();
  return draw;
}

/** Draw a stop: the picture, the densities at an input, the sentence and the scores. */
function drawFunctions({ data, state, picture, densities, densityTitle, verdict, scores }) {
  const stops = data.fits[state.method][state.prior];
  const fit = unpacked(stops[state.stop], data);
  const truth = unpacked(data.priors[state.prior], data);
  const width = picture.parentElement.clientWidth;
  if (!width) return;

  const height = width < 600 ? 230 : 390;
  const x = linear([data.x[0], data.x[data.x.length - 1]], [SIZE.left, width - SIZE.right]);
  const y = linear(WINDOW, [height - SIZE.bottom, SIZE.top]);
  const xs = data.x.map(x);
  const parts = [...awayAreas(data, xs, height), ...axes(data, x, y, width, height)];
  if (state.show.truth) {
    if (state.show.band) parts.push(...band(truth, data, xs, y, "truth"));
    if (state.show.lines) parts.push(...lines(truth, xs, y, "truth", state.show.band ? 0 : 20));
  }
  if (state.show.band) parts.push(...band(fit, data, xs, y, "fit"));
  if (state.show.lines) parts.push(...lines(fit, xs, y, "fit", 10));
  data.train.x.forEach((value, number) => {
    parts.push(shape("circle", { cx: x(value), cy: y(data.train.y[number]), r: 3.4, class: "datum" }));
  });
  parts.push(shape("line", {
    x1: xs[state.at], x2: xs[state.at], y1: SIZE.top, y2: height - SIZE.bottom, class: "at" }));
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
  picture.style.height = `${height}px`;
  picture.replaceChildren(...parts);
  picture.setAttribute("aria-valuenow", data.x[state.at]);

  const said = drawDensities(data, state, fit, truth, densities);
  densityTitle.textContent = `At input ${data.x[state.at].toFixed(1)}: ${said}`;
  picture.setAttribute("aria-valuetext", densityTitle.textContent);
  const name = data.methods[state.method].name;
  verdict.textContent = `${name}: ${stops[state.stop].verdict}.`;
  scores.show(stops, state.stop, data.priors[state.prior].floor);
}

/** Unpack quantiles and draws of a fit or a truth once, as rows over the inputs. */
function unpacked(stored, data) {
  if (stored.rows) return stored.rows;
  const rows = (text) => {
    const flat = unpack(text, data.scale);
    const count = data.x.length;
    return Array.from({ length: flat.length / count }, (_, row) => flat.slice(row * count, (row + 1) * count));
  };
  stored.rows = { quantiles: rows(stored.quantiles), lines: rows(stored.lines) };
  return stored.rows;
}

/** Return the areas that hold 90 % and 50 % of the draws, and the edges of the first. */
function band({ quantiles }, data, xs, y, name) {
  const at = (level) => [...quantiles[nearest(data.levels, level)]].map(y);
  const [low, first, third, high] = [at(0.05), at(0.25), at(0.75), at(0.95)];
  return [
    shape("path", { d: between(xs, low, high), class: `${name}-area` }),
    shape("path", { d: between(xs, first, third), class: `${name}-area` }),
    shape("path", { d: path(xs, low), class: `${name}-edge` }),
    shape("path", { d: path(xs, high), class: `${name}-edge` }),
  ];
}

/** Return draws as lines. */
function lines({ lines: draws }, xs, y, name, number) {
  return draws.slice(0, number).map(
    (draw) => shape("path", { d: path(xs, [...draw].map(y)), class: `${name}-line` }));
}

/** Return the areas of inputs that lie away from the data. */
function awayAreas(data, xs, height) {
  const half = (xs[1] - xs[0]) / 2;
  const areas = [];
  data.away.forEach((isAway, number) => {
    if (!isAway) return;
    areas.push(shape("rect", {
      x: xs[number] - half, width: 2 * half, y: SIZE.top, height: height - SIZE.top - SIZE.bottom, class: "away" }));
  });
  return areas;
}

/** Return lines and numbers of the axes. */
function axes(data, x, y, width, height) {
  const parts = [];
  for (let value = WINDOW[0]; value <= WINDOW[1]; value++) {
    parts.push(
      shape("line", { x1: SIZE.left, x2: width - SIZE.right, y1: y(value), y2: y(value), class: "axis" }),
      shape("text", { x: SIZE.left - 6, y: y(value) + 4, "text-anchor": "end", class: "small" }, `${value}`));
  }
  for (let value = Math.ceil(data.x[0]); value <= data.x[data.x.length - 1]; value++) {
    parts.push(shape("text", { x: x(value), y: height - 8, "text-anchor": "middle", class: "small" }, `${value}`));
  }
  parts.push(
    shape("text", { x: SIZE.left + 6, y: SIZE.top + 14, class: "small" }, "function"),
    shape("text", { x: width - SIZE.right - 6, y: height - SIZE.bottom - 7, "text-anchor": "end", class: "small" }, "input"));
  return parts;
}

/** Draw the densities of the function at an input, and return them in words. */
function drawDensities(data, state, fit, truth, densities) {
  const column = ({ quantiles }) => quantiles.map((row) => row[state.at]);
  const [ours, theirs] = [column(fit), column(truth)];
  const width = densities.parentElement.clientWidth;
  const height = 130;
  const all = [...theirs, ...ours];
  const margin = 0.3 * (Math.max(...all) - Math.min(...all)) + 0.02;
  const range = [Math.min(...all) - margin, Math.max(...all) + margin];
  const points = Array.from({ length: 161 }, (_, i) => range[0] + (i / 160) * (range[1] - range[0]));
  const x = linear(range, [10, width - 10]);
  const curves = [density(theirs, points), density(ours, points)];
  const isPoint = Math.max(...ours) - Math.min(...ours) < 4 * data.scale;
  const top = Math.max(...curves[0], ...(isPoint ? [] : curves[1]));
  const y = linear([0, top], [height - 22, 6]);
  const xs = points.map(x);
  const curve = (values, name) => [
    shape("path", { d: between(xs, values.map(() => y(0)), values.map(y)), class: `${name}-area` }),
    shape("path", { d: path(xs, values.map(y)), class: `${name}-edge` }),
  ];
  const point = shape("line", { x1: x(ours[0]), x2: x(ours[0]), y1: 6, y2: y(0), class: "fit-edge" });
  const ticks = [0.1, 0.5, 0.9].map((share) => {
    const value = range[0] + share * (range[1] - range[0]);
    return shape("text", { x: x(value), y: height - 6, "text-anchor": "middle", class: "small" }, value.toFixed(2));
  });
  densities.setAttribute("viewBox", `0 0 ${width} ${height}`);
  densities.style.height = `${height}px`;
  const title = shape("text", { x: 10, y: 16, class: "small" }, "density of the function");
  densities.replaceChildren(
    ...curve(curves[0], "truth"), ...(isPoint ? [point] : curve(curves[1], "fit")), ...ticks, title);

  const words = `fit ${interval(ours, data)}, truth ${interval(theirs, data)}`;
  densities.setAttribute("aria-label", `Densities of the function: ${words}`);
  return words;
}

/** Say the interval that holds 90 % of the draws. */
function interval(column, data) {
  const at = (level) => column[nearest(data.levels, level)].toFixed(2);
  return `${at(0.05)} to ${at(0.95)}`;
}

/** Estimate a density by kernels at quantiles of equal weight (Silverman's width). */
function density(values, points) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  const sorted = [...values].sort((a, b) => a - b);
  const quartiles = sorted[Math.floor(0.75 * values.length)] - sorted[Math.floor(0.25 * values.length)];
  const spread = Math.min(Math.sqrt(variance), quartiles / 1.34) || Math.sqrt(variance);
  const width = Math.max(0.9 * spread * values.length ** -0.2, 1e-9);
  return points.map((point) => {
    let sum = 0;
    for (const value of values) sum += Math.exp(-0.5 * ((point - value) / width) ** 2);
    return sum / (values.length * width * Math.sqrt(2 * Math.PI));
  });
}

/** Return the position of the value that is nearest. */
function nearest(values, wanted) {
  let best = 0;
  values.forEach((value, number) => {
    if (Math.abs(value - wanted) < Math.abs(values[best] - wanted)) best = number;
  });
  return best;
}
