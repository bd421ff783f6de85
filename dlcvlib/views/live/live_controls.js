// Sliders of a LiveSegmenter, and the sentence that a screen reader hears.

import { element } from "../scrubbers/controls.js";

const PAUSE = 700; // milliseconds of rest before a change is read aloud

const percent = (value) => `${Math.round(100 * value)} %`;
const degrees = (value) => `${value}°`;
const CHANGES = [
  ["rotation", -180, 180, 5, degrees],
  ["noise", 0, 0.5, 0.02, percent],
  ["blur", 0, 5, 0.25, (value) => `${value} px`],
  ["brightness", -0.5, 0.5, 0.05, percent],
];

function slider(name, [low, high, step], value, inWords, onInput) {
  const input = element("input", { type: "range", min: low, max: high, step, value });
  const shown = element("output", { "aria-hidden": "true" });
  const show = () => {
    shown.textContent = inWords(Number(input.value));
    input.setAttribute("aria-valuetext", shown.textContent);
  };
  input.addEventListener("input", () => {
    show();
    onInput(Number(input.value));
  });
  show();
  const reset = (to) => {
    input.value = to;
    show();
  };
  return { element: element("label", { class: "dlcv-field" }, element("span", {}, name), input, shown), reset };
}

// `changes` is changed in place, then `onChange` is called; `onSize(pixels)` when the square's slider moves.
export function changeSliders(changes, side, square, onChange, onSize) {
  const size = slider("square", [0, side, Math.max(1, side / 64)], square.size, (value) => `${value} px`, onSize);
  const made = CHANGES.map(([name, low, high, step, inWords]) => {
    const follow = (value) => {
      changes[name] = value;
      onChange();
    };
    return slider(name, [low, high, step], changes[name], inWords, follow);
  });
  const reset = element("button", { type: "button", class: "dlcv-toggle" }, "image as it was");
  reset.addEventListener("click", () => {
    CHANGES.forEach(([name], index) => {
      changes[name] = 0;
      made[index].reset(0);
    });
    onChange();
  });
  const fields = element("div", { class: "dlcv-fields" }, size.element, ...made.map((each) => each.element));
  // The arrow keys of a slider and the space of a button are theirs, not the epoch's.
  fields.addEventListener("keydown", (event) => event.stopPropagation());
  return { element: fields, reset };
}

// Select of the images by name; `own` appears once there is an image of the reader's.
export function imageSelect(names, onChoice) {
  const select = element("select", { "data-lm-suppress-shortcuts": "true" });
  names.forEach((name, index) => select.append(element("option", { value: index }, name)));
  const own = element("option", { value: names.length }, "your own");
  select.addEventListener("change", () => onChoice(Number(select.value)));
  select.addEventListener("keydown", (event) => event.stopPropagation());
  const chooseOwn = () => {
    select.append(own);
    select.value = names.length;
  };
  return { element: element("label", { class: "dlcv-field" }, element("span", {}, "image"), select), chooseOwn };
}

// A line of text, read aloud once it has rested for a moment.
export function sentence(signal) {
  const seen = element("p", { class: "dlcv-said", "aria-hidden": "true" });
  const heard = element("p", { class: "dlcv-heard", "aria-live": "polite" });
  let timer = 0;
  function say(text) {
    if (seen.textContent === text) return;
    seen.textContent = text;
    clearTimeout(timer);
    timer = setTimeout(() => (heard.textContent = text), PAUSE);
  }
  signal.addEventListener("abort", () => clearTimeout(timer));
  return { elements: [seen, heard], say };
}
