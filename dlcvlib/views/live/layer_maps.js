// Feature maps of a layer as grey pictures: their mean, and the first channels.

import { element } from "../scrubbers/controls.js";

const CHANNELS = 7;

// Return { element, show(network) }; pictures are drawn only while the panel is open.
export function layerMaps(layers, onOpen) {
  const spatial = layers.filter(({ shape }) => shape.length === 3);
  const select = element("select", { "data-lm-suppress-shortcuts": "true" });
  for (const { name, kind, shape } of spatial) {
    select.append(element("option", { value: name }, `${name}: ${kind}, ${shape.join(" x ")}`));
  }
  select.selectedIndex = Math.min(1, spatial.length - 1);
  const pictures = element("div", { class: "dlcv-maps" });
  const panel = element(
    "details",
    { class: "dlcv-layer-maps" },
    element("summary", {}, "feature maps of a layer"),
    element("label", { class: "dlcv-field" }, "layer", select),
    pictures,
    element("p", { class: "dlcv-selected" }, "Black is the lowest value of a picture, white the highest."),
  );
  select.addEventListener("change", onOpen);
  panel.addEventListener("toggle", () => panel.open && onOpen());

  function show(network) {
    if (!panel.open) return;
    const { shape, values } = network.layer(select.value);
    const [channels, height, width] = shape;
    const area = height * width;
    const mean = new Float32Array(area);
    for (let index = 0; index < channels * area; index++) mean[index % area] += values[index] / channels;
    const shown = Array.from({ length: Math.min(CHANNELS, channels) }, (_, channel) =>
      picture(`channel ${channel + 1}`, values.subarray(channel * area, (channel + 1) * area), width, height),
    );
    pictures.replaceChildren(picture(`mean of ${channels}`, mean, width, height), ...shown);
  }
  return { element: panel, show };
}

function picture(title, values, width, height) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const scale = high > low ? 255 / (high - low) : 0;
  const image = new ImageData(width, height);
  for (let pixel = 0; pixel < values.length; pixel++) {
    const grey = (values[pixel] - low) * scale;
    image.data.set([grey, grey, grey, 255], 4 * pixel);
  }
  const words = `${title}: ${low.toPrecision(2)} to ${high.toPrecision(2)}`.replaceAll("-", "−");
  const canvas = element("canvas", { role: "img", "aria-label": words });
  Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return element("div", { class: "dlcv-layer-map" }, canvas, element("span", {}, words));
}
