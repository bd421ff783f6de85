// Answers to prompts where no kernel runs: the painted regions that lie there, by the rule of `regions_under` in
// dlcvlib/sam/prompts.py. Regions are { ids: Int32Array, row by row, -1 for none; width; height }.

const AS_STORED = { colorSpaceConversion: "none", premultiplyAlpha: "none" };

// Decode a PNG whose red and green hold the index of a pixel's region plus one, low byte first.
export async function decodeRegions(file) {
  const picture = await createImageBitmap(new Blob([file], { type: "image/png" }), AS_STORED);
  const { width, height } = picture;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const channels = context.getImageData(0, 0, width, height).data;
  const ids = Int32Array.from({ length: width * height }, (_, pixel) => {
    return channels[4 * pixel] + 256 * channels[4 * pixel + 1] - 1;
  });
  return { ids, width, height };
}

// Set of the regions that hold a point of label 1 or lie for the most part in the box, less those at a point of label 0.
function chosenRegions({ ids, width, height }, points, labels, box) {
  const at = points.map(([x, y]) => ids[Math.floor(y) * width + Math.floor(x)]);
  const chosen = new Set(at.filter((_, index) => labels[index]));
  if (box.length) {
    const [x0, y0, x1, y1] = box.map(Math.round);
    const whole = new Map();
    const inside = new Map();
    for (let y = 0, pixel = 0; y < height; y++) {
      for (let x = 0; x < width; x++, pixel++) {
        whole.set(ids[pixel], (whole.get(ids[pixel]) ?? 0) + 1);
        if (x >= x0 && x < x1 && y >= y0 && y < y1) inside.set(ids[pixel], (inside.get(ids[pixel]) ?? 0) + 1);
      }
    }
    for (const [region, pixels] of inside) if (2 * pixels > whole.get(region)) chosen.add(region);
  }
  for (const region of [-1, ...at.filter((_, index) => !labels[index])]) chosen.delete(region);
  return chosen;
}

// Mask of the answer to a prompt, 1 for each pixel of it.
export function answerFrom(regions, points, labels, box) {
  const chosen = chosenRegions(regions, points, labels, box);
  return Uint8Array.from(regions.ids, (region) => (chosen.has(region) ? 1 : 0));
}

// Canvas of a mask: tinted, with a white border inside, as `_overlay` in prompt_picker.py draws it.
export function tinted(mask, { width, height }, [red, green, blue, alpha]) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  const holds = (x, y) => x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!holds(x, y)) continue;
      const within = holds(x - 1, y) && holds(x + 1, y) && holds(x, y - 1) && holds(x, y + 1);
      picture.data.set(within ? [red, green, blue, alpha] : [255, 255, 255, 255], 4 * (y * width + x));
    }
  }
  context.putImageData(picture, 0, 0);
  return canvas;
}
