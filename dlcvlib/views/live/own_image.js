// An image of the reader's, by a file dialogue or dropped, at the size that the network takes.

import { element } from "../scrubbers/controls.js";

const MOST_BYTES = 100e6;

// Return { pixels, words } of a file: RGB of 0 to 255, `side` x `side`, and what was done to it.
async function readImage(file, side) {
  if (file.size > MOST_BYTES) throw new Error("it is larger than 100 megabytes");
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    throw new Error("this browser cannot read it as an image; try a PNG or JPEG file");
  }
  const { width, height } = picture;
  const shorter = Math.min(width, height);
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, (width - shorter) / 2, (height - shorter) / 2, shorter, shorter, 0, 0, side, side);
  picture.close();
  const { data } = context.getImageData(0, 0, side, side);
  const pixels = new Uint8Array(3 * side * side);
  let transparent = false;
  for (let pixel = 0; pixel < side * side; pixel++) {
    const opaque = data[4 * pixel + 3] / 255;
    transparent ||= opaque < 1;
    for (let channel = 0; channel < 3; channel++) {
      pixels[3 * pixel + channel] = Math.round(data[4 * pixel + channel] * opaque + 255 * (1 - opaque));
    }
  }
  const cut = width === height ? "" : ` Its middle ${shorter} x ${shorter} pixels are taken.`;
  const clear = transparent ? " Where it is transparent, it is shown on white." : "";
  return { pixels, words: `${file.name}, ${width} x ${height} pixels, resized to ${side} x ${side}.${cut}${clear}` };
}

// Button that opens a file; a file dropped on `target` is opened, too. `onImage({ pixels, words })`, `onFault(text)`.
export function ownImage(target, side, { onImage, onFault }, signal) {
  const input = element("input", { type: "file", accept: "image/*", hidden: "", "aria-label": "image file" });
  const button = element("button", { type: "button", class: "dlcv-toggle" }, "your own image …");
  async function open(file) {
    if (!file) return;
    try {
      const image = await readImage(file, side);
      if (!signal.aborted) onImage(image);
    } catch (error) {
      onFault(`${file.name} is not shown: ${error.message}.`);
    }
  }
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    open(input.files[0]);
    input.value = ""; // so that the same file can be opened again
  });
  target.addEventListener("dragover", (event) => event.preventDefault(), { signal });
  target.addEventListener(
    "drop",
    (event) => {
      event.preventDefault();
      if (event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
      else onFault("What was dropped is no file.");
    },
    { signal },
  );
  return element("span", {}, button, input);
}
