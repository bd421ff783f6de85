// Stands in for anywidget's model where there is no kernel: the values lie in the page as JSON, bytes as base64.

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place++) bytes[place] = text.charCodeAt(place);
  return new DataView(bytes.buffer); // what anywidget gives a module, too
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

// Begins when the figure comes near the screen, so that a page of many opens fast; until then its still picture stands.
function startStatic(scrubber, place) {
  giveWay(place);
  const shown = place.querySelector(".dlcv-place");
  const near = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      near.disconnect();
      const el = document.createElement("div");
      const still = shown.firstElementChild;
      try {
        const model = staticModel(place.querySelector('script[type="application/json"]').textContent);
        still.replaceWith(el); // in the page before it is drawn, since drawing asks for its width
        scrubber.render({ model, el });
      } catch (error) {
        el.textContent = `The slider could not be drawn, so this is the last epoch alone (${error.message}).`;
        shown.prepend(still);
        throw error;
      }
    },
    { rootMargin: "400px" },
  );
  near.observe(shown);
}

// In JupyterLab the widget itself stands above, while there is a kernel: then this figure is not shown. Without one
// JupyterLab leaves a line in the widget's place that says nothing to a reader, so that is taken away.
function giveWay(place) {
  const figure = place.closest("figure");
  const output = place.closest(".jp-OutputArea-child");
  const choose = () => {
    figure.hidden = window.dlcvLive?.has(place.dataset.identity) ?? false;
    const above = output?.previousElementSibling;
    const text = above?.querySelector(".jp-OutputArea-output")?.textContent ?? "";
    if (!figure.hidden && /^(Loading widget|Error displaying widget)/.test(text)) above.style.display = "none";
  };
  document.addEventListener("dlcv-live", choose);
  if (!output) return choose();
  figure.hidden = true;
  setTimeout(choose, 2000); // in which the widget may come
}
