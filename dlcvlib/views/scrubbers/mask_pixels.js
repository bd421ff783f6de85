// Label maps: decoded from palette PNG, cached up to a size limit, and painted in the course's colours.
// A label map is { ids: Uint8Array of class ids, row by row; width; height }.

const CACHE_BYTES = 64e6; // about 240 maps of 512 x 512
const AS_STORED = { colorSpaceConversion: "none", premultiplyAlpha: "none" };

// Class ids by 3-bit colour code: a channel of 128 or more is 1, as in dlcvlib/data/palette.py. The last class, Unknown,
// also takes the codes without a class.
export function classOfCode(colours) {
  const classes = new Uint8Array(8).fill(colours.length - 1);
  colours.forEach(([red, green, blue], id) => (classes[((red >> 7) << 2) | ((green >> 7) << 1) | (blue >> 7)] = id));
  return classes;
}

// Decode a PNG in the browser and turn its colours back into class ids.
async function decodeMask(file, classes) {
  const picture = await createImageBitmap(new Blob([file], { type: "image/png" }), AS_STORED);
  const { width, height } = picture;
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  picture.close();
  const channels = context.getImageData(0, 0, width, height).data;
  const ids = new Uint8Array(width * height);
  for (let pixel = 0, at = 0; pixel < ids.length; pixel++, at += 4) {
    ids[pixel] = classes[((channels[at] >> 7) << 2) | ((channels[at + 1] >> 7) << 1) | (channels[at + 2] >> 7)];
  }
  return { ids, width, height };
}

// Least-recently-used cache of decoded maps. `read(key)` returns the file's bytes.
export class MaskCache {
  constructor(read, classes, limit = CACHE_BYTES) {
    Object.assign(this, { read, classes, limit, bytes: 0, maps: new Map(), reading: new Map() });
  }

  // The map, if it is cached. A Map keeps insertion order, so a used entry is moved to its end.
  have(key) {
    const map = this.maps.get(key);
    if (map) {
      this.maps.delete(key);
      this.maps.set(key, map);
    }
    return map;
  }

  get(key) {
    const map = this.have(key);
    if (map) return Promise.resolve(map);
    if (!this.reading.has(key)) {
      const reading = decodeMask(this.read(key), this.classes)
        .then((decoded) => this.keep(key, decoded))
        .finally(() => this.reading.delete(key));
      this.reading.set(key, reading);
    }
    return this.reading.get(key);
  }

  keep(key, map) {
    this.maps.set(key, map);
    this.bytes += map.ids.length;
    for (const [oldest, { ids }] of this.maps) {
      if (this.bytes <= this.limit || oldest === key) break;
      this.maps.delete(oldest);
      this.bytes -= ids.length;
    }
    return map;
  }
}

// RGBA of each class as one 32-bit word, as ImageData stores it; hidden classes are transparent (0).
export function wordsOfClasses(colours, shown) {
  const bytes = new Uint8ClampedArray(4 * colours.length);
  colours.forEach((colour, id) => shown.has(id) && bytes.set([...colour, 255], 4 * id));
  return new Uint32Array(bytes.buffer);
}

export function paintRegions(words, { ids }, wordOf) {
  for (let pixel = 0; pixel < ids.length; pixel++) words[pixel] = wordOf[ids[pixel]];
}

// Only pixels at most `reach` steps along the row or the column from another class.
export function paintOutlines(words, { ids, width, height }, wordOf, reach) {
  for (let y = 0, pixel = 0; y < height; y++) {
    const above = Math.min(reach, y) * width;
    const below = Math.min(reach, height - 1 - y) * width;
    for (let x = 0; x < width; x++, pixel++) {
      const id = ids[pixel];
      const inside =
        ids[pixel - Math.min(reach, x)] === id &&
        ids[pixel + Math.min(reach, width - 1 - x)] === id &&
        ids[pixel - above] === id &&
        ids[pixel + below] === id;
      words[pixel] = inside ? 0 : wordOf[id];
    }
  }
}

// Hatch every wrong pixel in two alternating colours, unless both its predicted and its true class are hidden.
export function paintErrors(words, { ids, width }, truth, shown, [one, other]) {
  const marked = new Uint8Array(64); // by predicted and true class
  for (let pair = 0; pair < 64; pair++) {
    const [predicted, actual] = [pair >> 3, pair & 7];
    marked[pair] = predicted !== actual && (shown.has(predicted) || shown.has(actual));
  }
  const stripe = Math.round(Math.log2(Math.max(1, width / 64))); // its width is a power of two
  for (let y = 0, pixel = 0; pixel < ids.length; y++) {
    for (let x = 0; x < width; x++, pixel++) {
      const seen = marked[(ids[pixel] << 3) | truth.ids[pixel]];
      words[pixel] = seen ? (((x + y) >> stripe) & 1 ? one : other) : 0;
    }
  }
}
