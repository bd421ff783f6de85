// MaskScrubber: for each image a row of panes: image, mask predicted at the epoch (of one run or two), truth.
// `_data` concatenates files, file i from `_offsets[i]` to `_offsets[i + 1]`, in the order given in mask_packing.py.

import { classLegend, element, epochControls, epochFigures, epochIndex, listen, shownNumber } from "./controls.js";
import { linkedZoom, maskCanvas, maskPane, maskSwatch, sharpen, toggleButton } from "./mask_panes.js";
import { MaskCache, classOfCode, paintErrors, paintOutlines, paintRegions, wordsOfClasses } from "./mask_pixels.js";

const ERRORS_EXPLAINED =
  "Hatched: the predicted class is not the true one. Pixels that are truly Unknown count, as in the course's IoU.";
const NO_CLASS = "No class is selected, so only the images are shown: choose a class in the legend.";
const ZOOM_EXPLAINED =
  "Ctrl + wheel, two fingers, the buttons or the keys + − 0 zoom, dragging moves; a double click shows the whole again.";
const WIDTHS_OF_OUTLINE = 170; // mask width divided by outline width
const AHEAD = [1, -1, 2, -2, 3, -3]; // epochs decoded while the reader looks at one

function maskFiles(model) {
  const data = model.get("_data");
  const offsets = model.get("_offsets");
  const [tiles, epochs] = [model.get("_tiles").length, model.get("epochs").length];
  return {
    current: () => model.get("_data") === data,
    bytes: (file) => new Uint8Array(data.buffer, data.byteOffset + offsets[file], offsets[file + 1] - offsets[file]),
    photo: (tile) => tile,
    truth: (tile) => tiles + tile,
    prediction: (run, index, tile) => 2 * tiles + (run * epochs + index) * tiles + tile,
  };
}

// Panes of all tiles below the column headings; with two runs these are their titles.
function maskTable(model, files, signal) {
  const titles = model.get("_figures").map((run) => run.title);
  const heading = (text) => element("div", { class: "dlcv-heading" }, text);
  const predictions = titles.map((title) => heading(titles.length > 1 ? title : "prediction"));
  const rows = model.get("_tiles").map((tile, index) => {
    const address = URL.createObjectURL(new Blob([files.bytes(files.photo(index))], { type: "image/jpeg" }));
    signal.addEventListener("abort", () => URL.revokeObjectURL(address));
    const photo = (alt) => element("img", { src: address, alt, draggable: "false" });
    const predicted = titles.map((title) =>
      maskPane(tile, photo(""), maskCanvas(tile, title, "prediction"), maskCanvas(tile, "", "errors")),
    );
    for (const { layers } of predicted) layers[2].setAttribute("aria-hidden", "true"); // the layer below has the label
    const image = maskPane(tile, photo(`${tile.name}, satellite image`));
    const truth = maskPane(tile, photo(""), maskCanvas(tile, `${tile.name}, true mask`, "truth"));
    image.text.textContent = tile.name;
    return { tile, image, predicted, truth, panes: [image, ...predicted, truth] };
  });
  const panes = element("div", { class: "dlcv-panes", tabindex: 0, role: "group", "aria-label": model.get("alt") });
  panes.style.setProperty("--columns", titles.length + 2);
  panes.append(heading("image"), ...predictions, heading("truth"));
  for (const row of rows) panes.append(...row.panes.map((pane) => pane.element));
  return { element: panes, rows, titles };
}

function opacitySlider(model, signal) {
  const input = element("input", { type: "range", min: 0, max: 1, step: 0.05 });
  const show = () => (input.value = model.get("opacity"));
  input.addEventListener("input", () => {
    model.set("opacity", Number(input.value));
    model.save_changes();
  });
  listen(model, ["opacity"], show, signal);
  show();
  return element("label", { class: "dlcv-opacity" }, "opacity", input);
}

