// Opens every part of an exported report before it is printed; views/figures/draw.js then draws the figures in them.
window.addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach((part) => (part.open = true));
});
