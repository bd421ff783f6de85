// Memory of a network, planned before it exists: where weights, maps and tables lie.
// An address counts numbers of 4 bytes.

const KERNEL_OWN = 16384; // the first 64 KiB belong to the kernel

export const sizeOf = (shape) => shape.reduce((product, size) => product * size, 1);

export class Space {
  constructor() {
    this.end = KERNEL_OWN;
    this.tables = [];
    this.scratch = 0;
  }

  // Room for `count` numbers of its own; its address.
  numbers(count) {
    const address = this.end;
    this.end += Math.ceil(count / 4) * 4; // blocks of 16 bytes, as SIMD reads fastest
    return address;
  }

  // Room for a list of whole numbers, written once; its address.
  table(values) {
    const address = this.numbers(values.length);
    this.tables.push({ address, values });
    return address;
  }

  // Room for `count` numbers at `machine.scratch`, which all layers share: a layer finds there what others left.
  share(count) {
    this.scratch = Math.max(this.scratch, count);
  }

  get size() {
    return this.end + this.scratch;
  }

  // Write the tables into memory.
  write(integers) {
    for (const { address, values } of this.tables) integers.set(values, address);
  }
}
