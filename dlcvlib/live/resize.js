// Bilinear interpolation to the size of the output.

export function prepareResize(layer, [input]) {
  const [channels, height, width] = layer.shape;
  const [, inHeight, inWidth] = input.shape;
  const rows = neighbours(height, inHeight, layer.options.align_corners);
  const columns = neighbours(width, inWidth, layer.options.align_corners);
  return ({ floats }) => {
    let to = layer.out;
    for (let channel = 0; channel < channels; channel++) {
      const plane = input.out + channel * inHeight * inWidth;
      for (const row of rows) {
        const [upper, lower] = [plane + row.before * inWidth, plane + row.after * inWidth];
        for (const { before, after, share } of columns) {
          const above = floats[upper + before] + share * (floats[upper + after] - floats[upper + before]);
          const below = floats[lower + before] + share * (floats[lower + after] - floats[lower + before]);
          floats[to++] = above + row.share * (below - above);
        }
      }
    }
  };
}

// For each position of an axis the two positions of the input around it, and the share of the second. With
// align_corners the centres of the outermost pixels coincide, without it the outer edges of the images.
function neighbours(size, inSize, alignCorners) {
  return Array.from({ length: size }, (_, index) => {
    const aligned = size > 1 ? (index * (inSize - 1)) / (size - 1) : 0;
    const position = alignCorners ? aligned : Math.max(((index + 0.5) * inSize) / size - 0.5, 0);
    const before = Math.min(Math.floor(position), inSize - 1);
    return { before, after: Math.min(before + 1, inSize - 1), share: position - before };
  });
}
