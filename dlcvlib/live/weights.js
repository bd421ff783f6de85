// Packed weights (packing.py): float32 as it is, float16 decoded.

import { sizeOf } from "./space.js";

// Write the weights of all layers to their addresses. `packed` is an ArrayBuffer or a view of one.
export function writeWeights(layers, packed, floats) {
  const bytes = ArrayBuffer.isView(packed)
    ? new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength)
    : new Uint8Array(packed);
  const { buffer } = bytes.slice(); // begins at a multiple of four bytes, which a view of float32 needs
  const expected = Math.max(0, ...layers.flatMap((layer) => Object.values(layer.packed).map(endOf)));
  if (Math.ceil(expected / 4) * 4 !== buffer.byteLength) {
    throw new RangeError(`the weights have ${buffer.byteLength} bytes, the plan ${expected}: another network's`);
  }
  for (const layer of layers) {
    for (const [name, { at, shape, type }] of Object.entries(layer.packed)) {
      const [count, address] = [sizeOf(shape), layer.weights[name]];
      if (type === "float32") floats.set(new Float32Array(buffer, at, count), address);
      else decodeHalves(new Uint16Array(buffer, at, count), floats, address);
    }
  }
}

const endOf = ({ at, shape, type }) => at + sizeOf(shape) * (type === "float32" ? 4 : 2);

// float16 has a sign bit, 5 bits of exponent and 10 of fraction: 2^(exponent - 15) * 1.fraction. Exponent 0 stands for
// 2^-14 * 0.fraction; 31, infinity, is never packed.
function decodeHalves(halves, floats, address) {
  for (let index = 0; index < halves.length; index++) {
    const half = halves[index];
    const exponent = (half >> 10) & 31;
    const fraction = (half & 1023) / 1024;
    const size = exponent ? POWERS[exponent] * (1 + fraction) : POWERS[1] * fraction;
    floats[address + index] = half & 32768 ? -size : size;
  }
}

const POWERS = Float64Array.from({ length: 32 }, (_, exponent) => 2 ** (exponent - 15));
