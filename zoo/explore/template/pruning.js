// View 3: twenty digits, and what a network says of them as its weights are dropped.

/** Build the view of pruning; the result draws it. */
function pruningView(view, data) {
  const state = { rule: 0, stop: 0 };
  const [height, width] = data.shape;
  const images = unpack(data.images, data.scale);
  const cells = data.labels.map((label, number) => {
    const canvas = element("canvas", { width, height, "aria-hidden": "true" });
    paintDigit(canvas, images.slice(number * height * width, (number + 1) * height * width));
    const bars = shape("svg", { viewBox: "0 0 100 34", preserveAspectRatio: "none", class: "bars", "aria-hidden": "true" });
    const says = element("span");
    const sure = element("span", { class: "quiet" });
    const cell = element("div", { class: "digit", role: "listitem" }, canvas, bars, says, sure);
    return { label, cell, bars, says, sure };
  });
  const digits = element(
    "div", { class: "digits", role: "list", "aria-label": "Twenty test images with predictions", id: "digits" },
    ...cells.map(({ cell }) => cell));
  const summary = element("p", { class: "verdict", "aria-live": "polite", id: "pruning-summary" });
  const scores = scoreTable(data.scores, `On all ${data.numTest} test images.`, false);

  const rule = chooser(
    "Which weights go first", "By which order do the digits survive longest? MAP has no spread to go by.",
    data.rules.map((each) => each.label), state.rule, (number) => { state.rule = number; draw(); });
  const dropped = slider(
    "Weights dropped", "Drag until the first digit flips. Is its entropy high before that?",
    "pruning-fraction", (number) => { state.stop = number; draw(); });
  addPlay(dropped);

  function draw() {
    const { label, stops } = data.rules[state.rule];
    const stop = stops[state.stop];
    const probs = unpack(stop.probs, data.scale);
    const classes = probs.length / cells.length;
    let right = 0;
    let sure = 0;
    cells.forEach((cell, number) => {
      const own = probs.slice(number * classes, (number + 1) * classes);
      const best = own.indexOf(Math.max(...own));
      right += best === cell.label;
      sure += best !== cell.label && own[best] > 0.9;
      drawDigit(cell, own, best);
    });
    summary.textContent =
      `${label}, ${percent(data.fractions[state.stop])} dropped: ${right} of ${cells.length} digits right` +
      `; wrong and more than 90 % sure: ${sure}.`;
    scores.show(stops, state.stop, null);
  }

  const intro = element(
    "p", { class: "intro" },
    "A network reads digits of 8 by 8 pixels. Its weights are set to zero, the least important first. " +
    "Of each class you see the first test image, and the one about which the network is least sure.");
  const key = element(
    "p", { class: "quiet" },
    "The bars are the probabilities of the classes 0 to 9. A frame, a cross and the true class mark an error; the percentage is how sure it is.");
  view.append(
    intro, element("div", { class: "pictures" }, digits, summary, element("div", { class: "below" }, scores.table, key)),
    element("div", { class: "controls" }, rule.field, dropped.field));
  dropped.setWords(data.fractions.map(percent));
  dropped.set(0);
  return draw;
}

function percent(fraction) {
  return `${Math.round(100 * fraction)} %`;
}

/** Draw the probabilities of an image's classes, and say the prediction. */
function drawDigit({ label, cell, bars, says, sure }, probs, best) {
  const isWrong = best !== label;
  const step = 100 / probs.length;
  bars.replaceChildren(...[...probs].map((prob, number) => shape("rect", {
    x: number * step + 1, width: step - 2, y: 33 - 32 * prob, height: 32 * prob + 1,
    style: `fill: var(--${number === label ? "fit" : isWrong && number === best ? "alert" : "truth"})` })));
  cell.classList.toggle("wrong", isWrong);
  cell.setAttribute("aria-label", `a ${label}, read as ${best}, ${percent(probs[best])} sure`);
  says.replaceChildren(element("b", {}, `${best}`), isWrong ? ` ✗ is ${label}` : " ✓");
  sure.textContent = percent(probs[best]);
}

/** Paint an image of values between 0 and 1, dark on light. */
function paintDigit(canvas, values) {
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(canvas.width, canvas.height);
  values.forEach((value, place) => {
    const light = Math.round(255 * (1 - value));
    pixels.data.set([light, light, light, 255], 4 * place);
  });
  context.putImageData(pixels, 0, 0);
}
