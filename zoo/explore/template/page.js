"use strict";

// Parts that all views share: packed numbers, elements, controls and tabs.

const SVG = "http://www.w3.org/2000/svg";

/** Return the numbers of a packed array of int16, in multiples of a scale. */
function unpack(text, scale) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const values = new Float64Array(bytes.length / 2);
  for (let i = 0; i < values.length; i++) values[i] = view.getInt16(2 * i, true) * scale;
  return values;
}

/** Make an element of HTML; children are elements or texts. */
function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Make an element of SVG. */
function shape(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Return the function that maps one interval to another. */
function linear([from, to], [first, last]) {
  return (value) => first + ((value - from) / (to - from)) * (last - first);
}

/** Return the path through points. */
function path(xs, ys) {
  let text = "";
  for (let i = 0; i < xs.length; i++) {
    text += `${i ? "L" : "M"}${xs[i].toFixed(1)} ${ys[i].toFixed(1)}`;
  }
  return text;
}

/** Return the closed path between two lines over the same inputs. */
function between(xs, lower, upper) {
  const back = path([...xs].reverse(), [...upper].reverse());
  return `${path(xs, lower)}L${back.slice(1)}Z`;
}

let numNames = 0;

/** Make a group of radio buttons, of which one is chosen; arrow keys move between them. */
function chooser(title, hint, labels, chosen, onChange) {
  const name = `choice${++numNames}`;
  const chips = element("div", { class: "chips" });
  const inputs = labels.map((label, number) => {
    const input = element("input", { type: "radio", name, value: number });
    input.checked = number === chosen;
    input.addEventListener("change", () => onChange(number));
    chips.append(element("label", {}, input, label));
    return input;
  });
  const field = element(
    "fieldset", {}, element("legend", {}, title), element("p", { class: "hint" }, hint), chips);
  return { field, set: (number) => { inputs[number].checked = true; onChange(number); } };
}

/** Make checkboxes; `state` has a truth value for each name. */
function switches(title, hint, labels, state, onChange) {
  const boxes = element("div", { class: "chips boxes" });
  for (const [key, label] of Object.entries(labels)) {
    const input = element("input", { type: "checkbox" });
    input.checked = state[key];
    input.addEventListener("change", () => { state[key] = input.checked; onChange(); });
    boxes.append(element("label", {}, input, ` ${label}`));
  }
  return element(
    "fieldset", {}, element("legend", {}, title), element("p", { class: "hint" }, hint), boxes);
}

/** Make a slider over a list of stops, whose words are shown and read aloud. */
function slider(title, hint, id, onChange) {
  const input = element("input", { type: "range", id, min: 0, step: 1 });
  const output = element("output", { for: id, id: `${id}-text` });
  const about = element("p", { class: "hint", id: `${id}-hint` }, hint);
  input.setAttribute("aria-describedby", `${id}-hint`);
  let words = [];
  const show = () => {
    output.textContent = words[input.value];
    input.setAttribute("aria-valuetext", words[input.value]);
  };
  input.addEventListener("input", () => { show(); onChange(Number(input.value)); });
  const row = element("div", { class: "slide" }, input, output);
  const field = element("div", {}, element("label", { class: "title", for: id }, title), about, row);
  return {
    field,
    row,
    input,
    setWords: (stops) => { words = stops; input.max = stops.length - 1; show(); },
    set: (number) => { input.value = number; show(); onChange(number); },
  };
}

/** Add a button to a slider that moves it from its first stop to its last. */
function addPlay(control) {
  const button = element("button", { type: "button", class: "play" }, "▶ Play");
  let timer = 0;
  const stop = () => { clearInterval(timer); timer = 0; button.textContent = "▶ Play"; };
  const move = () => {
    const next = Number(control.input.value) + 1;
    if (next > Number(control.input.max)) stop();
    else control.set(next);
  };
  button.addEventListener("click", () => {
    if (timer) { stop(); return; }
    button.textContent = "■ Stop";
    control.set(0);
    timer = setInterval(move, 900);
  });
  control.input.addEventListener("pointerdown", stop);
  control.input.addEventListener("keydown", stop);
  control.row.prepend(button);
}

/** Make the choice of a method and the slider over its runs; they set `state.method` and `state.stop`. */
function runControls(methods, state, id, methodHint, trainingHint, draw) {
  const methodAbout = element("p", { class: "quiet" });
  const steps = slider("Training", trainingHint, id, (number) => { state.stop = number; draw(); });
  addPlay(steps);
  const useLengths = () => {
    const { lengths, unit, about } = methods[state.method];
    methodAbout.textContent = about;
    steps.setWords(lengths.map((length) => `${length.toLocaleString("en")} ${unit}`));
    state.stop = Math.min(state.stop, lengths.length - 1);
    steps.set(state.stop);
  };
  const method = chooser(
    "Guide or engine", methodHint, methods.map((each) => each.name), state.method,
    (number) => { state.method = number; useLengths(); });
  return { method, steps, methodAbout, useLengths };
}

/** Make buttons that set the controls to something worth showing. */
function tour(stops) {
  const title = "Five minutes: click, and say what you see";
  const list = element("ol", { class: "tour", "aria-label": title });
  stops.forEach(([text, show], number) => {
    const button = element("button", { type: "button" }, `${number + 1}. ${text}`);
    button.addEventListener("click", show);
    list.append(element("li", {}, button));
  });
  return element("div", {}, element("h2", {}, title), list);
}

/** Call a function with an input's position when a picture is pointed at or touched. */
function onPointer(target, move) {
  const act = (event) => {
    const box = target.getBoundingClientRect();
    move((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  };
  target.addEventListener("pointermove", act);
  target.addEventListener("pointerdown", act);
}

/** Show the views as tabs; the address has the name of the present one. */
function start() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = {
    functions: ["1 Functions", functionsView],
    plane: ["2 Two classes", planeView],
    pruning: ["3 Fewer weights", pruningView],
  };
  const names = Object.keys(all).filter((name) => data[name]);
  const tabs = names.map((name) => {
    const [title, make] = all[name];
    const view = element(
      "section", { role: "tabpanel", class: "view", id: name, "aria-labelledby": `tab-${name}` });
    document.getElementById("views").append(view);
    const tab = element(
      "button", { role: "tab", type: "button", id: `tab-${name}`, "aria-controls": name }, title);
    document.getElementById("tabs").append(tab);
    return { name, tab, view, draw: make(view, data[name]) };
  });

  const open = (name) => {
    for (const each of tabs) {
      const isOpen = each.name === name;
      each.view.hidden = !isOpen;
      each.tab.setAttribute("aria-selected", isOpen);
      each.tab.tabIndex = isOpen ? 0 : -1;
      if (isOpen) each.draw();
    }
  };
  tabs.forEach(({ name, tab }, number) => {
    tab.addEventListener("click", () => { history.replaceState(null, "", `#${name}`); open(name); });
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const other = tabs[(number + step + tabs.length) % tabs.length];
      other.tab.click();
      other.tab.focus();
    });
  });

  const wanted = () => names.find((name) => `#${name}` === location.hash) || names[0];
  addEventListener("hashchange", () => open(wanted()));
  addEventListener("resize", () => tabs.forEach(({ view, draw }) => view.hidden || draw()));
  if (names.length) open(wanted());

  const { version, seed, quick } = data.about;
  document.getElementById("about").textContent =
    `Made by zoo explore, version ${version}, seed ${seed}.` +
    (quick ? " These are quick fits, to try the page: their numbers mean nothing." : "");
}
