// Weights and pictures by name: inline in the page, from a script beside it, or from Python.

import { readWeights } from "../../live/loading.js";
import { listen } from "../scrubbers/controls.js";

const PATIENCE = 20000; // milliseconds for Python to answer

// Return { read(name) }, a Promise of bytes; each file is read once.
export function pageFiles(model, signal) {
  const files = new Map();
  const waiting = new Map();

  function arrived() {
    const epoch = String(model.get("_weights_epoch"));
    const { resolve, reject } = waiting.get(epoch) ?? {};
    if (!resolve) return;
    const weights = model.get("_weights");
    waiting.delete(epoch);
    if (weights.byteLength) resolve(bytesIn(weights));
    else reject(new Error(model.get("message")));
    ask();
  }
  function ask() {
    const [next] = waiting.keys();
    if (next === undefined) return;
    model.set("_wanted", Number(next));
    model.save_changes();
    if (model.get("_weights_epoch") === Number(next)) arrived(); // sent to another view of the widget
  }
  function fromPython(name) {
    return new Promise((resolve, reject) => {
      waiting.set(name, { resolve, reject });
      setTimeout(() => waiting.delete(name) && reject(new Error("Python does not answer")), PATIENCE);
      if (waiting.size === 1) ask();
    });
  }
  function find(name) {
    const inline = model.get("_inline")[name];
    if (inline) return Promise.resolve(bytesIn(inline));
    const script = model.get("_scripts")[name];
    if (script) return fromScript(script);
    if (model.send) return fromPython(name);
    const where = "it runs in the built book, in JupyterLab with a kernel, and in a saved page";
    return Promise.reject(new Error(`the network's weights are not in this page; ${where}`));
  }
  function read(name) {
    if (!files.has(name)) {
      const reading = find(name);
      files.set(name, reading);
      reading.catch(() => files.delete(name)); // so that it can be tried again
    }
    return files.get(name);
  }
  listen(model, ["_weights", "_weights_epoch"], arrived, signal);
  return { read };
}

function bytesIn(view) {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

// A damaged script raises an error of its own in the window, which is ours to report.
async function fromScript(name) {
  const address = `${document.documentElement.dataset.content_root ?? ""}_static/live/${name}.js`;
  const isOurs = ({ filename = "" }) => !filename || filename.endsWith(`${name}.js`); // from disk it is not told
  const quiet = (event) => isOurs(event) && event.preventDefault();
  window.addEventListener("error", quiet);
  try {
    return await readWeights(address, name);
  } finally {
    window.removeEventListener("error", quiet);
  }
}
