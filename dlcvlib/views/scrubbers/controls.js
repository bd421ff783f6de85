// Controls that all scrubbers share: slider, play button, keyboard, a live region for screen readers, the table of the
// epoch's figures with small curves, and a legend that selects classes. A scrubber's `render({ model, el })` calls:
//
//   const stop = new AbortController();                       stop.abort() in cleanup removes all listeners below
//   const controls = epochControls(model, el, stop.signal);   { element, playing() }
//   const figures = epochFigures(model, stop.signal);         { element }
//   const legend = classLegend(model, stop.signal, swatch);   { element }, swatch(entry of _classes) -> Node
//   listen(model, ["epoch", "classes"], draw, stop.signal);   calls draw when one of the traits changes
//   onTheme(draw, stop.signal);                               calls draw when the page turns dark or light

const EPOCH_MS = 700; // milliseconds an epoch while playing
const STILL_MS = 1200; // the same with prefers-reduced-motion, where a step is a jump
const OUR_KEYS = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", " "]);
export const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

export function listen(model, names, listener, signal) {
  let waiting = false; // several traits that change together call the listener once
  const once = () => {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => {
      waiting = false;
      if (!signal.aborted) listener();
    });
  };
  for (const name of names) model.on(`change:${name}`, once);
  signal.addEventListener("abort", () => names.forEach((name) => model.off(`change:${name}`, once)));
}

export function onTheme(listener, signal) {
  const watched = { attributeFilter: ["data-theme", "data-jp-theme-light", "data-jp-theme-name", "class"] };
  const observer = new MutationObserver(listener);
  observer.observe(document.documentElement, watched);
  observer.observe(document.body, watched);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", listener, { signal });
  signal.addEventListener("abort", () => observer.disconnect());
}

// A live widget announces itself, so that its static figure stays hidden (`hideBesideWidget` in static_model.js).
function announce(model, signal) {
  const identity = model.get("_identity");
  if (!identity) return; // this is the static figure
  const tell = () => document.dispatchEvent(new Event("dlcv-live"));
  window.dlcvLive ??= new Set();
  window.dlcvLive.add(identity);
  tell();
  signal.addEventListener("abort", () => (window.dlcvLive.delete(identity), tell()));
}

function setEpoch(model, epoch) {
  model.set("epoch", epoch);
  model.save_changes();
}

// Index into `epochs` of the last epoch up to the one asked for: a linked widget may ask for one between two.
export function epochIndex(model) {
  const epochs = model.get("epochs");
  const later = epochs.findIndex((epoch) => epoch > model.get("epoch"));
  return later === -1 ? epochs.length - 1 : Math.max(later - 1, 0);
}

