// The four panes of a LiveSegmenter: image with its square, prediction, true mask, and what the square changes.

import { element } from "../scrubbers/controls.js";
import { maskCanvas, maskPane } from "../scrubbers/mask_panes.js";
import { paintErrors, paintRegions, wordsOfClasses } from "../scrubbers/mask_pixels.js";

const HEADINGS = ["image", "prediction", "truth", "changed by the square"];
const FRAME = "image under the square: the arrow keys move the square, with Shift by single pixels";
const FAINT = 0.3; // of the grey image below the changed pixels

// `size` { width, height } of the masks; the image has `side` x `side` pixels.
export function livePanes(size, side, colours, hatch, alt) {
  const image = maskPane({ width: 1, height: 1 }, maskCanvas({ width: side, height: side }, "image", "image"));
  const predicted = maskPane(size, maskCanvas(size, "", "prediction"), maskCanvas(size, "", "errors"));
  const truth = maskPane(size, maskCanvas(size, "", "truth"));
  const change = maskPane(size, maskCanvas(size, "", "change"));
  const [drawn, wrong] = predicted.layers;
  wrong.setAttribute("aria-hidden", "true");
  for (const [name, value] of [["tabindex", 0], ["role", "application"], ["aria-label", FRAME]]) {
    image.frame.setAttribute(name, value);
  }
  const columns = [image, predicted, truth, change].map((pane, index) => {
    pane.element.prepend(element("div", { class: "dlcv-heading" }, HEADINGS[index]));
    return pane.element;
  });
  const panes = element("div", { class: "dlcv-panes", role: "group", "aria-label": alt }, ...columns);
  const hatchWords = wordsOfClasses(hatch, new Set([0, 1]));

  function paint(canvas, painter, label) {
    const picture = new ImageData(canvas.width, canvas.height);
    painter(new Uint32Array(picture.data.buffer));
    canvas.getContext("2d").putImageData(picture, 0, 0);
    canvas.setAttribute("aria-label", label);
  }
  const mapOf = (ids) => ({ ids, ...size });

  function showImage(pixels, square, colour, title) {
    const [canvas] = image.layers;
    const context = canvas.getContext("2d");
    const picture = context.createImageData(side, side);
    for (let pixel = 0; pixel < side * side; pixel++) {
      picture.data.set([pixels[3 * pixel], pixels[3 * pixel + 1], pixels[3 * pixel + 2], 255], 4 * pixel);
    }
    context.putImageData(picture, 0, 0);
    context.fillStyle = `rgb(${colour.join(", ")})`;
    context.fillRect(square.x, square.y, square.size, square.size);
    canvas.setAttribute("aria-label", title);
    image.text.textContent = title;
  }
  function showTruth(ids, shown) {
    const words = ids ? "true mask" : "There is no true mask of your image.";
    paint(truth.layers[0], (pixels) => ids && paintRegions(pixels, mapOf(ids), wordsOfClasses(colours, shown)), words);
    truth.text.textContent = ids ? "" : words;
  }
  function showPrediction(ids, truthIds, { shown, errors, words }) {
    paint(drawn, (pixels) => paintRegions(pixels, mapOf(ids), wordsOfClasses(colours, shown)), `prediction: ${words}`);
    panes.classList.toggle("dlcv-with-errors", errors && truthIds !== null);
    if (errors && truthIds) {
      paint(wrong, (pixels) => paintErrors(pixels, mapOf(ids), mapOf(truthIds), shown, hatchWords), "");
    }
    predicted.text.textContent = words;
  }
  // The changed pixels in the colours of their new classes, over the image in faint grey.
  function showChange(ids, { changed, under, beside }, pixels) {
    const everything = wordsOfClasses(colours, new Set(colours.keys()));
    const scale = side / size.width;
    const painter = (words) => {
      const bytes = new Uint8ClampedArray(words.buffer);
      for (let pixel = 0; pixel < ids.length; pixel++) {
        if (changed[pixel]) {
          words[pixel] = everything[ids[pixel]];
          continue;
        }
        const [x, y] = [pixel % size.width, Math.floor(pixel / size.width)].map((at) => Math.floor(at * scale));
        const at = 3 * (y * side + x);
        const grey = (pixels[at] + pixels[at + 1] + pixels[at + 2]) / 3;
        bytes.set([grey, grey, grey, 255 * FAINT], 4 * pixel);
      }
    };
    const words = `${(under + beside).toLocaleString("en")} pixels change`;
    paint(change.layers[0], painter, words);
    change.text.textContent = words;
  }
  return { element: panes, frame: image.frame, showImage, showTruth, showPrediction, showChange };
}
