// Pointer, wheel and keys on the canvas of a map: pointing at dots, selecting them, zooming and moving the view.

import { pinch, zoomOfWheel } from "./touch.js";

const NEAR = { mouse: 12, pen: 12, touch: 22 }; // pixels within which a dot counts as pointed at
const STILL = 4; // pixels; a longer movement is a drag, not a click
const ZOOM_KEYS = { "+": 1.5, "=": 1.5, "-": 1 / 1.5, 0: 0 }; // 0 shows the whole
const KEYS = new Set([...Object.keys(ZOOM_KEYS), "n", "N", "Enter"]);
const isMapKey = (event) => KEYS.has(event.key) && !event.ctrlKey && !event.altKey && !event.metaKey;
const isAdding = (event) => event.ctrlKey || event.metaKey;

// `pane` has canvas, map, size and lasso, the corners of a lasso that is being drawn. `dots` has what can be done with
// its dots: nearest(x, y, reach) and rowsIn(corners) find rows; point(row), pointed() and pointAtNext(step) are about the
// dot whose image is shown; selection(), select(rows), toggle(row, earlier) and the lasso's isLasso() and setLasso(on).
export function listenToMap(pane, view, dots, draw, signal) {
  const { canvas } = pane;
  let from = null; // where the pointer went down, and the view then
  const spot = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  // The wheel alone scrolls the page; a pinch on a touchpad is reported as a wheel with Ctrl.
  canvas.addEventListener("wheel", (event) => {
    if (!isAdding(event)) return;
    event.preventDefault();
    const [x, y] = spot(event);
    if (view.zoomBy(zoomOfWheel(event), x / pane.size, y / pane.size)) draw();
  }, { passive: false });
  const isPinched = pinch(canvas, (factor, [x, y], [dx, dy]) => {
    from = pane.lasso = null;
    view.zoomBy(factor, x / pane.size, y / pane.size);
    view.moveFrom({ ...view }, dx, dy, pane.size);
    draw();
  });

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    canvas.setPointerCapture(event.pointerId);
    from = { spot: spot(event), view: { ...view }, moved: false };
    if (event.shiftKey || dots.isLasso()) pane.lasso = [from.spot];
  });
  canvas.addEventListener("pointermove", (event) => {
    if (isPinched() || !event.isPrimary) return;
    const [x, y] = spot(event);
    if (pane.lasso) pane.lasso.push([x, y]);
    else if (from) {
      const [dx, dy] = [x - from.spot[0], y - from.spot[1]];
      from.moved ||= Math.hypot(dx, dy) > STILL;
      if (!from.moved) return;
      view.moveFrom(from.view, dx, dy, pane.size);
    } else {
      const row = dots.nearest(x, y, NEAR.mouse);
      if (row === dots.pointed()) return;
      dots.point(row);
    }
    draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    const { lasso } = pane;
    pane.lasso = null;
    if (lasso && lasso.length > 3) {
      const inside = dots.rowsIn(lasso);
      dots.select(isAdding(event) ? [...dots.selection(), ...inside] : inside);
      dots.setLasso(false);
    } else if (from && !from.moved) {
      const row = dots.nearest(...spot(event), NEAR[event.pointerType] ?? NEAR.mouse);
      if (event.pointerType === "touch") dots.point(row); // there is no hovering: a tap shows the image, too
      dots.toggle(row, isAdding(event) || event.shiftKey ? dots.selection() : []);
    }
    from = null;
    draw();
  });
  const leave = (event) => {
    from = pane.lasso = null;
    if (event.pointerType !== "touch") dots.point(null);
    draw();
  };
  canvas.addEventListener("pointerleave", leave);
  canvas.addEventListener("pointercancel", leave);
  canvas.addEventListener("dblclick", () => (view.showWhole(), draw()));
  canvas.addEventListener("blur", () => (dots.point(null), draw()));

  // Keep JupyterLab from handling these keys: "0" pressed twice restarts its kernel.
  const isOurs = (event) => event.target === canvas && isMapKey(event);
  const claim = (event) => pane.map.toggleAttribute("data-lm-suppress-shortcuts", isOurs(event));
  window.addEventListener("keydown", claim, { capture: true, signal });
  canvas.addEventListener("keydown", (event) => {
    if (!isMapKey(event)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key in ZOOM_KEYS) view.zoomBy(ZOOM_KEYS[event.key]);
    else if (event.key !== "Enter") dots.pointAtNext(event.key === "n" ? 1 : -1);
    else if (dots.pointed() !== null) dots.toggle(dots.pointed(), dots.selection());
    draw();
  });
}
