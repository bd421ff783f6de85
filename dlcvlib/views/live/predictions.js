// Class ids of logits, and how they change.

// The highest class of each pixel, after the logits (classes, side, side) are resized to `width` x `height`, bilinear as
// torch's interpolate(align_corners=False) does.
export function classesOf({ shape: [classes, rows, columns], values }, width, height) {
  const across = taps(columns, width);
  const down = taps(rows, height);
  const ids = new Uint8Array(width * height);
  for (let y = 0, pixel = 0; y < height; y++) {
    const { first: top, second: bottom, share: lower } = down[y];
    for (let x = 0; x < width; x++, pixel++) {
      const { first: left, second: right, share } = across[x];
      let most = -Infinity;
      for (let id = 0, plane = 0; id < classes; id++, plane += rows * columns) {
        const [above, below] = [plane + top * columns, plane + bottom * columns];
        const high = values[above + left] * (1 - share) + values[above + right] * share;
        const low = values[below + left] * (1 - share) + values[below + right] * share;
        const value = high * (1 - lower) + low * lower;
        if (value > most) {
          most = value;
          ids[pixel] = id;
        }
      }
    }
  }
  return ids;
}

function taps(from, to) {
  return Array.from({ length: to }, (_, place) => {
    const source = Math.max(0, ((place + 0.5) * from) / to - 0.5);
    const first = Math.min(from - 1, Math.floor(source));
    return { first, second: Math.min(from - 1, first + 1), share: source - first };
  });
}

// Pixels of which two masks say different classes: how many under the square { x, y, size } and how many beside it, and
// the largest distance of one from the square, in pixels of the mask. `scale` is the mask's width by the image's.
export function difference(before, after, width, square, scale) {
  const [left, top] = [square.x * scale, square.y * scale];
  const [right, bottom] = [left + square.size * scale - 1, top + square.size * scale - 1];
  const found = { changed: new Uint8Array(after.length), under: 0, beside: 0, farthest: 0 };
  for (let pixel = 0; pixel < after.length; pixel++) {
    if (before[pixel] === after[pixel]) continue;
    found.changed[pixel] = 1;
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    const distance = Math.hypot(Math.max(left - x, 0, x - right), Math.max(top - y, 0, y - bottom));
    if (distance === 0) found.under += 1;
    else found.beside += 1;
    found.farthest = Math.max(found.farthest, distance);
  }
  return found;
}

const counted = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

export function differenceInWords({ under, beside, farthest }, square) {
  if (!square.size) return "Nothing is covered.";
  const where = `The square covers ${square.size} x ${square.size} pixels from column ${square.x}, row ${square.y}.`;
  if (!under && !beside) return `${where} No prediction changes.`;
  const far = beside
    ? `${counted(beside, "pixel")} beside it, the farthest ${Math.round(farthest)} pixels away`
    : "none beside it";
  return `${where} The class changes at ${counted(under, "pixel")} under it and at ${far}.`;
}

export function shareOfWrong(ids, truth) {
  let wrong = 0;
  for (let pixel = 0; pixel < ids.length; pixel++) wrong += ids[pixel] !== truth[pixel];
  return wrong / ids.length;
}
