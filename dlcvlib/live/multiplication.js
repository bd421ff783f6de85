// Convolution as a matrix multiplication, without WebAssembly; kernel.c says the same with four numbers at a time.
//
//     out[m][n] = clamp(bias[m] + sum over k of weight[m][k] * image[starts[n] + taps[k]], low, high)

export const COLUMNS = 8; // output pixels at a time

export function multiply(floats, integers, task) {
  const { weight, bias, out, height, depth, width, low, high, panel } = task;
  for (let n = 0; n < width; n += COLUMNS) {
    const columns = Math.min(COLUMNS, width - n);
    gather(floats, integers, task, n, columns);
    for (let m = 0; m < height; m++) {
      const start = floats[bias + m];
      let [a, b, c, d, e, f, g, h] = [start, start, start, start, start, start, start, start];
      for (let k = 0, row = weight + m * depth, at = panel; k < depth; k++, row++, at += COLUMNS) {
        const value = floats[row];
        a += value * floats[at];
        b += value * floats[at + 1];
        c += value * floats[at + 2];
        d += value * floats[at + 3];
        e += value * floats[at + 4];
        f += value * floats[at + 5];
        g += value * floats[at + 6];
        h += value * floats[at + 7];
      }
      const sums = [a, b, c, d, e, f, g, h];
      const to = out + m * width + n;
      for (let j = 0; j < columns; j++) floats[to + j] = Math.min(Math.max(sums[j], low), high);
    }
  }
}

// Gather the windows of up to COLUMNS output pixels: panel[k][j] = image[starts[n + j] + taps[k]].
function gather(floats, integers, { image, starts, taps, depth, panel }, n, columns) {
  for (let k = 0, at = panel; k < depth; k++, at += COLUMNS) {
    const tap = image + integers[taps + k];
    for (let j = 0; j < columns; j++) floats[at + j] = floats[tap + integers[starts + n + j]];
  }
}
