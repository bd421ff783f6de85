// Layers without windows: sums, scales, concatenation, crops and repetition.

import { activate } from "./activation.js";
import { sizeOf } from "./space.js";

export function prepareNothing() {
  return () => {};
}

export function prepareAdd(layer, [{ out: left }, { out: right }]) {
  const { out, shape } = layer;
  const size = sizeOf(shape);
  return (machine) => {
    const { floats } = machine;
    for (let at = 0; at < size; at++) floats[out + at] = floats[left + at] + floats[right + at];
    activate(layer, machine);
  };
}

// scale * x + shift, one of each for a channel: batch normalisation that no convolution stands before.
export function prepareAffine(layer, [{ out: from }]) {
  const { out, weights } = layer;
  const [channels, ...pixels] = layer.shape;
  const plane = sizeOf(pixels);
  return (machine) => {
    const { floats } = machine;
    for (let channel = 0, at = 0; channel < channels; channel++) {
      const scale = floats[weights.scale + channel];
      const shift = floats[weights.shift + channel];
      for (const end = at + plane; at < end; at++) floats[out + at] = scale * floats[from + at] + shift;
    }
    activate(layer, machine);
  };
}

export function prepareActivation(layer, [input]) {
  const size = sizeOf(layer.shape);
  return (machine) => {
    machine.floats.copyWithin(layer.out, input.out, input.out + size);
    activate(layer, machine);
  };
}

// Channels of all inputs, one after the other.
export function prepareConcat(layer, inputs) {
  return ({ floats }) => {
    let to = layer.out;
    for (const input of inputs) {
      const size = sizeOf(input.shape);
      floats.copyWithin(to, input.out, input.out + size);
      to += size;
    }
  };
}

// The upper left part of each channel.
export function prepareCrop(layer, [input]) {
  const [channels, height, width] = layer.shape;
  const [, inHeight, inWidth] = input.shape;
  return ({ floats }) => {
    for (let row = 0; row < channels * height; row++) {
      const from = input.out + (Math.floor(row / height) * inHeight + (row % height)) * inWidth;
      floats.copyWithin(layer.out + row * width, from, from + width);
    }
  };
}

// A map of one pixel, repeated at all positions.
export function prepareExpand(layer, [input]) {
  const [channels, height, width] = layer.shape;
  const plane = height * width;
  return ({ floats }) => {
    for (let channel = 0; channel < channels; channel++) {
      const to = layer.out + channel * plane;
      floats.fill(floats[input.out + channel], to, to + plane);
    }
  };
}
