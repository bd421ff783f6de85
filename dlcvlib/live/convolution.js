// Convolution, transposed convolution and linear layer: all three multiply a matrix of weights by a matrix of windows.

import { activate, limitsOf } from "./activation.js";
import { COLUMNS } from "./multiplication.js";

const UNLIMITED = { low: -Infinity, high: Infinity };

// Convolution. The window of output pixel n begins at `starts[n]` in the padded image, and its number k lies `taps[k]`
// behind that. Stride, dilation and padding are all in these two tables.
export function prepareConv(layer, [input], space) {
  const [, inHeight, inWidth] = input.shape;
  const [outChannels, outHeight, outWidth] = layer.shape;
  const { kernel, stride, padding, dilation, groups } = layer.options;
  const size = { channels: input.shape[0], height: inHeight + 2 * padding[0], width: inWidth + 2 * padding[1] };
  const plane = size.height * size.width;
  const isPadded = padding[0] + padding[1] > 0;

  const limits = limitsOf(layer); // null: an activation that is no clamp
  const starts = grid([outHeight, outWidth], [stride[0] * size.width, stride[1]]);
  const taps = grid([size.channels / groups, ...kernel], [plane, dilation[0] * size.width, dilation[1]]);
  const paddedSize = isPadded ? Math.ceil((size.channels * plane) / 4) * 4 : 0;
  space.share(paddedSize + taps.length * COLUMNS);
  const task = {
    starts: space.table(starts),
    taps: space.table(taps),
    height: outChannels / groups,
    depth: taps.length,
    width: starts.length,
    ...(limits ?? UNLIMITED),
  };

  return (machine) => {
    const image = isPadded ? padInto(machine, input, size, padding) : input.out;
    for (let group = 0; group < groups; group++) {
      const first = group * task.height; // output channel of this group
      machine.multiply({
        ...task,
        weight: layer.weights.weight + first * task.depth,
        bias: layer.weights.bias + first,
        image: image + (group * size.channels * plane) / groups,
        out: layer.out + first * task.width,
        panel: machine.scratch + paddedSize,
      });
    }
    if (!limits) activate(layer, machine);
  };
}

// A 1x1 convolution of a map of one pixel.
export function prepareLinear(layer, [input], space) {
  const as1x1 = { kernel: [1, 1], stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 };
  const pixel = { ...layer, shape: [layer.shape[0], 1, 1], options: { ...as1x1, ...layer.options } };
  return prepareConv(pixel, [{ ...input, shape: [input.shape[0], 1, 1] }], space);
}

// Transposed convolution: every input pixel adds its value, times the kernel, to a window of the output. The product of
// the weights (out channels * kernel, in channels) and the image (in channels, pixels) has all these values; `targets`
// tells where each one goes, or -1 for the padding that is cut off.
export function prepareTransposed(layer, [input], space) {
  const [inChannels, inHeight, inWidth] = input.shape;
  const [outChannels, outHeight, outWidth] = layer.shape;
  const { kernel } = layer.options;
  const pixels = inHeight * inWidth;
  const height = outChannels * kernel[0] * kernel[1];
  const targets = targetsOf(layer, input);
  const bias = space.numbers(height); // of zeros: the layer's own is added once, below
  const productSize = Math.ceil((height * pixels) / 4) * 4;
  space.share(productSize + inChannels * COLUMNS);
  const task = {
    starts: space.table(grid([pixels], [1])),
    taps: space.table(grid([inChannels], [pixels])),
    bias,
    height,
    depth: inChannels,
    width: pixels,
    ...UNLIMITED,
  };

  return (machine) => {
    const { floats, scratch } = machine;
    const { weight } = layer.weights;
    machine.multiply({ ...task, weight, image: input.out, out: scratch, panel: scratch + productSize });
    for (let channel = 0; channel < outChannels; channel++) {
      const to = layer.out + channel * outHeight * outWidth;
      const from = scratch + channel * targets.length;
      floats.fill(floats[layer.weights.bias + channel], to, to + outHeight * outWidth);
      for (let at = 0; at < targets.length; at++) {
        if (targets[at] >= 0) floats[to + targets[at]] += floats[from + at];
      }
    }
    activate(layer, machine);
  };
}

// For each position of the kernel and each input pixel the output pixel that it adds to, or -1 outside of the output.
function targetsOf({ shape, options }, input) {
  const [, outHeight, outWidth] = shape;
  const [, inHeight, inWidth] = input.shape;
  const { kernel, stride, padding } = options;
  const targets = [];
  for (let y = 0; y < kernel[0]; y++) {
    for (let x = 0; x < kernel[1]; x++) {
      for (let pixel = 0; pixel < inHeight * inWidth; pixel++) {
        const row = Math.floor(pixel / inWidth) * stride[0] + y - padding[0];
        const column = (pixel % inWidth) * stride[1] + x - padding[1];
        const inside = row >= 0 && row < outHeight && column >= 0 && column < outWidth;
        targets.push(inside ? row * outWidth + column : -1);
      }
    }
  }
  return Int32Array.from(targets);
}

// Addresses of the points of a grid, row by row: the sum of index * step over its axes.
function grid(sizes, steps) {
  let addresses = [0];
  sizes.forEach((size, axis) => {
    const along = Array.from({ length: size }, (_, index) => index * steps[axis]);
    addresses = addresses.flatMap((address) => along.map((further) => address + further));
  });
  return Int32Array.from(addresses);
}

// Copy a map to the shared room, with zeros around it; its address.
function padInto({ floats, scratch }, input, { channels, height, width }, [top, left]) {
  const [, inHeight, inWidth] = input.shape;
  floats.fill(0, scratch, scratch + channels * height * width);
  for (let channel = 0, from = input.out; channel < channels; channel++) {
    for (let y = 0; y < inHeight; y++, from += inWidth) {
      const to = scratch + (channel * height + y + top) * width + left;
      for (let x = 0; x < inWidth; x++) floats[to + x] = floats[from + x];
    }
  }
  return scratch;
}
