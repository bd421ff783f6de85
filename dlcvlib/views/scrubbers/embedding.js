// EmbeddingScrubber: maps of the samples at each epoch, one dot a sample, one pane a run.

import { classLegend, element, epochControls, epochFigures, epochIndex, listen, onTheme, reducedMotion } from "./controls.js";
import { UNKNOWN, blended, faded, isInside, loaded, stampsOf, swatchOf } from "./dots.js";
import { listenToMap } from "./map_input.js";
import { FULL, MapView } from "./map_view.js";

const MOVE_MS = 450; // milliseconds of the movement between two epochs while playing
const TRAIL = 8; // epochs that a selected dot's trail goes back
const HINT =
  "Point at a dot or tap it for its image. Click selects, shift-drag or the lasso button selects many. Ctrl + wheel, " +
  "two fingers or the buttons zoom, dragging moves. Keys on the map: + − 0 zoom, N the next dot, Enter selects it.";
const FAINT = 0.13; // opacity of the classes that are not shown

export function render({ model, el }) {
  const stop = new AbortController();
  const { signal } = stop;
  const symbols = model.get("_symbols");
  const view = new MapView(); // shared by the panes, so that they show the same part
  let data = loaded(model);
  let pointedClass = null; // in the legend
  let pointed = null; // { pane, row }
  let sprites = null;
  let frame = 0;
  let isLasso = false; // the next drag encircles dots

  const controls = epochControls(model, el, signal);
  const figures = epochFigures(model, signal);
  const legend = classLegend(model, signal, swatchOf(symbols), (id) => {
    pointedClass = id;
    draw();
  });
  const several = model.get("_figures").length > 1;
  const panes = model.get("_figures").map((_, pane) => makePane(pane));
  panes[panes.length - 1].map.append(zoomButtons()); // for all panes
  const card = element("div", { class: "dlcv-card", hidden: "" });
  const selected = element("p", { class: "dlcv-selected" });
  const status = element("p", { class: "dlcv-status", role: "status" });
  const side = element("div", { class: "dlcv-side" }, figures.element);
  const maps = element("div", { class: "dlcv-panes" }, ...panes.map((pane) => pane.element), card);
  const words = element("div", { class: "dlcv-words" }, legend.element, selected, status);
  const layout = several ? "dlcv-body dlcv-two" : "dlcv-body";
  el.classList.add("dlcv-scrubber");
  el.replaceChildren(element("div", { class: layout }, maps, controls.element, words, side));
  if (model.get("caption")) el.append(element("p", { class: "dlcv-caption" }, model.get("caption")));

  // --- layout and coordinates ---

  function makePane(pane) {
    const canvas = element("canvas", { tabindex: 0, role: "img", "aria-label": model.get("alt") });
    const note = element("p", { class: "dlcv-note" });
    const title = element("p", { class: "dlcv-title" }, several ? model.get("_figures")[pane].title : "");
    const map = element("div", { class: "dlcv-map" }, canvas, note);
    const made = { canvas, note, map, element: element("div", {}, title, map), size: 0, now: null, lasso: null };
    listenTo(made, pane);
    return made;
  }

  function zoomButtons() {
    const actions = [
      ["+", "zoom in", () => view.zoomBy(1.5)],
      ["−", "zoom out", () => view.zoomBy(1 / 1.5)],
      ["⤢", "show the whole map", () => view.showWhole()],
      ["◌", "lasso: select the dots that the next drag encircles; from the keyboard all in view", chooseLasso],
    ];
    const buttons = actions.map(([text, name, act]) => {
      const button = element("button", { type: "button", "aria-label": name, title: name }, text);
      button.addEventListener("click", (event) => (act(event), draw()));
      return button;
    });
    buttons[3].setAttribute("aria-pressed", false);
    return element("div", { class: "dlcv-zooms" }, ...buttons);
  }

  function chooseLasso(event) {
    const { size } = panes[0];
    if (event.detail === 0) return select(rowsIn(panes[0], [[0, 0], [size, 0], [size, size], [0, size]]));
    setLasso(!isLasso);
  }
  function setLasso(wanted) {
    isLasso = wanted;
    el.classList.toggle("dlcv-lasso", wanted);
    el.querySelector(".dlcv-zooms button:last-child").setAttribute("aria-pressed", wanted);
  }

  // --- drawing ---

  function draw() {
    const shown = new Set(pointedClass === null ? model.get("classes") : [pointedClass]);
    const ink = getComputedStyle(el).color;
    panes.forEach((pane, number) => {
      if (pane.size === 0) return;
      const context = pane.canvas.getContext("2d");
      const ratio = pane.canvas.width / pane.size;
      pane.pixels.fill(0);
      if (shown.size < model.get("_classes").length) stamp(pane, (label) => !shown.has(label), FAINT);
      stamp(pane, (label) => shown.has(label), 1);
      context.putImageData(pane.picture, -pane.stamps.half, -pane.stamps.half);
      const selection = model.get("selection");
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      if (selection.length) drawTrails(pane, number, context, selection);
      context.strokeStyle = ink;
      drawRings(pane, context, selection, 1.25);
      if (pointed) drawRings(pane, context, [pointed.row], 2.5);
      if (pane.lasso) drawLasso(context, pane.lasso);
      pane.note.textContent = shown.size ? "" : "No class is shown: click a class below the map, or “all”.";
    });
    showCard();
  }

  function stamp(pane, isWanted, opacity) {
    const { pixels, now } = pane;
    const { marks, half: edge, stride } = pane.stamps;
    const size = pane.canvas.width;
    const wanted = model.get("_classes").map((_, label) => isWanted(label));
    const [x0, y0] = [view.across(0, size) + edge, view.down(0, size) + edge];
    const step = view.unit(size);
    const { labels } = data;
    for (let row = 0; row < labels.length; row++) {
      const label = labels[row];
      if (!wanted[label]) continue;
      const x = Math.round(x0 + step * now[2 * row]);
      const y = Math.round(y0 - step * now[2 * row + 1]);
      if (x < edge || y < edge || x >= size + edge || y >= size + edge) continue;
      const { offsets, colours } = marks[label];
      const centre = y * stride + x;
      for (let pixel = 0; pixel < offsets.length; pixel++) {
        const colour = colours[pixel];
        const index = centre + offsets[pixel];
        pixels[index] = opacity === 1 && colour >>> 24 === 255 ? colour : blended(faded(colour, opacity), pixels[index]);
      }
    }
  }

  const placed = (pane, points, row) => [
    view.across(points[2 * row] / FULL, pane.size),
    view.down(points[2 * row + 1] / FULL, pane.size),
  ];

  function drawTrails(pane, number, context, selection) {
    const last = epochIndex(model);
    const past = [];
    for (let index = Math.max(0, last - TRAIL); index < last; index++) past.push(data.at(number, index));
    context.lineWidth = 1.25;
    context.lineJoin = "round";
    context.globalAlpha = 0.75;
    model.get("_classes").forEach(({ colour }, label) => {
      context.beginPath();
      for (const row of selection) {
        if (data.labels[row] !== label) continue;
        [...past, pane.now].forEach((points, step) => context[step ? "lineTo" : "moveTo"](...placed(pane, points, row)));
      }
      context.strokeStyle = colour;
      context.stroke();
    });
    context.globalAlpha = 1;
  }

  function drawRings(pane, context, rows, width) {
    context.lineWidth = width;
    context.beginPath();
    for (const row of rows) {
      const [x, y] = placed(pane, pane.now, row);
      context.moveTo(x + pane.radius + 2, y);
      context.arc(x, y, pane.radius + 2, 0, 2 * Math.PI);
    }
    context.stroke();
  }

  function drawLasso(context, corners) {
    context.beginPath();
    for (const [x, y] of corners) context.lineTo(x, y);
    context.setLineDash([4, 3]);
    context.lineWidth = 1;
    context.stroke();
    context.setLineDash([]);
  }

  function fit() {
    for (const pane of panes) {
      pane.size = pane.map.clientWidth;
      if (pane.size === 0) continue; // not in a page yet; the ResizeObserver calls again
      const pixels = Math.round(pane.size * (window.devicePixelRatio || 1));
      if (pane.canvas.width !== pixels) pane.canvas.width = pane.canvas.height = pixels;
      pane.radius = (data.labels.length < 800 ? 4.5 : data.labels.length < 4000 ? 3.5 : 2.5) * Math.min(0.4 + pane.size / 700, 1);
      const ground = getComputedStyle(card).backgroundColor;
      const radius = (pane.radius * pixels) / pane.size;
      pane.stamps = stampsOf(model.get("_classes"), symbols, radius, ground, pixels);
      pane.picture = new ImageData(pane.stamps.stride, pane.stamps.stride);
      pane.pixels = new Uint32Array(pane.picture.data.buffer);
    }
    draw();
  }

  // --- movement between epochs ---

  function step() {
    cancelAnimationFrame(frame);
    const goals = panes.map((_, number) => data.at(number, epochIndex(model)));
    if (!controls.playing() || reducedMotion()) {
      panes.forEach((pane, number) => (pane.now = goals[number]));
      return draw();
    }
    const starts = panes.map((pane) => Float32Array.from(pane.now));
    const begun = performance.now();
    const move = (time) => {
      const done = Math.min(Math.max((time - begun) / MOVE_MS, 0), 1);
      const eased = done * done * (3 - 2 * done);
      panes.forEach((pane, number) => {
        pane.now = done === 1 ? goals[number] : starts[number].map((from, i) => from + eased * (goals[number][i] - from));
      });
      draw();
      if (done < 1) frame = requestAnimationFrame(move);
    };
    frame = requestAnimationFrame(move);
  }

  // --- pointing, selecting, zooming ---

  function nearest(pane, x, y, reach) {
    const shown = new Set(model.get("classes"));
    let [best, distance] = [null, reach * reach];
    for (let row = 0; row < data.labels.length; row++) {
      if (!shown.has(data.labels[row])) continue;
      const [px, py] = placed(pane, pane.now, row);
      const apart = (px - x) ** 2 + (py - y) ** 2;
      if (apart < distance) [best, distance] = [row, apart];
    }
    return best;
  }

  function select(rows) {
    model.set("selection", [...new Set(rows)].sort((one, two) => one - two));
    model.save_changes();
  }

  function rowsIn(pane, corners) {
    const shown = new Set(model.get("classes"));
    const isWanted = (row) => shown.has(data.labels[row]) && isInside(corners, ...placed(pane, pane.now, row));
    return [...data.labels.keys()].filter(isWanted);
  }
  function toggle(row, earlier) {
    if (row === null) select(earlier);
    else select(earlier.includes(row) ? earlier.filter((other) => other !== row) : [...earlier, row]);
  }
  function listenTo(pane, number) {
    const point = (row) => (pointed = row === null ? null : { pane, number, row });
    function pointAtNext(step) {
      const shown = new Set(model.get("classes"));
      const rows = [...data.labels.keys()].filter((row) => shown.has(data.labels[row]));
      const index = rows.indexOf(pointed?.row ?? -1) + step;
      point(rows.at(index % Math.max(rows.length, 1)) ?? null);
      status.replaceChildren(...cardLines()); // said aloud
    }
    const dots = {
      nearest: (x, y, reach) => nearest(pane, x, y, reach),
      rowsIn: (corners) => rowsIn(pane, corners),
      point,
      pointed: () => pointed?.row ?? null,
      pointAtNext,
      selection: () => model.get("selection"),
      select,
      toggle,
      isLasso: () => isLasso,
      setLasso,
    };
    listenToMap(pane, view, dots, draw, signal);
  }

  // --- texts ---

  function cardLines() {
    if (!pointed) return [];
    const { number, row } = pointed;
    const nameOf = (label) => model.get("_classes")[label]?.name ?? String(label);
    const [label, predicted] = [data.labels[row], data.predictedOf(number, epochIndex(model), row)];
    const lines = [
      `true: ${nameOf(label)}`,
      predicted === UNKNOWN ? null : `predicted: ${nameOf(predicted)} ${predicted === label ? "✓" : "✗"}`,
      `image ${data.indices[row]}, epoch ${data.epochs[epochIndex(model)]}`,
    ];
    return lines.filter(Boolean).map((line) => element("div", {}, line));
  }

  function showCard() {
    card.hidden = !pointed;
    if (!pointed) return;
    const { pane, row } = pointed;
    card.replaceChildren(...cardLines());
    if (sprites) card.prepend(pictureOf(row));
    // Beside the dot where there is room, else below it.
    const [x, y] = placed(pane, pane.now, row);
    const [left, top, width] = [pane.map.offsetLeft + x, pane.map.offsetTop + y, card.offsetWidth];
    const isRight = left + 14 + width <= maps.clientWidth;
    const isLeft = !isRight && left - 14 - width >= 0;
    card.style.left = `${isRight ? left + 14 : isLeft ? left - 14 - width : Math.max(maps.clientWidth - width, 0)}px`;
    card.style.top = `${isRight || isLeft ? Math.max(top - card.offsetHeight / 2, 0) : top + 14}px`;
  }

  function pictureOf(row) {
    const side = model.get("_sprite_side");
    const columns = sprites.width / side;
    const canvas = element("canvas", { width: side, height: side, class: "dlcv-picture" });
    const [x, y] = [side * (row % columns), side * Math.floor(row / columns)];
    canvas.getContext("2d").drawImage(sprites, x, y, side, side, 0, 0, side, side);
    return canvas;
  }

  async function loadSprites() {
    const bytes = model.get("_sprites");
    if (bytes.byteLength) sprites = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
  }

  function showSelection() {
    const count = model.get("selection").length;
    selected.textContent = count
      ? `${count} ${count === 1 ? "image" : "images"} selected, with the trail of the last ${TRAIL} epochs. `
      : HINT;
    if (count) {
      const clear = element("button", { type: "button", class: "dlcv-chip dlcv-all" }, "clear");
      clear.addEventListener("click", () => select([]));
      selected.append(clear);
    }
  }

  function reload() {
    data = loaded(model);
    pointed = null;
    step();
  }
  const showMessage = () => (status.textContent = model.get("message"));

  listen(model, ["_coordinates", "_predicted", "epochs"], reload, signal);
  listen(model, ["epoch"], step, signal);
  listen(model, ["classes"], draw, signal);
  listen(model, ["selection"], () => (showSelection(), draw()), signal);
  listen(model, ["message"], showMessage, signal);
  onTheme(fit, signal);
  const resized = new ResizeObserver(fit);
  panes.forEach((pane) => resized.observe(pane.map));
  showSelection();
  showMessage();
  step();
  fit();
  loadSprites();
  return () => {
    stop.abort();
    resized.disconnect();
    cancelAnimationFrame(frame);
  };
}
