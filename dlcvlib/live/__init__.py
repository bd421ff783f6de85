"""Networks that run in the reader's page: a plan of their layers, and a small engine in JavaScript and WebAssembly.

In Python, a trained network in evaluation mode becomes a plan for one image size, and one block of weights an epoch::

    planned = live.plan(network, torch.zeros(1, 3, 128, 128))
    planned.to_json()                                       # layers, shapes, places of the weights: 3 to 13 kB
    name, text = live.weights_script(planned.pack())        # a file for each epoch: _static/live/<name>.js
    name, text = live.weights_script(planned.pack(other))   # of the same network at another epoch
    live.kernel()                                           # 3 kB of WebAssembly, for the page itself

In the page, a module of a view begins with ::

    import { readWeights } from "../../live/loading.js";
    import { openNetwork } from "../../live/network.js";

and `bundle` (`dlcvlib.views.scrubbers.bundle`) puts the engine into the same script. Then ::

    const weights = await readWeights("_static/live/<name>.js", "<name>");
    const network = await openNetwork({ plan, weights, kernel });  // kernel: bytes, or null for plain JavaScript
    const logits = network.run(image);       // of a Float32Array (C, H, W), normalised; a view: slice() to keep it
    network.layer("down.0.0");               // { name, kind, shape, values }: the map that the last pass left behind
    network.layers;                          // all of them in order, each with name, kind, shape and inputs
    network.load(await readWeights(...));    // another epoch, in place
    network.backend;                         // "wasm", or "javascript" where WebAssembly is forbidden: say so

A folded layer has the name of its convolution, and `layer` also finds it by the names of its batch normalisation and
activation. Read in this order to see how it works: `network.js`, `convolution.js`, `multiplication.js` and `kernel.c`.
"""

from dlcvlib.live.layer import Layer
from dlcvlib.live.plan import Plan, plan
from dlcvlib.live.scripts import FOLDER, kernel, weights_script

__all__ = ["FOLDER", "Layer", "Plan", "kernel", "plan", "weights_script"]
