// The machine that runs the layers: its memory, and the multiplication, in WebAssembly where the page may run it.

import { multiply } from "./multiplication.js";

const PAGE = 65536; // bytes

// Return { name, floats, integers, scratch, multiply }: one memory as float32 and as int32, the address of the shared
// room, and the multiplication, whose addresses count numbers.
export async function openBackend(space, kernel) {
  const backend = (await openWasm(space.size, kernel)) ?? openJavaScript(space.size);
  const integers = new Int32Array(backend.floats.buffer);
  space.write(integers);
  return { ...backend, integers, scratch: space.end };
}

// null without a kernel, and where the page's security policy or the browser forbids WebAssembly.
async function openWasm(size, kernel) {
  if (!kernel) return null;
  try {
    const memory = new WebAssembly.Memory({ initial: Math.ceil((4 * size) / PAGE) });
    const { instance } = await WebAssembly.instantiate(kernel, { env: { memory } });
    const kernelMultiply = instance.exports.multiply;
    return {
      name: "wasm",
      floats: new Float32Array(memory.buffer),
      multiply: (task) =>
        kernelMultiply(
          4 * task.weight,
          4 * task.bias,
          4 * task.image,
          4 * task.starts,
          4 * task.taps,
          4 * task.out,
          task.height,
          task.depth,
          task.width,
          task.low,
          task.high,
          4 * task.panel,
        ),
    };
  } catch (error) {
    console.info(`This page may not run WebAssembly, so its networks run in JavaScript (${error.message}).`);
    return null;
  }
}

function openJavaScript(size) {
  const floats = new Float32Array(size);
  const integers = new Int32Array(floats.buffer);
  return { name: "javascript", floats, multiply: (task) => multiply(floats, integers, task) };
}
