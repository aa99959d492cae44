// View 2: two classes in the plane; entropy and mutual information of a fit and of the truth.

const MAPS = { entropy: "entropy: all uncertainty", information: "mutual information: what data could remove" };
const MOST_NATS = Math.log(2);
// Cividis (Nuñez, Anderton, Renslow, 2018), which reads alike with and without colour vision.
const CIVIDIS = [[0, 34, 78], [18, 53, 112], [59, 73, 108], [87, 93, 109], [112, 113, 115],
  [138, 134, 120], [165, 156, 116], [195, 179, 105], [225, 204, 85], [254, 232, 56]];

/** Build the view of the plane; the result draws it. */
function planeView(view, data) {
  const state = { method: 0, stop: data.methods[0].lengths.length - 1, row: 0, column: 0 };
  state.row = state.column = Math.floor(data.size / 2);
  const panels = [];
  const grid = element("div", {
    class: "panels", role: "group", tabindex: 0, id: "plane-picture",
    "aria-label": "Maps of the plane; the arrow keys move the point", "aria-describedby": "plane-readout" });
  for (const map of Object.keys(MAPS)) {
    for (const who of ["fit", "truth"]) {
      const canvas = element("canvas", { width: data.size, height: data.size, "aria-hidden": "true" });
      const marks = shape("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" });
      const title = element("h2", {}, `${who === "fit" ? "Fit" : "Truth"}, ${MAPS[map].split(":")[0]}`);
      grid.append(element("div", { class: "panel" }, title, element("div", { class: "stack" }, canvas, marks)));
      panels.push({ map, who, canvas, marks });
      onPointer(canvas.parentElement, (x, y) => lookAt(Math.floor(y * data.size), Math.floor(x * data.size)));
    }
  }
  const readout = element("p", { id: "plane-readout", class: "said", "aria-live": "polite" });
  const verdict = element("p", { class: "verdict", "aria-live": "polite", id: "plane-verdict" });
  const scores = scoreTable(
    data.scores, "Averages over the inputs of the reference. Dashed: the floor. Dotted: the best value.", true);
  const { method, steps, methodAbout, useLengths } = runControls(
    data.methods, state, "plane-step", "Where does the truth not know the class? Who else admits it there?",
    "The border comes first. Does what it does not know stay, or vanish?", draw);

  function lookAt(row, column) {
    const within = (value) => Math.min(Math.max(value, 0), data.size - 1);
    [state.row, state.column] = [within(row), within(column)];
    draw();
  }
  function draw() {
    const stop = data.fits[state.method][state.stop];
    const values = { fit: mapsOf(stop, data), truth: mapsOf(data.truth, data) };
    for (const { map, who, canvas, marks } of panels) {
      paint(canvas, values[who][map], data.size);
      marks.replaceChildren(...marksOf(data, state));
    }
    const place = state.row * data.size + state.column;
    const at = ({ entropy, information }) =>
      `entropy ${entropy[place].toFixed(2)}, mutual information ${information[place].toFixed(2)}`;
    readout.textContent = `At the cross: fit ${at(values.fit)}; truth ${at(values.truth)} nats.`;
    verdict.textContent = `${data.methods[state.method].name}: ${stop.verdict}.`;
    scores.show(data.fits[state.method], state.stop, data.floor);
  }
  grid.addEventListener("keydown", (event) => {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (!moves[event.key]) return;
    event.preventDefault();
    const [down, right] = moves[event.key];
    lookAt(state.row + down, state.column + right);
  });

  const intro = element(
    "p", { class: "intro" },
    "Two classes as half moons, and a network of twenty and twenty units. Entropy is high where the " +
    "predicted class is uncertain; mutual information is high where the networks of the posterior " +
    "disagree, so that a label there would teach them something.");
  const ramp = element("div", { class: "ramp", "aria-hidden": "true" });
  ramp.style.background = `linear-gradient(to right, ${CIVIDIS.map((rgb) => `rgb(${rgb})`).join(", ")})`;
  const key = element("div", { class: "ramp-row" }, "0", ramp, "ln 2 = 0.69 nats, no idea of the class");
  const origin = element(
    "p", { class: "quiet said" },
    `Dots and triangles are the data of the two classes. The truth is drawn from ${data.truth.draws} stored ` +
    "networks of a reference that ships; the scores use all of its draws.");
  view.append(
    intro,
    element("div", { class: "pictures" }, element("div", { class: "moves" }, grid, key), readout, origin),
    element("div", { class: "controls" }, method.field, methodAbout, steps.field, verdict, scores.table));
  useLengths();
  return draw;
}

/** Unpack the maps of a fit or of the truth once. */
function mapsOf(stored, data) {
  if (!stored.maps) {
    stored.maps = {};
    for (const map of Object.keys(MAPS)) stored.maps[map] = unpack(stored[map], data.scale);
  }
  return stored.maps;
}

/** Paint values in nats, a pixel each; the browser smooths them. */
function paint(canvas, values, size) {
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(size, size);
  values.forEach((value, place) => pixels.data.set([...colour(value / MOST_NATS), 255], 4 * place));
  context.putImageData(pixels, 0, 0);
}

/** Return the colour of a share between 0 and 1. */
function colour(share) {
  const place = Math.min(Math.max(share, 0), 1) * (CIVIDIS.length - 1);
  const first = Math.min(Math.floor(place), CIVIDIS.length - 2);
  const rest = place - first;
  return CIVIDIS[first].map((value, i) => Math.round(value + rest * (CIVIDIS[first + 1][i] - value)));
}

/** Return the data of the two classes, and the cross. */
function marksOf(data, state) {
  const x = linear([data.low[0], data.high[0]], [0, 100]);
  const y = linear([data.low[1], data.high[1]], [100, 0]);
  const dot = (cx, cy) => shape("circle", { cx, cy, r: 0.95 });
  const triangle = (cx, cy) => shape("path", { d: `M${cx} ${cy - 1.5}l1.4 2.5h-2.8Z` });
  const marks = data.train.x.map(([first, second], number) => {
    const isOther = data.train.y[number] === 1;
    const mark = (isOther ? triangle : dot)(x(first), y(second));
    mark.setAttribute("class", isOther ? "mark other" : "mark");
    return mark;
  });
  const column = ((state.column + 0.5) / data.size) * 100;
  const row = ((state.row + 0.5) / data.size) * 100;
  const cross = `M${column - 4} ${row}h8M${column} ${row - 4}v8`;
  const under = shape("path", { d: cross, style: "stroke: black; stroke-width: 2" });
  const over = shape("path", { d: cross, style: "stroke: white; stroke-width: 1" });
  return [...marks, under, over];
}
