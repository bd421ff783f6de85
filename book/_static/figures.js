// Draws the plotly figures of the book.
//
// dlcvlib/views/display.py leaves a figure as
//     <div class="dlcv-plotly"> <p class="dlcv-fallback">…</p> <script type="application/json">{data, layout}</script> </div>
// Here it is drawn when it comes near the screen, in the colours of the page's theme, and again when that changes.
// plotly.min.js lies beside this file (book/conf.py puts it there) and is loaded by the first figure that needs it.
(() => {
  "use strict";
  const libraryAddress = new URL("plotly.min.js", document.currentScript.src).href;
  const drawn = new Map(); // element -> its {data, layout}
  let library = null;

  function loadLibrary() {
    library ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = libraryAddress;
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => {
        document.querySelectorAll(".dlcv-fallback").forEach((text) => (text.hidden = false));
        reject(new Error(`${libraryAddress} could not be loaded: the figures stay undrawn`));
      };
      document.head.append(script);
    });
    return library;
  }

  // The theme's colours go into the figure's template, so that a colour which the figure names itself stands.
  function themed(layout) {
    const page = getComputedStyle(document.documentElement);
    const text = page.getPropertyValue("--pst-color-text-base").trim();
    const line = page.getPropertyValue("--pst-color-border").trim();
    const template = structuredClone(layout.template ?? {});
    const base = (template.layout ??= {});
    base.paper_bgcolor = base.plot_bgcolor = "rgba(0, 0, 0, 0)";
    base.font = { ...base.font, color: text, family: getComputedStyle(document.body).fontFamily };
    for (const axis of ["xaxis", "yaxis"]) {
      base[axis] = { ...base[axis], gridcolor: line, linecolor: line, zerolinecolor: line };
    }
    return { ...structuredClone(layout), template };
  }

  async function draw(element) {
    if (drawn.has(element)) return;
    const figure = JSON.parse(element.querySelector('script[type="application/json"]').textContent);
    drawn.set(element, figure);
    const Plotly = await loadLibrary();
    const config = { responsive: true, displaylogo: false };
    await Plotly.newPlot(element, figure.data, themed(figure.layout), config);
  }

  async function recolour() {
    if (drawn.size === 0) return;
    const Plotly = await loadLibrary();
    for (const [element, figure] of drawn) Plotly.react(element, figure.data, themed(figure.layout));
  }

  document.addEventListener("DOMContentLoaded", () => {
    const elements = document.querySelectorAll(".dlcv-plotly");
    const near = new IntersectionObserver(
      (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target)),
      { rootMargin: "400px" },
    );
    for (const element of elements) {
      element.querySelector(".dlcv-fallback").hidden = true;
      near.observe(element);
    }
    window.addEventListener("beforeprint", () => elements.forEach(draw));
    new MutationObserver(recolour).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  });
})();
