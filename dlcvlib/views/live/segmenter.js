// LiveSegmenter: the network of the epoch runs in the page, on an image that the reader covers, turns or replaces.

import { openNetwork } from "../../live/network.js";
import { classLegend, element, epochControls, epochFigures, epochIndex, listen } from "../scrubbers/controls.js";
import { maskSwatch, toggleButton } from "../scrubbers/mask_panes.js";
import { coveringSquare } from "./covering_square.js";
import { UNCHANGED, changed, normalised, turnedIds } from "./image_changes.js";
import { layerMaps } from "./layer_maps.js";
import { changeSliders, imageSelect, sentence } from "./live_controls.js";
import { livePanes } from "./live_panes.js";
import { ownImage } from "./own_image.js";
import { pageFiles } from "./page_files.js";
import { classesOf, difference, differenceInWords, shareOfWrong } from "./predictions.js";

const SLOW = "This page may not run WebAssembly, so the network runs in plain JavaScript, about ten times slower.";

// Photos and true masks: of each tile RGB bytes and class ids.
function unpacked(bytes, tiles, side) {
  let at = 0;
  const take = (count) => bytes.subarray(at, (at += count));
  return tiles.map(({ name, width, height }) => ({ name, pixels: take(3 * side * side), truth: take(width * height) }));
}

// The network of the slider's epoch, once its weights are there: opened at first, then filled with other weights.
function epochNetwork(model, plan, files, signal, { onReady, onFault }) {
  let network = null;
  let loaded = null; // epoch whose weights the network has
  async function load() {
    const epoch = model.get("epochs")[epochIndex(model)];
    const isStale = () => signal.aborted || epoch !== model.get("epochs")[epochIndex(model)];
    if (epoch === loaded) return onReady(network);
    try {
      const weights = await files.read(String(epoch));
      if (isStale()) return;
      if (network) network.load(weights);
      else network = await openNetwork({ plan, weights, kernel: await files.read("kernel") });
      if (isStale()) return load(); // the slider moved while the network was opened
      loaded = epoch;
      onReady(network);
    } catch (error) {
      if (!isStale()) onFault(`The network of epoch ${epoch} cannot run: ${error.message}.`);
    }
  }
  listen(model, ["epoch", "epochs"], load, signal);
  load();
}

async function build(model, el, signal, status) {
  const tiles = model.get("_tiles");
  const [{ width, height }] = tiles;
  const files = pageFiles(model, signal);
  const plan = JSON.parse(new TextDecoder().decode(await files.read("plan")));
  const side = plan.layers[0].shape[2];
  const images = unpacked(await files.read("pictures"), tiles, side);
  const normalisation = model.get("_normalisation");
  const middle = normalisation.mean.map((value) => Math.round(255 * value));
  const square = { x: Math.round(side * 0.375), y: Math.round(side * 0.375), size: Math.round(side / 4) };
  const changes = { ...UNCHANGED };
  const remarks = model.get("_remarks");
  const colours = model.get("_classes").map(({ colour }) => colour);
  const panes = livePanes({ width, height }, side, colours, model.get("_hatch"), model.get("alt"));
  const spoken = sentence(signal);
  let [image, pixels, truth, uncovered, network, fault] = [images[0], null, null, null, null, ""];
  let waiting = false;

  const maps = layerMaps(plan.layers, () => draw());
  // Once a frame, however many events came.
  function draw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      if (!signal.aborted) drawNow();
    });
  }
  function predict(covering) {
    const logits = network.run(normalised(pixels, side, normalisation, covering));
    return classesOf({ shape: network.output.shape, values: logits }, width, height);
  }
  function drawNow() {
    const shown = new Set(model.get("classes"));
    if (!pixels) {
      pixels = changed(image.pixels, side, changes);
      truth = image.truth && turnedIds(image.truth, width, height, changes.rotation);
      uncovered = null;
    }
    panes.showImage(pixels, square, middle, image.name);
    panes.showTruth(truth, shown);
    if (!network) return showStatus();
    uncovered ??= predict(null);
    const ids = predict(square); // last, so that the feature maps are those of the covered image
    const wrong = truth ? `${(100 * shareOfWrong(ids, truth)).toFixed(1)} % wrong` : "";
    panes.showPrediction(ids, truth, { shown, errors: model.get("errors"), words: wrong });
    const found = difference(uncovered, ids, width, square, width / side);
    panes.showChange(ids, found, pixels);
    spoken.say(differenceInWords(found, square));
    maps.show(network);
    showStatus();
    el.dataset.epoch = model.get("epochs")[epochIndex(model)];
  }
  function showStatus() {
    const slow = network?.backend === "javascript" ? SLOW : "";
    const own = image.truth ? "" : `${image.words} ${remarks.own}`;
    status([fault, slow, own, remarks.passes].filter(Boolean).join(" "));
  }
  function redo() {
    pixels = null;
    draw();
  }
  function choose(next) {
    [image, fault] = [next, ""];
    redo();
  }
  function stop(text) {
    fault = text;
    draw();
  }

  const covering = coveringSquare(panes.frame, side, square, draw, signal);
  const sliders = changeSliders(changes, side, square, redo, covering.resize);
  const select = imageSelect([...tiles.map(({ name }) => name)], (index) => choose(images[index]));
  const onImage = ({ pixels: own, words }) => {
    images[tiles.length] = { name: "your own image", pixels: own, truth: null, words };
    select.chooseOwn();
    choose(images[tiles.length]);
  };
  const own = ownImage(panes.element, side, { onImage, onFault: stop }, signal);
  const options = element("div", { class: "dlcv-options" }, select.element, own, sliders.reset);
  options.append(toggleButton(model, "errors", "errors", signal));
  maps.element.addEventListener("keydown", (event) => event.stopPropagation());
  el.append(options, panes.element, ...spoken.elements, sliders.element, maps.element);
  listen(model, ["classes", "errors"], draw, signal);
  epochNetwork(model, plan, files, signal, {
    onReady(ready) {
      [network, uncovered, fault] = [ready, null, ""];
      draw();
    },
    onFault(text) {
      network = null; // masks of another epoch would not be those of the slider
      stop(text);
    },
  });
  draw();
}

export function render({ model, el }) {
  const stop = new AbortController();
  el.classList.add("dlcv-scrubber", "dlcv-masks", "dlcv-live");
  const text = element("p", { class: "dlcv-status", role: "status" });
  const status = (words) => text.textContent !== words && (text.textContent = words);
  const body = element("div");
  const legend = classLegend(model, stop.signal, maskSwatch);
  const controls = epochControls(model, el, stop.signal);
  el.append(legend.element, body, text, controls.element, epochFigures(model, stop.signal).element);
  build(model, body, stop.signal, status).catch((error) => status(`The network cannot be shown: ${error.message}.`));
  return () => stop.abort();
}
