// Activations, in place. ReLU and ReLU6 are clamps, which a multiplication applies to its results at once.

import { sizeOf } from "./space.js";

const CLAMPS = { none: [-Infinity, Infinity], relu: [0, Infinity], relu6: [0, 6] };

// Limits { low, high } of a layer's activation; null if it is no clamp.
export function limitsOf({ options: { activation = "none" } }) {
  const limits = CLAMPS[activation];
  return limits ? { low: limits[0], high: limits[1] } : null;
}

// Apply the activation of a layer to its map.
export function activate({ out, shape, options: { activation = "none" } }, { floats }) {
  const end = out + sizeOf(shape);
  if (activation === "gelu") {
    for (let at = out; at < end; at++) floats[at] = gelu(floats[at]);
  } else if (activation !== "none") {
    const [low, high] = CLAMPS[activation];
    for (let at = out; at < end; at++) {
      if (floats[at] < low) floats[at] = low;
      else if (floats[at] > high) floats[at] = high;
    }
  }
}

// x times the probability that a standard normal variable is below x.
function gelu(x) {
  return 0.5 * x * (1 + erf(x * Math.SQRT1_2));
}

// Error function to 1.5e-7 (Abramowitz and Stegun 1964, formula 7.1.26).
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
}