// Everything that depends on the records and their epochs; rebuilt when a live run has new ones.
function maskView(model, look, signal, showStatus) {
  const files = maskFiles(model);
  const table = maskTable(model, files, signal);
  const colours = model.get("_classes").map(({ colour }) => colour);
  const cache = new MaskCache(files.bytes, classOfCode(colours));
  const hatch = wordsOfClasses(model.get("_hatch"), new Set([0, 1]));
  const keysOfTruths = table.rows.map((_, tile) => files.truth(tile));
  const keysAt = (index) =>
    table.titles.flatMap((_, run) => table.rows.map((_, tile) => files.prediction(run, index, tile)));
  const canvases = table.rows.flatMap(({ panes }) => panes.flatMap(({ layers }) => layers.slice(1)));
  let scratch = new ImageData(1, 1);

  // `painter` writes one word a pixel; skipped if the canvas shows `content` already.
  function paint(canvas, content, painter) {
    if (canvas.content === content) return;
    canvas.content = content;
    const { width, height } = canvas;
    if (scratch.width !== width || scratch.height !== height) scratch = new ImageData(width, height);
    painter(new Uint32Array(scratch.data.buffer));
    canvas.getContext("2d").putImageData(scratch, 0, 0);
  }

  async function draw() {
    if (!files.current()) return; // a live run has new data, so the view is about to be rebuilt
    const index = epochIndex(model);
    const keys = [...keysOfTruths, ...keysAt(index)];
    let maps = keys.map((key) => cache.have(key));
    if (maps.includes(undefined)) {
      try {
        maps = await Promise.all(keys.map((key) => cache.get(key)));
      } catch (error) {
        if (signal.aborted || index !== epochIndex(model)) return;
        showStatus(`The masks of epoch ${model.get("epochs")[index]} cannot be read (${error.message}).`);
        return;
      }
      if (signal.aborted || index !== epochIndex(model)) return; // a later step draws
    }
    paintAll(index, maps.slice(0, table.rows.length), maps.slice(table.rows.length));
    readAhead(index);
  }

  function paintAll(index, truths, predictions) {
    const shown = new Set(model.get("classes"));
    const [outline, errors] = [model.get("outline"), model.get("errors")];
    const wordOf = wordsOfClasses(colours, shown);
    const drawing = `${[...shown]} ${outline}`;
    const reach = (map) => Math.max(1, Math.round(map.width / WIDTHS_OF_OUTLINE));
    const regions = (map) => (words) =>
      outline ? paintOutlines(words, map, wordOf, reach(map)) : paintRegions(words, map, wordOf);
    table.rows.forEach(({ tile, predicted, truth }, row) => {
      paint(truth.layers[1], drawing, regions(truths[row]));
      predicted.forEach(({ layers, text }, run) => {
        const map = predictions[run * table.rows.length + row];
        paint(layers[1], `${index} ${drawing}`, regions(map));
        const wrong = (words) => paintErrors(words, map, truths[row], shown, hatch);
        if (errors) paint(layers[2], `${index} ${[...shown]}`, wrong);
        const figures = [
          `IoU ${shownNumber(tile.iou[run][index])}`,
          `${(100 * tile.wrong[run][index]).toFixed(1)} % wrong`,
        ];
        text.replaceChildren(...figures.map((figure) => element("span", {}, figure)));
        layers[1].setAttribute(
          "aria-label",
          `${tile.name}, ${table.titles[run]}, epoch ${model.get("epochs")[index]}: ${figures.join(", ")}`,
        );
      });
    });
    table.element.classList.toggle("dlcv-with-errors", errors);
    const explained = shown.size === 0 ? NO_CLASS : errors ? ERRORS_EXPLAINED : ZOOM_EXPLAINED;
    showStatus([model.get("message"), explained].filter(Boolean).join(" "));
  }

  async function readAhead(index) {
    for (const step of AHEAD) {
      if (signal.aborted || index !== epochIndex(model)) return;
      if (model.get("epochs")[index + step] === undefined) continue;
      // An unreadable file is reported when the reader steps to it.
      await Promise.all(keysAt(index + step).map((key) => cache.get(key))).catch(() => {});
    }
  }

  const sharpenAll = (factor) => canvases.forEach((canvas) => sharpen(canvas, factor));
  const zoom = linkedZoom(table.element, look, signal, sharpenAll);
  const fade = () => table.element.style.setProperty("--opacity", model.get("opacity"));
  const resized = new ResizeObserver(() => zoom.refresh());
  resized.observe(table.element);
  signal.addEventListener("abort", () => resized.disconnect());
  listen(model, ["epoch", "classes", "outline", "errors", "message"], draw, signal);
  listen(model, ["opacity"], fade, signal);
  fade();
  draw();
  return { element: table.element, zoom: zoom.element };
}

export function render({ model, el }) {
  const stop = new AbortController();
  el.classList.add("dlcv-scrubber", "dlcv-masks");
  const text = element("p", { class: "dlcv-status", "aria-live": "polite" });
  const showStatus = (words) => text.textContent !== words && (text.textContent = words);
  const legend = classLegend(model, stop.signal, maskSwatch);
  const options = element(
    "div",
    { class: "dlcv-options" },
    opacitySlider(model, stop.signal),
    toggleButton(model, "outline", "outlines", stop.signal),
    toggleButton(model, "errors", "errors", stop.signal),
  );
  const [panes, zoom] = [element("div"), element("div", { class: "dlcv-zoom-holder" })];
  options.append(zoom);
  const controls = epochControls(model, el, stop.signal);
  const figures = epochFigures(model, stop.signal);
  el.append(legend.element, options, panes, text, controls.element, figures.element);

  const look = { zoom: 1, x: 0, y: 0 }; // survives a rebuild
  let view = new AbortController();
  function build() {
    view.abort();
    view = new AbortController();
    const made = maskView(model, look, view.signal, showStatus);
    panes.replaceChildren(made.element);
    zoom.replaceChildren(made.zoom);
  }
  listen(model, ["_data"], build, stop.signal);
  build();
  return () => {
    stop.abort();
    view.abort();
  };
}
