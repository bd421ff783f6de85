// The part of a map that all panes show: a zoom, and the point of the unit square, y up, in the middle of a pane.

export const FULL = 65535; // side of the square in the units of `_coordinates`
const FILLED = 0.95; // share of a pane that the square takes, so that no dot is clipped
const CLOSEST = 40; // largest zoom

export class MapView {
  constructor() {
    this.showWhole();
  }
  showWhole() {
    Object.assign(this, { zoom: 1, x: 0.5, y: 0.5 });
  }

  // From the unit square to pixels of a pane of side `size`.
  across(x, size) {
    return size * (0.5 + FILLED * this.zoom * (x - this.x));
  }
  down(y, size) {
    return size * (0.5 - FILLED * this.zoom * (y - this.y));
  }
  // Pixels of a pane of side `size` for one unit of `_coordinates`.
  unit(size) {
    return (FILLED * this.zoom * size) / FULL;
  }

  // Zoom about a point of the pane, given as shares of its side; false if nothing changed.
  zoomBy(factor, x = 0.5, y = 0.5) {
    const zoom = Math.min(Math.max(this.zoom * factor, 1), CLOSEST);
    if (zoom === this.zoom) return false;
    const shift = (1 / this.zoom - 1 / zoom) / FILLED; // the point under x, y stays fixed
    this.x += (x - 0.5) * shift;
    this.y -= (y - 0.5) * shift;
    this.zoom = zoom;
    this.keepInside();
    return true;
  }
  // Move the map by pixels of a pane of side `size`, from the view `from`.
  moveFrom(from, dx, dy, size) {
    const scale = FILLED * this.zoom * size;
    Object.assign(this, { x: from.x - dx / scale, y: from.y + dy / scale });
    this.keepInside();
  }
  keepInside() {
    const half = 0.5 / this.zoom;
    this.x = Math.min(Math.max(this.x, half), 1 - half);
    this.y = Math.min(Math.max(this.y, half), 1 - half);
  }
}
