// Replacement for anywidget's model without a kernel: the values are JSON in the page, with bytes as base64.

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return new DataView(bytes.buffer); // as anywidget passes bytes
}

function staticModel(json) {
  const values = JSON.parse(json, (_, value) =>
    typeof value?.base64 === "string" ? bytesOf(value.base64) : value,
  );
  const listeners = new Map();
  return {
    get: (name) => values[name],
    set(name, value) {
      if (JSON.stringify(values[name]) === JSON.stringify(value)) return;
      values[name] = value;
      for (const listener of [...(listeners.get(`change:${name}`) ?? [])]) listener();
    },
    on: (event, listener) => listeners.set(event, [...(listeners.get(event) ?? []), listener]),
    off: (event, listener) =>
      listeners.set(event, (listeners.get(event) ?? []).filter((other) => listener && other !== listener)),
    save_changes() {},
  };
}

// Render when the figure comes near the screen, when the Tab key comes to it, before printing, or else once the page has
// loaded and is idle: a page of many opens fast, and none is missed. Until then there is a still picture.
export function startStatic(scrubber, root) {
  hideBesideWidget(root);
  const shown = root.querySelector(".dlcv-holder");
  const still = shown.firstElementChild;
  const stop = new AbortController();
  const { signal } = stop;

  function draw() {
    if (signal.aborted) return;
    stop.abort();
    shown.removeAttribute("tabindex");
    const el = document.createElement("div");
    try {
      const model = staticModel(root.querySelector('script[type="application/json"]').textContent);
      still.replaceWith(el); // attached before rendering, which measures its width
      scrubber.render({ model, el });
    } catch (error) {
      el.textContent = `The slider could not be drawn, so this is the last epoch alone (${error.message}).`;
      shown.prepend(still);
      throw error;
    }
  }

  const near = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && draw(), {
    rootMargin: "400px",
  });
  near.observe(shown);
  signal.addEventListener("abort", () => near.disconnect());
  const drawShown = () => root.closest("figure").hidden || draw(); // hidden: a live widget stands in its place
  const idle = window.requestIdleCallback ?? ((later) => setTimeout(later, 50));
  if (document.readyState === "complete") idle(drawShown);
  else window.addEventListener("load", () => idle(drawShown), { signal });
  window.addEventListener("beforeprint", drawShown, { signal });
  const tabbed = () => {
    draw();
    shown.querySelector(".dlcv-slider:not(:disabled), button")?.focus();
  };
  shown.tabIndex = 0;
  shown.addEventListener("focus", tabbed, { signal });
}

// In JupyterLab with a kernel the widget is in the output above, and this figure is hidden. Without a kernel JupyterLab
// shows an error line there instead of the widget; hide that line.
function hideBesideWidget(root) {
  const figure = root.closest("figure");
  const output = root.closest(".jp-OutputArea-child");
  const choose = () => {
    figure.hidden = window.dlcvLive?.has(root.dataset.identity) ?? false;
    const above = output?.previousElementSibling;
    const text = above?.querySelector(".jp-OutputArea-output")?.textContent ?? "";
    if (!figure.hidden && /^(Loading widget|Error displaying widget)/.test(text)) above.style.display = "none";
  };
  document.addEventListener("dlcv-live", choose);
  if (!output) return choose();
  figure.hidden = true;
  setTimeout(choose, 2000); // milliseconds for the widget to appear
}
