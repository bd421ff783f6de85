// Convolution as a matrix multiplication, four numbers at a time (WebAssembly SIMD).
//
// The columns of the second matrix are the windows of the image, one for each output pixel ("im2col"). They are
// gathered eight at a time, so the whole matrix never exists: its element (k, n) is image[starts[n] + taps[k]].
//
//     out[m][n] = clamp(bias[m] + sum over k of weight[m][k] * image[starts[n] + taps[k]], low, high)
//
// `python -m dlcvlib.live.build_kernel` makes kernel.wasm of it. multiplication.js has the same without WebAssembly.

#include <wasm_simd128.h>

enum { ROWS = 4, COLUMNS = 8 };  // of a block of the output, kept in 8 registers of 4 numbers

// Gather the windows of COLUMNS output pixels: panel[k][j] = image[starts[j] + taps[k]].
static void gather(const float *image, const int *starts, const int *taps, int depth, int columns, float *panel) {
  int adjacent = columns == COLUMNS;
  for (int j = 1; j < columns; j++) adjacent &= starts[j] == starts[0] + j;
  for (int k = 0; k < depth; k++, panel += COLUMNS) {
    const float *tap = image + taps[k];
    if (adjacent) {
      wasm_v128_store(panel, wasm_v128_load(tap + starts[0]));
      wasm_v128_store(panel + 4, wasm_v128_load(tap + starts[0] + 4));
    } else {
      for (int j = 0; j < COLUMNS; j++) panel[j] = j < columns ? tap[starts[j]] : 0;
    }
  }
}

// Multiply ROWS rows of `weight` by the panel; `rows` point to them, `bias` to their first values.
static void block(const float *rows[ROWS], const float bias[ROWS], const float *panel, int depth,
                  v128_t sums[ROWS][2]) {
#pragma unroll
  for (int i = 0; i < ROWS; i++) sums[i][0] = sums[i][1] = wasm_f32x4_splat(bias[i]);
  for (int k = 0; k < depth; k++, panel += COLUMNS) {
    v128_t left = wasm_v128_load(panel), right = wasm_v128_load(panel + 4);
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
      v128_t weight = wasm_v128_load32_splat(rows[i] + k);
      sums[i][0] = wasm_f32x4_add(sums[i][0], wasm_f32x4_mul(weight, left));
      sums[i][1] = wasm_f32x4_add(sums[i][1], wasm_f32x4_mul(weight, right));
    }
  }
}

static v128_t clamped(v128_t values, float low, float high) {
  return wasm_f32x4_min(wasm_f32x4_max(values, wasm_f32x4_splat(low)), wasm_f32x4_splat(high));
}

// Store the first `columns` of 8 numbers.
static void store(float *to, int columns, v128_t left, v128_t right) {
  if (columns == COLUMNS) {
    wasm_v128_store(to, left);
    wasm_v128_store(to + 4, right);
    return;
  }
  float values[COLUMNS];
  wasm_v128_store(values, left);
  wasm_v128_store(values + 4, right);
  for (int j = 0; j < columns; j++) to[j] = values[j];
}

// `panel` is room for depth * COLUMNS numbers.
void multiply(const float *weight, const float *bias, const float *image, const int *starts, const int *taps,
              float *out, int height, int depth, int width, float low, float high, float *panel) {
  v128_t sums[ROWS][2];
  for (int n = 0; n < width; n += COLUMNS) {
    int columns = width - n < COLUMNS ? width - n : COLUMNS;
    gather(image, starts + n, taps, depth, columns, panel);
    for (int m = 0; m < height; m += ROWS) {
      const float *rows[ROWS];
      float biases[ROWS];
      for (int i = 0; i < ROWS; i++) {  // below the last row it is repeated, and not stored
        int row = m + i < height ? m + i : height - 1;
        rows[i] = weight + row * depth;
        biases[i] = bias[row];
      }
      block(rows, biases, panel, depth, sums);
      for (int i = 0; i < ROWS && m + i < height; i++)
        store(out + (m + i) * width + n, columns, clamped(sums[i][0], low, high), clamped(sums[i][1], low, high));
    }
  }
}