export function epochControls(model, el, signal) {
  const play = element("button", { type: "button", class: "dlcv-play" });
  const slider = element("input", { type: "range", min: 0, step: 1, "aria-label": "epoch", class: "dlcv-slider" });
  const label = element("output", { class: "dlcv-epoch" });
  let timer = 0;
  announce(model, signal);

  const moveTo = (index) => {
    const epochs = model.get("epochs");
    setEpoch(model, epochs[Math.min(Math.max(index, 0), epochs.length - 1)]);
  };
  const isLast = () => epochIndex(model) === model.get("epochs").length - 1;

  function pause() {
    clearTimeout(timer);
    timer = 0;
    show();
  }
  function next() {
    if (isLast()) return pause();
    timer = setTimeout(next, reducedMotion() ? STILL_MS : EPOCH_MS);
    moveTo(epochIndex(model) + 1);
  }
  function toggle() {
    if (timer) return pause();
    if (model.get("epochs").length < 2) return;
    timer = setTimeout(next, isLast() ? EPOCH_MS : 0); // at the last epoch, restart from the first
    if (isLast()) moveTo(0);
    show();
  }

  function show() {
    const epochs = model.get("epochs");
    const text = `epoch ${epochs[epochIndex(model)]} of ${epochs[epochs.length - 1]}`;
    slider.max = epochs.length - 1;
    slider.value = epochIndex(model);
    slider.disabled = play.disabled = epochs.length < 2;
    slider.setAttribute("aria-valuetext", text);
    slider.style.setProperty("--done", `${(100 * slider.value) / Math.max(slider.max, 1)}%`);
    label.setAttribute("aria-live", timer ? "off" : "polite"); // too fast for a screen reader while playing
    label.textContent = text;
    play.textContent = timer ? "❚❚" : "▶";
    play.setAttribute("aria-label", timer ? "pause" : "play");
    play.title = timer ? "Pause (space)" : "Play (space)";
  }

  function onKey(event) {
    if (!isOurs(event)) return;
    const index = epochIndex(model);
    const goals = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: model.get("epochs").length - 1 };
    if (event.key === " " && event.target.tagName !== "BUTTON") toggle();
    else if (event.key in goals && !event.target.closest("select, input:not(.dlcv-slider)")) {
      pause();
      moveTo(goals[event.key]);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  slider.addEventListener("input", () => {
    const goal = Number(slider.value);
    pause();
    moveTo(goal);
  });
  play.addEventListener("click", toggle);
  // Keep JupyterLab from handling these keys first; others, such as Ctrl+S, are left to it.
  const isOurs = (event) => OUR_KEYS.has(event.key) && !event.ctrlKey && !event.altKey && !event.metaKey;
  const claim = (event) => el.toggleAttribute("data-lm-suppress-shortcuts", el.contains(event.target) && isOurs(event));
  window.addEventListener("keydown", claim, { capture: true, signal });
  el.addEventListener("keydown", onKey, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  listen(model, ["epoch", "epochs"], show, signal);
  show();
  const bar = element("div", { class: "dlcv-controls" }, play, slider, label);
  return { element: bar, playing: () => timer !== 0 };
}

export const shownNumber = (value) => (value === null || value === undefined ? "–" : value.toFixed(3).replace("-", "−"));

// Table of the epoch's figures, each with its curve over the epochs and a marker at the current one.
export function epochFigures(model, signal) {
  const table = element("table", { class: "dlcv-figures" });
  let moves = [];

  function build() {
    const panes = model.get("_figures");
    const names = [...new Set(panes.flatMap((pane) => pane.rows.map((row) => row.name)))];
    const titles = panes.length > 1 ? panes.map((pane) => element("th", { scope: "col" }, pane.title)) : [];
    const caption = element("caption");
    moves = [(index) => (caption.textContent = `Epoch ${model.get("epochs")[index]} in figures`)];
    const rows = names.map((name) => {
      const series = panes.map((pane) => pane.rows.find((row) => row.name === name)?.values ?? []);
      const cells = series.map((values) => {
        const cell = element("td");
        moves.push((index) => (cell.textContent = shownNumber(values[index])));
        return cell;
      });
      const curve = miniCurve(series, model.get("epochs"));
      moves.push(curve.move);
      const drawn = element("td", { class: "dlcv-curve", "aria-hidden": "true" }, curve.element);
      return element("tr", {}, element("th", { scope: "row" }, name), ...cells, drawn);
    });
    const head = titles.length ? element("tr", {}, element("td"), ...titles, element("td")) : null;
    table.replaceChildren(caption, element("tbody", {}, head, ...rows));
    move();
  }
  function move() {
    for (const update of moves) update(epochIndex(model));
  }
  listen(model, ["epochs", "_figures"], build, signal);
  listen(model, ["epoch"], move, signal);
  build();
  return { element: table };
}

const CURVE = { width: 72, height: 22, edge: 4 };

// One line a pane, the second dashed; the horizontal axis is the epoch.
function miniCurve(series, epochs) {
  const { width, height, edge } = CURVE;
  const make = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const all = series.flat().filter(Number.isFinite);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const span = epochs[epochs.length - 1] - epochs[0] || 1;
  const across = (index) => edge + ((epochs[index] - epochs[0]) / span) * (width - 2 * edge);
  const down = (value) => edge + (high > low ? (high - value) / (high - low) : 0.5) * (height - 2 * edge);
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height });
  const markers = series.map((values, pane) => {
    const points = values.flatMap((value, index) =>
      Number.isFinite(value) ? [`${across(index).toFixed(1)},${down(value).toFixed(1)}`] : [],
    );
    svg.append(make("polyline", { points: points.join(" "), "stroke-dasharray": pane ? "3 2" : "none" }));
    return svg.appendChild(make("circle", { r: 3, class: pane ? "dlcv-second" : "" }));
  });
  function move(index) {
    series.forEach((values, pane) => {
      const known = Number.isFinite(values[index]);
      markers[pane].style.display = known ? "" : "none";
      if (!known) return;
      markers[pane].setAttribute("cx", across(index));
      markers[pane].setAttribute("cy", down(values[index]));
    });
  }
  return { element: svg, move };
}

// Chips: a click shows a class alone, a click on the only one shown shows all, as in the book's other figures. With Ctrl,
// Shift or ⌘ a click adds or removes a class; hovering isolates a class temporarily.
export function classLegend(model, signal, swatch, onPoint = () => {}) {
  const chips = element("div", { class: "dlcv-legend", role: "group", "aria-label": "classes shown" });

  function choose(classes) {
    model.set("classes", classes);
    model.save_changes();
  }
  function clicked(id, isAdding) {
    const shown = model.get("classes");
    const isAlone = shown.length === 1 && shown[0] === id;
    if (!isAdding) return choose(isAlone ? model.get("_classes").map((_, each) => each) : [id]);
    choose(shown.includes(id) ? shown.filter((other) => other !== id) : [...shown, id].sort((one, two) => one - two));
  }
  function build() {
    const everything = model.get("_classes").map((_, id) => id);
    const made = model.get("_classes").map((entry, id) => {
      const chip = element("button", { type: "button", class: "dlcv-chip", title: entry.name }, swatch(entry), entry.name);
      chip.addEventListener("click", (event) => clicked(id, event.ctrlKey || event.metaKey || event.shiftKey));
      for (const type of ["pointerenter", "focus"]) chip.addEventListener(type, () => onPoint(id));
      for (const type of ["pointerleave", "blur"]) chip.addEventListener(type, () => onPoint(null));
      return chip;
    });
    const all = element("button", { type: "button", class: "dlcv-chip dlcv-all" }, "all");
    const none = element("button", { type: "button", class: "dlcv-chip dlcv-all" }, "none");
    all.addEventListener("click", () => choose(everything));
    none.addEventListener("click", () => choose([]));
    chips.replaceChildren(...made, all, none);
    show();
  }
  function show() {
    const shown = new Set(model.get("classes"));
    model.get("_classes").forEach((_, id) => chips.children[id].setAttribute("aria-pressed", shown.has(id)));
  }
  listen(model, ["_classes"], build, signal);
  listen(model, ["classes"], show, signal);
  build();
  return { element: chips };
}
