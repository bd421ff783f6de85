// A trained network in the page: the plan of its layers, the memory that they share, and the forward pass.
//
//     const network = await openNetwork({ plan, weights, kernel });
//     const logits = network.run(image);                // image: Float32Array, channels first, normalised
//     const { shape, values } = network.layer("down.0.0");  // the map that this pass left behind
//
// `plan` is Plan.to_json() parsed, `weights` the bytes of Plan.pack(), `kernel` those of kernel.wasm, or null for plain
// JavaScript. A tensor belongs to one image: (C, H, W), or (C) for a vector.

import { openBackend } from "./backend.js";
import { prepareConv, prepareLinear, prepareTransposed } from "./convolution.js";
import {
  prepareActivation,
  prepareAdd,
  prepareAffine,
  prepareConcat,
  prepareCrop,
  prepareExpand,
  prepareNothing,
} from "./elementwise.js";
import { prepareAverage, prepareAverageOfAll, prepareMax, prepareMaxOfAll } from "./pooling.js";
import { prepareResize } from "./resize.js";
import { Space, sizeOf } from "./space.js";
import { writeWeights } from "./weights.js";

// By kind of layer, a function (layer, inputs, space) that plans further memory and returns the forward pass, which is a
// function of the machine (backend.js). Of a layer it reads `shape`, `options`, and the addresses `out`, where its map
// lies, and `weights`.
const PREPARE = {
  input: prepareNothing,
  zeros: prepareNothing, // memory begins as zeros, and nothing writes there
  flatten: prepareNothing, // the same numbers in the same order
  conv: prepareConv,
  transposed: prepareTransposed,
  linear: prepareLinear,
  affine: prepareAffine,
  activation: prepareActivation,
  add: prepareAdd,
  concat: prepareConcat,
  crop: prepareCrop,
  expand: prepareExpand,
  max_pool: prepareMax,
  average_pool: prepareAverage,
  adaptive_max_pool: prepareMaxOfAll,
  adaptive_average_pool: prepareAverageOfAll,
  resize: prepareResize,
};

export class Network {
  constructor(layers, output, machine) {
    Object.assign(this, { layers, machine, output: layers[output] });
    this.byName = new Map();
    for (const layer of layers) for (const name of [layer.name, ...layer.folded]) this.byName.set(name, layer);
  }

  // "wasm", or "javascript" where the page may not run WebAssembly: about ten times slower, with the same results.
  get backend() {
    return this.machine.name;
  }

  // Put in the weights of another epoch of the planned network.
  load(weights) {
    writeWeights(this.layers, weights, this.machine.floats);
  }

  // Run the forward pass. The result, like that of `layer`, is a view of memory that the next pass overwrites; slice()
  // copies it.
  run(image) {
    const { floats } = this.machine;
    const [input] = this.layers;
    if (image.length !== sizeOf(input.shape)) {
      throw new RangeError(`the image has ${image.length} numbers; the plan is for ${input.shape.join(" x ")}`);
    }
    floats.set(image, input.out);
    for (const layer of this.layers) layer.forward(this.machine);
    return this.valuesOf(this.output);
  }

  // The output of a layer after `run`, by its name or that of a layer that is folded into it.
  layer(name) {
    const layer = this.byName.get(name);
    if (!layer) throw new RangeError(`there is no layer ${name}; there are ${[...this.byName.keys()].join(", ")}`);
    return { name: layer.name, kind: layer.kind, shape: layer.shape, values: this.valuesOf(layer) };
  }

  valuesOf(layer) {
    return this.machine.floats.subarray(layer.out, layer.out + sizeOf(layer.shape));
  }
}

// Open a network: plan its memory, then start the machine. `weights` and `kernel` are ArrayBuffers or views.
export async function openNetwork({ plan, weights, kernel = null }) {
  const space = new Space();
  const layers = [];
  for (const planned of plan.layers) layers.push(prepared(planned, layers, space));
  const machine = await openBackend(space, kernel);
  const network = new Network(layers, plan.output, machine);
  network.load(weights);
  return network;
}

// A layer of the plan with the addresses of its map and weights, and its forward pass.
function prepared(planned, layers, space) {
  const { name, kind, shape } = planned;
  const prepare = PREPARE[kind];
  if (!prepare) throw new RangeError(`the layer ${name} of the plan is of unknown kind ${kind}`);
  const inputs = planned.inputs.map((index) => layers[index]);
  const tensors = Object.entries(planned.weights);
  const layer = {
    ...planned,
    out: kind === "flatten" ? inputs[0].out : space.numbers(sizeOf(shape)),
    packed: planned.weights, // places in the packed weights
    weights: Object.fromEntries(tensors.map(([own, place]) => [own, space.numbers(sizeOf(place.shape))])),
  };
  layer.forward = prepare(layer, inputs, space);
  return layer;
}
