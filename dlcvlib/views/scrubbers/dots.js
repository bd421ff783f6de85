// Parts of a map of dots: the packed values, a mark for each class, and a lasso. The values
// (dlcvlib/views/scrubbers/embedding_scrubber.py): `_coordinates` uint16 [pane][epoch][sample][x, y] in one square for
// all maps, `_labels` uint8 [sample], `_predicted` uint8 [pane][epoch][sample], `_indices` uint32 [sample].

import { element } from "./controls.js";

export const UNKNOWN = 255; // the snapshot holds no prediction

function arrayOf(Type, view) {
  return new Type(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength)); // aligned, as Type needs it
}

export function loaded(model) {
  const labels = arrayOf(Uint8Array, model.get("_labels"));
  const epochs = model.get("epochs");
  const coordinates = arrayOf(Uint16Array, model.get("_coordinates"));
  const size = 2 * labels.length;
  const predicted = arrayOf(Uint8Array, model.get("_predicted"));
  const perPane = epochs.length * size;
  return {
    labels,
    epochs,
    indices: arrayOf(Uint32Array, model.get("_indices")),
    at: (pane, index) => coordinates.subarray(pane * perPane + index * size, pane * perPane + (index + 1) * size),
    predictedOf: (pane, index, row) =>
      predicted.length ? predicted[(pane * epochs.length + index) * labels.length + row] : UNKNOWN,
  };
}

function pathOf(context, polygon, x, y, radius) {
  context.beginPath();
  for (let corner = 0; corner < polygon.length; corner += 2) {
    context.lineTo(x + radius * polygon[corner], y - radius * polygon[corner + 1]);
  }
  context.closePath();
}

// Each class's mark as a list of pixels: writing these is several times as fast as drawing each dot on the canvas.
// `offsets` are pixel offsets from a dot's centre in an image of `stride` pixels a row. The image is padded by half a
// mark around the `size` visible pixels, so that no dot is clipped.
export function stampsOf(classes, symbols, radius, ground, size) {
  const half = Math.ceil(radius * 1.3 + 1.5);
  const side = 2 * half;
  const stride = size + side;
  const context = element("canvas", { width: side, height: side }).getContext("2d", { willReadFrequently: true });
  context.strokeStyle = ground; // a thin edge keeps dots apart that lie over each other
  context.lineWidth = Math.max(radius / 5, 0.5);
  const marks = classes.map(({ colour, symbol }) => {
    context.clearRect(0, 0, side, side);
    pathOf(context, symbols[symbol], half, half, radius);
    context.fillStyle = colour;
    context.fill();
    context.stroke();
    const drawn = new Uint32Array(context.getImageData(0, 0, side, side).data.buffer);
    const inked = [...drawn.keys()].filter((index) => drawn[index] >>> 24);
    const offsets = Int32Array.from(inked, (index) => (Math.floor(index / side) - half) * stride + (index % side) - half);
    return { offsets, colours: Uint32Array.from(inked, (index) => drawn[index]) };
  });
  return { marks, half, stride };
}

// Alpha compositing of two pixels, with alpha in the highest byte.
export function blended(over, under) {
  const [above, below] = [over >>> 24, under >>> 24];
  if (above === 255 || below === 0) return over;
  const left = (below * (255 - above)) / 255;
  const all = above + left;
  const mix = (shift) => (((over >>> shift) & 255) * above + ((under >>> shift) & 255) * left) / all;
  return ((all << 24) | (mix(16) << 16) | (mix(8) << 8) | mix(0)) >>> 0;
}

export const faded = (colour, opacity) => ((((colour >>> 24) * opacity) << 24) | (colour & 0xffffff)) >>> 0;

export function swatchOf(symbols) {
  return ({ colour, symbol }) => {
    const canvas = element("canvas", { width: 24, height: 24, class: "dlcv-swatch", "aria-hidden": "true" });
    const context = canvas.getContext("2d");
    pathOf(context, symbols[symbol], 12, 12, 9);
    context.fillStyle = colour;
    context.fill();
    return canvas;
  };
}

export function isInside(polygon, x, y) {
  let inside = false;
  for (let one = 0, other = polygon.length - 1; one < polygon.length; other = one++) {
    const [[x1, y1], [x2, y2]] = [polygon[one], polygon[other]];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  }
  return inside;
}
