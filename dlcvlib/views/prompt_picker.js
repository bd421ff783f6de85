// PromptPicker: an image on which to set points and a box, the model's traits `points`, `labels` and `box`. The kernel
// answers in `_overlay`; on a page without one the model has `_regions`, and the regions at the prompt are the answer.

import { answerFrom, decodeRegions, tinted } from "./region_answers.js";

const DRAG = 4; // pixels on the screen; a longer movement is a drag, not a click
const MODES = ["point inside", "point outside", "box"];
const HELP =
  "Choose what a click or tap sets. With a mouse, Alt or Shift sets a point outside and a drag a box at any time. " +
  "Keys: arrows, Enter, Shift+Enter, B, Backspace.";

async function bitmap(view) {
  return view?.byteLength ? createImageBitmap(new Blob([view])) : null;
}

function inWords(points, labels, box) {
  const parts = points.map((point, index) => `${labels[index] ? "inside" : "outside"} ${point.join(", ")}`);
  if (box.length) parts.push(`box from ${box.slice(0, 2).join(", ")} to ${box.slice(2).join(", ")}`);
  return parts.length ? `Asked for: ${parts.join("; ")}.` : "No prompt yet.";
}

export function render({ model, el }) {
  const stop = new AbortController();
  const { signal } = stop;
  const [insideColour, outsideColour] = model.get("_colours");
  const [width, height] = model.get("_size");
  const scale = Math.max(1, Math.ceil(384 / width));
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: width * scale, height: height * scale, tabIndex: 0 });
  canvas.style.cssText = "max-width: 100%; height: auto; cursor: crosshair; touch-action: pan-y";
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", `${model.get("alt")} ${HELP}`);
  const tools = document.createElement("div");
  tools.setAttribute("role", "group");
  tools.setAttribute("aria-label", "What a click sets");
  function addButton(text) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
    button.style.cssText = "font: inherit; margin: 0.25rem 0.5rem 0.25rem 0; padding: 0.1rem 0.6rem";
    tools.append(button);
    return button;
  }
  let mode = MODES[0];
  const modes = MODES.map((name) => {
    const button = addButton(name);
    button.addEventListener("click", () => setMode(name));
    return button;
  });
  // Only while a box is drawn does a finger's movement not scroll the page.
  function setMode(name) {
    mode = name;
    modes.forEach((button) => {
      button.setAttribute("aria-pressed", String(button.textContent === mode));
      button.style.fontWeight = button.textContent === mode ? "bold" : "";
    });
    canvas.style.touchAction = mode === "box" ? "none" : "pan-y";
  }
  setMode(mode);
  const clear = addButton("clear");
  const text = document.createElement("p");
  text.setAttribute("aria-live", "polite");
  const caption = document.createElement("p");
  caption.textContent = [model.get("caption"), HELP].filter(Boolean).join(" ");
  el.append(canvas, tools, text, caption);

  let photo = null;
  let regions = null; // on a page without a kernel
  let overlay = null;
  let cursor = null; // of the keyboard
  let corner = null; // where a box began
  let edge = null; // where it ends for now

  function set(points, labels, box) {
    model.set("points", points);
    model.set("labels", labels);
    model.set("box", box);
    model.save_changes();
    if (regions) overlay = tinted(answerFrom(regions, points, labels, box), regions, model.get("_tint"));
    draw();
  }
  const prompt = () => ["points", "labels", "box"].map((name) => model.get(name));
  function addPoint([x, y], outside) {
    const [points, labels, box] = prompt();
    set([...points, [x, y]], [...labels, outside ? 0 : 1], box);
  }
  function setBox(one, other) {
    const [points, labels] = prompt();
    const box = [0, 1].map((axis) => [Math.min(one[axis], other[axis]), Math.max(one[axis], other[axis])]);
    const empty = box.some(([low, high]) => low === high);
    set(points, labels, empty ? [] : [box[0][0], box[1][0], box[0][1], box[1][1]]);
  }
  function takeBack() {
    const [points, labels, box] = prompt();
    if (points.length) set(points.slice(0, -1), labels.slice(0, -1), box);
    else if (box.length) set(points, labels, []);
  }

  function draw() {
    const context = canvas.getContext("2d");
    const [points, labels, box] = prompt();
    context.imageSmoothingEnabled = false;
    for (const layer of [photo, overlay]) if (layer) context.drawImage(layer, 0, 0, canvas.width, canvas.height);
    const framed = corner && edge ? [...corner, ...edge] : box;
    if (framed.length) {
      const [x0, y0, x1, y1] = framed.map((value) => value * scale);
      for (const [colour, thick] of [["white", 4], [insideColour, 2]]) {
        Object.assign(context, { strokeStyle: colour, lineWidth: thick });
        context.strokeRect(x0, y0, x1 - x0, y1 - y0);
      }
    }
    Object.assign(context, { strokeStyle: "white", lineWidth: 2 });
    points.forEach(([x, y], index) => {
      context.fillStyle = labels[index] ? insideColour : outsideColour;
      context.beginPath();
      context.arc(x * scale, y * scale, 8, 0, 7);
      context.fill();
      context.stroke();
      cross(context, x * scale, y * scale, 4, labels[index]);
    });
    if (cursor) cross(context, cursor[0] * scale, cursor[1] * scale, 12, true);
    text.textContent = [inWords(points, labels, box), cursor && `Cursor at ${cursor.join(", ")}.`, model.get("message")]
      .filter(Boolean)
      .join(" ");
  }
  function cross(context, x, y, reach, upright) {
    context.beginPath();
    context.moveTo(x - reach, y);
    context.lineTo(x + reach, y);
    if (upright) {
      context.moveTo(x, y - reach);
      context.lineTo(x, y + reach);
    }
    context.stroke();
  }

  const within = (value, size) => Math.min(Math.max(Math.round(value), 0), size - 1);
  function pixelOf(event) {
    const shown = canvas.getBoundingClientRect();
    const x = ((event.clientX - shown.left) / shown.width) * width;
    const y = ((event.clientY - shown.top) / shown.height) * height;
    return [within(x, width), within(y, height)];
  }
  let pressed = null;
  const isDrag = (event) => Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) > DRAG;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    pressed = event;
    cursor = null;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!pressed || !isDrag(event)) return;
    [corner, edge] = [pixelOf(pressed), pixelOf(event)];
    draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!pressed) return;
    const [began, dragged] = [pixelOf(pressed), isDrag(event)];
    pressed = corner = edge = null;
    if (dragged) setBox(began, pixelOf(event));
    else if (mode !== "box") addPoint(began, mode === "point outside" || event.altKey || event.shiftKey);
  });
  canvas.addEventListener("pointercancel", () => {
    pressed = corner = edge = null;
    draw();
  });

  const step = Math.max(1, Math.round(width / 64));
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
  const isOurs = ({ key, ctrlKey, metaKey }) =>
    !ctrlKey && !metaKey && (key in moves || ["Enter", "Backspace", "b", "B"].includes(key));
  // Keep JupyterLab from handling these keys.
  const claim = (event) => el.toggleAttribute("data-lm-suppress-shortcuts", event.target === canvas && isOurs(event));
  window.addEventListener("keydown", claim, { capture: true, signal });
  canvas.addEventListener("keydown", (event) => {
    if (!isOurs(event)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Backspace") return takeBack();
    cursor ??= [width >> 1, height >> 1];
    if (event.key in moves) {
      const [x, y] = moves[event.key];
      cursor = [within(cursor[0] + x, width), within(cursor[1] + y, height)];
      if (corner) edge = cursor;
      return draw();
    }
    if (event.key === "Enter") return addPoint([...cursor], event.shiftKey);
    if (!corner) [corner, edge] = [[...cursor], [...cursor]];
    else {
      const began = corner;
      corner = edge = null;
      return setBox(began, cursor);
    }
    draw();
  });
  clear.addEventListener("click", () => set([], [], []));

  async function load() {
    const files = [bitmap(model.get("_photo")), bitmap(model.get("_overlay"))];
    [photo, overlay] = await Promise.all(files);
    if (model.get("_regions")) regions = await decodeRegions(model.get("_regions"));
    if (!signal.aborted) draw();
  }
  const listeners = { points: draw, labels: draw, box: draw, message: draw, _overlay: load };
  for (const [name, listener] of Object.entries(listeners)) model.on(`change:${name}`, listener);
  load();
  return () => {
    stop.abort();
    for (const [name, listener] of Object.entries(listeners)) model.off(`change:${name}`, listener);
  };
}
