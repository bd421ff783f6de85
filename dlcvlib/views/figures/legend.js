// The legend of a figure: a click on an entry shows it alone, a click on the only one shown shows all. By keyboard the
// legend is one stop; arrow keys move between its entries, Enter or the space bar clicks.

const isPlain = (trace) => !trace.showlegend && !trace.legendgroup; // in no legend, so always shown

function isolate(Plotly, element, clicked) {
  const traces = element._fullData;
  const keyOf = (trace) => trace.legendgroup || trace.index;
  const own = keyOf(traces[clicked]);
  const isOwn = (trace) => isPlain(trace) || keyOf(trace) === own;
  const isAlone = traces.every((trace) => isOwn(trace) === (trace.visible === true));
  return Plotly.restyle(element, { visible: traces.map((trace) => isAlone || isOwn(trace) || "legendonly") });
}

export function isolateOnClick(Plotly, element) {
  element.on("plotly_legendclick", ({ curveNumber }) => {
    isolate(Plotly, element, curveNumber);
    return false; // plotly itself would show all when another entry than the one shown is clicked
  });
  element.addEventListener("keydown", (event) => {
    const entry = event.target.closest(".legendtoggle");
    if (!entry) return;
    const entries = [...element.querySelectorAll(".legendtoggle")];
    const place = entries.indexOf(entry);
    const moves = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
    if (event.key in moves) {
      const next = entries[(place + moves[event.key] + entries.length) % entries.length];
      entries.forEach((other) => other.setAttribute("tabindex", other === next ? 0 : -1));
      next.focus();
    } else if (event.key === "Enter" || event.key === " ") {
      isolate(Plotly, element, curveOf(entry));
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

const curveOf = (entry) => entry.parentElement.__data__[0].trace.index; // plotly's own record of an entry

// plotly draws the legend anew after each change, so its entries are prepared each time.
export function reachLegend(element) {
  const entries = [...element.querySelectorAll(".legendtoggle")];
  const reached = entries.find((entry) => entry.getAttribute("tabindex") === "0") ?? entries[0];
  for (const entry of entries) {
    const hidden = element._fullData[curveOf(entry)].visible !== true;
    entry.setAttribute("tabindex", entry === reached ? 0 : -1);
    entry.setAttribute("role", "button");
    entry.setAttribute("aria-pressed", !hidden);
    entry.setAttribute("aria-label", entry.parentElement.querySelector(".legendtext")?.textContent ?? "");
  }
}
