// What a reader does to an image before the network sees it. Pixels are Float32Array of `side` x `side` x 3, row by row,
// 0 to 255. Beyond the edges the image is mirrored.

const CHANNELS = 3;

export const UNCHANGED = { rotation: 0, noise: 0, blur: 0, brightness: 0 };

// rotation in degrees, noise and brightness as shares of the range, blur in pixels.
export function changed(pixels, side, { rotation, noise, blur, brightness }) {
  let result = Float32Array.from(pixels);
  if (rotation) result = turned(result, side, rotation);
  if (blur) result = blurred(result, side, blur);
  if (brightness) result = result.map((value) => value + 255 * brightness);
  if (noise) result = noisy(result, 255 * noise);
  return brightness || noise ? result.map((value) => Math.min(255, Math.max(0, value))) : result;
}

// Channels first and normalised, as the network takes them; the square is 0, which is the mean colour.
export function normalised(pixels, side, { mean, std }, square = null) {
  const area = side * side;
  const image = new Float32Array(CHANNELS * area);
  for (let channel = 0; channel < CHANNELS; channel++) {
    for (let pixel = 0; pixel < area; pixel++) {
      image[channel * area + pixel] = (pixels[CHANNELS * pixel + channel] / 255 - mean[channel]) / std[channel];
    }
    for (let row = 0; square && row < square.size; row++) {
      const start = channel * area + (square.y + row) * side + square.x;
      image.fill(0, start, start + square.size);
    }
  }
  return image;
}

// Class ids of a mask, turned as the image is.
export function turnedIds(ids, width, height, degrees) {
  if (!degrees) return ids;
  const source = places(width, height, degrees);
  return ids.map((_, pixel) => {
    const [x, y] = source(pixel % width, Math.floor(pixel / width));
    return ids[mirrored(Math.round(y), height) * width + mirrored(Math.round(x), width)];
  });
}

// For a place of the turned picture, the place in the picture as it was.
function places(width, height, degrees) {
  const [cosine, sine] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const [middleX, middleY] = [(width - 1) / 2, (height - 1) / 2];
  return (x, y) => [
    middleX + cosine * (x - middleX) + sine * (y - middleY),
    middleY - sine * (x - middleX) + cosine * (y - middleY),
  ];
}

function mirrored(index, count) {
  const period = 2 * count;
  const inside = ((index % period) + period) % period;
  return inside < count ? inside : period - 1 - inside;
}

function turned(pixels, side, degrees) {
  const source = places(side, side, degrees);
  const result = new Float32Array(pixels.length);
  for (let y = 0, at = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [left, top] = source(x, y);
      const [column, row] = [Math.floor(left), Math.floor(top)];
      const [right, below] = [left - column, top - row];
      const [x0, x1] = [mirrored(column, side), mirrored(column + 1, side)];
      const [y0, y1] = [mirrored(row, side) * side, mirrored(row + 1, side) * side];
      for (let channel = 0; channel < CHANNELS; channel++, at++) {
        const value = (place) => pixels[CHANNELS * place + channel];
        const upper = (1 - right) * value(y0 + x0) + right * value(y0 + x1);
        const lower = (1 - right) * value(y1 + x0) + right * value(y1 + x1);
        result[at] = (1 - below) * upper + below * lower;
      }
    }
  }
  return result;
}

// Gaussian blur, along the rows and then along the columns.
function blurred(pixels, side, sigma) {
  const reach = Math.ceil(3 * sigma);
  const weights = Array.from({ length: 2 * reach + 1 }, (_, tap) => Math.exp(-((tap - reach) ** 2) / (2 * sigma ** 2)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const along = (source, step, across) => {
    const result = new Float32Array(source.length);
    for (let line = 0; line < side; line++) {
      for (let place = 0; place < side; place++) {
        for (let channel = 0; channel < CHANNELS; channel++) {
          let sum = 0;
          for (let tap = -reach; tap <= reach; tap++) {
            const from = line * across + mirrored(place + tap, side) * step;
            sum += weights[tap + reach] * source[CHANNELS * from + channel];
          }
          result[CHANNELS * (line * across + place * step) + channel] = sum / total;
        }
      }
    }
    return result;
  };
  return along(along(pixels, 1, side), side, 1);
}

// The same noise every time, so that only the strength changes with its slider.
function noisy(pixels, std) {
  const random = generator(1);
  return pixels.map((value) => {
    const [radius, angle] = [Math.sqrt(-2 * Math.log(1 - random())), 2 * Math.PI * random()];
    return value + std * radius * Math.cos(angle);
  });
}

// mulberry32, a small generator of numbers in [0, 1).
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
