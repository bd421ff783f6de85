// Panes of a MaskScrubber: pictures in layers, with one zoom for all panes.

import { element, listen } from "./controls.js";
import { pinch, zoomOfWheel } from "./touch.js";

const MOST_ZOOM = 24;

// Zoom and pan of everything inside `panes`, by custom properties that all layers use. The wheel zooms only with Ctrl
// (as a pinch on a touchpad is reported), and one finger moves the picture only sideways: both scroll the page.
// `view` is { zoom, x, y }: position p of the picture, in [0, 1], is drawn at x + zoom * p.
export function linkedZoom(panes, view, signal, onChange) {
  const pointers = new Map();

  function show(zoom, x, y) {
    const inside = (offset) => Math.min(0, Math.max(1 - zoom, offset));
    Object.assign(view, { zoom, x: inside(x), y: inside(y) });
    panes.style.setProperty("--zoom", zoom);
    panes.style.setProperty("--pan-x", `${100 * view.x}%`);
    panes.style.setProperty("--pan-y", `${100 * view.y}%`);
    panes.classList.toggle("dlcv-zoomed-in", zoom > 1);
    onChange(zoom);
  }
  function zoomBy(factor, [x, y] = [0.5, 0.5]) {
    const zoom = Math.min(MOST_ZOOM, Math.max(1, view.zoom * factor));
    const grown = zoom / view.zoom;
    show(zoom, x - grown * (x - view.x), y - grown * (y - view.y));
  }
  const reset = () => show(1, 0, 0);
  const frameOf = (event) => event.target.closest(".dlcv-frame");
  function positionIn(frame, { clientX, clientY }) {
    const box = frame.getBoundingClientRect();
    return [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
  }

  function onWheel(event) {
    const frame = frameOf(event);
    if (!frame || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    zoomBy(zoomOfWheel(event), positionIn(frame, event));
  }
  function onDown(event) {
    const frame = frameOf(event);
    if (!frame || event.button) return;
    frame.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, positionIn(frame, event));
  }
  function onMove(event) {
    const before = pointers.get(event.pointerId);
    if (!before || pointers.size > 1) return; // two fingers: onPinch
    const now = positionIn(frameOf(event), event);
    pointers.set(event.pointerId, now);
    show(view.zoom, view.x + now[0] - before[0], view.y + now[1] - before[1]);
  }
  for (const frame of panes.querySelectorAll(".dlcv-frame")) {
    pinch(frame, (factor, centre, moved) => {
      const { width, height } = frame.getBoundingClientRect();
      zoomBy(factor, [centre[0] / width, centre[1] / height]);
      show(view.zoom, view.x + moved[0] / width, view.y + moved[1] / height);
    }, signal);
  }
  const factors = { "+": 1.5, "=": 1.5, "-": 1 / 1.5, 0: 0 }; // 0 shows the whole
  const isOurs = (event) => event.key in factors && !event.ctrlKey && !event.altKey && !event.metaKey;
  // Keep JupyterLab from handling "0" (pressed twice it restarts the kernel); other keys are left to it.
  function claim(event) {
    panes.toggleAttribute("data-lm-suppress-shortcuts", panes.contains(event.target) && isOurs(event));
  }
  function onKey(event) {
    if (!isOurs(event)) return;
    zoomBy(factors[event.key]);
    event.preventDefault();
  }
  const lift = (event) => pointers.delete(event.pointerId);
  panes.addEventListener("wheel", onWheel, { signal, passive: false });
  panes.addEventListener("pointerdown", onDown, { signal });
  panes.addEventListener("pointermove", onMove, { signal });
  for (const type of ["pointerup", "pointercancel"]) panes.addEventListener(type, lift, { signal });
  window.addEventListener("keydown", claim, { capture: true, signal });
  panes.addEventListener("keydown", onKey, { signal });
  panes.addEventListener("dblclick", reset, { signal });

  const button = (text, label, action) => {
    const made = element("button", { type: "button", "aria-label": label, title: label }, text);
    made.addEventListener("click", action);
    return made;
  };
  const buttons = element(
    "div",
    { class: "dlcv-zoom", role: "group", "aria-label": "zoom of all pictures" },
    button("−", "zoom out", () => zoomBy(1 / 1.5)),
    button("+", "zoom in", () => zoomBy(1.5)),
    button("whole", "show the whole pictures", reset),
  );
  show(view.zoom, view.x, view.y);
  return { element: buttons, refresh: () => onChange(view.zoom) };
}

// A picture of stacked layers with a line of text below it.
export function maskPane(tile, ...layers) {
  const frame = element("div", { class: "dlcv-frame" }, element("div", { class: "dlcv-layers" }, ...layers));
  frame.style.aspectRatio = `${tile.width} / ${tile.height}`;
  const text = element("div", { class: "dlcv-below" });
  return { element: element("div", { class: "dlcv-pane" }, frame, text), frame, text, layers };
}

export function maskCanvas(tile, name, kind) {
  const made = element("canvas", { role: "img", class: `dlcv-${kind}`, "aria-label": name });
  return Object.assign(made, { width: tile.width, height: tile.height });
}

// Pixels are shown as squares once they are larger than those of the screen; before that the browser blends them.
export function sharpen(canvas, zoom) {
  const pixel = (canvas.parentElement.clientWidth * zoom * devicePixelRatio) / canvas.width;
  canvas.style.imageRendering = pixel > 1 ? "pixelated" : "auto";
}

// Button that switches a trait of the model, true or false.
export function toggleButton(model, name, text, signal) {
  const button = element("button", { type: "button", class: "dlcv-toggle" }, text);
  const show = () => button.setAttribute("aria-pressed", model.get(name));
  button.addEventListener("click", () => {
    model.set(name, !model.get(name));
    model.save_changes();
  });
  listen(model, [name], show, signal);
  show();
  return button;
}

// Swatch of a class in the legend.
export function maskSwatch({ colour }) {
  const swatch = element("span", { class: "dlcv-swatch" });
  swatch.style.background = `rgb(${colour.join(", ")})`;
  return swatch;
}
