// Pooling: the maximum or the mean of each window of each channel.
//
// A window is a range of rows times a range of columns, which depend on the output's row and column alone: each kind of
// pooling is two lists of ranges { from, to, divisor } and one of two reductions.

export const prepareMax = (layer, [input]) => pool(layer, input, slidingRanges(layer, input), maximum);
export const prepareAverage = (layer, [input]) => pool(layer, input, slidingRanges(layer, input), mean);
export const prepareMaxOfAll = (layer, [input]) => pool(layer, input, dividingRanges(layer, input), maximum);
export const prepareAverageOfAll = (layer, [input]) => pool(layer, input, dividingRanges(layer, input), mean);

// Windows of kernel size, one every stride. A mean divides by `divisor`; some layers count the padding in it too.
function slidingRanges({ shape, options }, input) {
  const { kernel, stride, padding, count_padding: countPadding = false } = options;
  return [0, 1].map((axis) => {
    const size = input.shape[1 + axis];
    return Array.from({ length: shape[1 + axis] }, (_, index) => {
      const first = index * stride[axis] - padding[axis];
      const [from, to] = [Math.max(first, 0), Math.min(first + kernel[axis], size)];
      const padded = Math.min(first + kernel[axis], size + padding[axis]) - first;
      return { from, to, divisor: countPadding ? padded : to - from };
    });
  });
}

// As many windows as the output has positions, which together cover the input: adaptive pooling.
function dividingRanges({ shape }, input) {
  return [shape[1] ?? 1, shape[2] ?? 1].map((count, axis) => {
    const size = input.shape[1 + axis];
    return Array.from({ length: count }, (_, index) => {
      const [from, to] = [Math.floor((index * size) / count), Math.ceil(((index + 1) * size) / count)];
      return { from, to, divisor: to - from };
    });
  });
}

function pool(layer, input, [rows, columns], reduce) {
  const [channels, height, width] = input.shape;
  return ({ floats }) => {
    let to = layer.out;
    for (let channel = 0; channel < channels; channel++) {
      const plane = input.out + channel * height * width;
      for (const row of rows) for (const column of columns) floats[to++] = reduce(floats, plane, width, row, column);
    }
  };
}

function maximum(floats, plane, width, rows, columns) {
  let largest = -Infinity;
  for (let y = rows.from; y < rows.to; y++) {
    const row = plane + y * width;
    for (let at = row + columns.from; at < row + columns.to; at++) if (floats[at] > largest) largest = floats[at];
  }
  return largest;
}

function mean(floats, plane, width, rows, columns) {
  let sum = 0;
  for (let y = rows.from; y < rows.to; y++) {
    const row = plane + y * width;
    for (let at = row + columns.from; at < row + columns.to; at++) sum += floats[at];
  }
  return sum / (rows.divisor * columns.divisor);
}
