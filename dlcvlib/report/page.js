// Draws the figures of an exported report when they come near the screen; plotly.js stands above, if any is needed.
(() => {
  "use strict";
  const figures = document.querySelectorAll(".dlcv-plotly");
  const drawn = new Set();

  function draw(element) {
    if (drawn.has(element)) return;
    drawn.add(element);
    const { data, layout } = JSON.parse(element.querySelector('script[type="application/json"]').textContent);
    element.querySelector(".dlcv-fallback").hidden = true;
    window.Plotly.newPlot(element, data, layout, { responsive: true, displaylogo: false });
  }

  const near = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target)),
    { rootMargin: "400px" },
  );
  figures.forEach((element) => near.observe(element));
  window.addEventListener("beforeprint", () => figures.forEach(draw));
})();
