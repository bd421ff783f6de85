// A trained network in the page: the plan of its layers, the memory that they share, and the forward pass.
//
//     const network = await openNetwork({ plan, weights, kernel });
//     const logits = network.run(image);                // image: Float32Array, channels first, normalised
//     const { shape, values } = network.layer("down.0.0");  // the map that this pass left behind
//
// `plan` is the object of Plan.to_json(), `weights` the bytes of Plan.pack(), `kernel` those of kernel.wasm (none: plain
// JavaScript). Tensors are channels first, (C, H, W), for one image.

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

// By kind, a function (layer, inputs, space) that plans the memory of a layer and returns its forward pass, a function of
// the machine (`backend.js`). A layer has `shape`, `options`, `out`, the address of its map, and `weights`, addresses.
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

  // Run the forward pass. The result, like that of `layer`, is a view of memory that the next pass writes to; copy it with
  // slice() to keep it.
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

export async function openNetwork({ plan, weights, kernel = null }) {
  const space = new Space();
  const layers = plan.layers.map((planned) => ({ ...planned }));
  for (const layer of layers) {
    if (!Object.hasOwn(PREPARE, layer.kind)) throw new RangeError(`the layer ${layer.name} is of unknown kind ${layer.kind}`);
    const inputs = layer.inputs.map((index) => layers[index]);
    const sameMemory = layer.kind === "flatten";
    layer.out = sameMemory ? inputs[0].out : space.numbers(sizeOf(layer.shape));
    layer.places = layer.weights;
    layer.weights = Object.fromEntries(
      Object.entries(layer.places).map(([name, { shape }]) => [name, space.numbers(sizeOf(shape))]),
    );
    layer.forward = PREPARE[layer.kind](layer, inputs, space);
  }
  const machine = await openBackend(space, kernel);
  const network = new Network(layers, plan.output, machine);
  network.load(weights);
  return network;
}
