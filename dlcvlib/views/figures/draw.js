// Draws the plotly figures of a page: those near the screen first, the others one by one while the page is idle, and
// all before printing. dlcvlib/views/display.py leaves a figure as a `.dlcv-plotly` with a text for readers without
// scripts, `.dlcv-fallback`, and JSON with the keys data, layout, config and steps of a slider. It takes the colours of
// the page's theme.

import { isolateOnClick, reachLegend } from "./legend.js";
import { arranged } from "./panels.js";
import { connectSlider } from "./steps.js";

const drawn = new Map(); // element -> its figure
const showStep = new Map(); // element -> shows the step of its slider again
const BUSY = 4; // milliseconds of an idle period below which no figure is begun

// plotly.min.js lies beside this script in the book; in a report it stands in the page.
function loader(script) {
  let library = window.Plotly && Promise.resolve(window.Plotly);
  return () =>
    (library ??= new Promise((resolve, reject) => {
      const element = document.createElement("script");
      element.src = new URL("plotly.min.js", script).href;
      element.onload = () => resolve(window.Plotly);
      element.onerror = () => {
        document.querySelectorAll(".dlcv-fallback").forEach((text) => (text.hidden = false));
        reject(new Error(`${element.src} could not be loaded: the figures stay undrawn`));
      };
      document.head.append(element);
    }));
}

// The theme's colours go into the figure's template, so that a colour which the figure names itself stands.
function themed(layout) {
  const page = getComputedStyle(document.documentElement);
  const colour = (...names) => names.map((name) => page.getPropertyValue(name).trim()).find(Boolean);
  const text = colour("--pst-color-text-base", "--text");
  const line = colour("--pst-color-border", "--line");
  const template = structuredClone(layout.template ?? {});
  const base = (template.layout ??= {});
  base.paper_bgcolor = base.plot_bgcolor = "rgba(0, 0, 0, 0)";
  base.font = { ...base.font, color: text, family: getComputedStyle(document.body).fontFamily };
  const muted = colour("--pst-color-text-muted", "--muted");
  base.modebar = { bgcolor: "rgba(0, 0, 0, 0)", color: muted, activecolor: text };
  for (const axis of ["xaxis", "yaxis"]) {
    base[axis] = { ...base[axis], gridcolor: line, linecolor: line, zerolinecolor: line };
  }
  return { ...structuredClone(layout), template };
}

function shown(element, figure) {
  const layout = arranged(figure.layout, element.clientWidth);
  element.style.minHeight = `${layout.height}px`;
  return themed(layout);
}

function drawWith(Plotly, element) {
  if (drawn.has(element)) return;
  const figure = JSON.parse(element.querySelector('script[type="application/json"]').textContent);
  drawn.set(element, figure);
  const done = Plotly.newPlot(element, figure.data, shown(element, figure), figure.config);
  element.on("plotly_afterplot", () => afterPlot(element));
  afterPlot(element);
  isolateOnClick(Plotly, element);
  showStep.set(element, connectSlider(Plotly, element, figure.steps));
  leaveZoomByItsButton(Plotly, element);
  return done;
}

// In print the drawing shrinks to the paper (figures.css): its size on the screen becomes its coordinates.
function afterPlot(element) {
  for (const svg of element.querySelectorAll(".main-svg")) {
    const [width, height] = [svg.getAttribute("width"), svg.getAttribute("height")];
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("aria-hidden", !svg.querySelector(".legendtoggle")); // the figure's label says what is drawn
    svg.parentElement.style.setProperty("--plot-width", width);
    svg.parentElement.style.setProperty("--plot-height", height);
  }
  reachLegend(element);
}

// While no button to zoom is pressed, plotly sees no touch but the mouse events that a tap becomes: a swipe is the
// page's. A second click on the pressed button releases it.
function leaveZoomByItsButton(Plotly, element) {
  const isZooming = () => Boolean(element._fullLayout.dragmode);
  element.addEventListener("touchstart", (event) => isZooming() || event.stopPropagation(), { capture: true });
  element.addEventListener("click", (event) => {
    const button = event.target.closest('.modebar-btn.active[data-attr="dragmode"]');
    if (!button) return;
    event.stopPropagation();
    Plotly.relayout(element, { dragmode: false });
  }, { capture: true });
}

const idle = (work) => (window.requestIdleCallback ?? ((later) => setTimeout(later, 50)))(work);

// `script` is the address of this script, known only while it is first run.
export function drawFigures(script) {
  if (document.readyState !== "loading") return start(script);
  document.addEventListener("DOMContentLoaded", () => start(script));
}

function start(script) {
  const elements = [...document.querySelectorAll(".dlcv-plotly")];
  if (elements.length === 0) return;
  const load = loader(script);
  const draw = async (element) => drawWith(await load(), element);
  const isOpen = (element) => element.clientWidth > 0; // else within a <details> that is closed, and without a size
  const drawAll = () => window.Plotly && elements.filter(isOpen).forEach((element) => drawWith(window.Plotly, element));

  function drawNext(deadline) {
    if (deadline && deadline.timeRemaining() < BUSY) return idle(drawNext);
    const next = elements.find((element) => !drawn.has(element) && isOpen(element));
    if (next) draw(next).then(() => idle(drawNext));
  }
  async function redraw() {
    if (drawn.size === 0) return;
    const Plotly = await load();
    for (const [element, figure] of drawn) {
      await Plotly.react(element, figure.data, shown(element, figure), figure.config);
      showStep.get(element)?.();
    }
  }

  const near = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target)),
    { rootMargin: "400px" },
  );
  for (const element of elements) {
    element.querySelector(".dlcv-fallback").hidden = true;
    near.observe(element);
    element.nextElementSibling?.matches(".dlcv-steps") && (element.nextElementSibling.hidden = false);
    element.nextElementSibling?.addEventListener("focusin", () => draw(element), { once: true });
  }
  new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  matchMedia("print").addEventListener("change", (print) => print.matches && drawAll());
  window.addEventListener("beforeprint", drawAll);
  if (document.readyState === "complete") idle(drawNext);
  else window.addEventListener("load", () => idle(drawNext));
}
