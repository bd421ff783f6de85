// What a page needs beside its figures: regions that scroll can be reached by keyboard, and paper is white.
(() => {
  "use strict";
  const SCROLLING = ".dlcv-scroll, .dlcv-svg, div.math";

  // A region that is wider than the page is a stop of the Tab key, so that the arrow keys can scroll it.
  function reach(region) {
    if (region.scrollWidth <= region.clientWidth + 1) {
      if (region.dataset.scrolls) ["tabindex", "data-scrolls"].forEach((name) => region.removeAttribute(name));
      return;
    }
    if (region.hasAttribute("tabindex")) return;
    region.dataset.scrolls = "true";
    region.tabIndex = 0;
    if (!region.hasAttribute("role")) region.setAttribute("role", "region");
    if (!region.hasAttribute("aria-label")) {
      const caption = region.closest("figure")?.querySelector("figcaption")?.textContent.trim();
      const kind = region.matches("div.math") ? "Formula" : "Table";
      region.setAttribute("aria-label", caption || `${kind} ${[...document.querySelectorAll(SCROLLING)].indexOf(region)}`);
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    const sizes = new ResizeObserver((entries) => entries.forEach((entry) => reach(entry.target)));
    document.querySelectorAll(SCROLLING).forEach((region) => sizes.observe(region));
    // Sphinx calls the references a list, and its entries something else.
    document.querySelectorAll(".citation-list > *").forEach((entry) => entry.setAttribute("role", "listitem"));
  });

  // A dark page is printed as a light one; figures.js recolours its figures with the theme.
  let theme = null;
  window.addEventListener("beforeprint", () => {
    theme = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light";
  });
  window.addEventListener("afterprint", () => {
    if (theme !== null) document.documentElement.dataset.theme = theme;
    theme = null;
  });
})();
