// The slider of a figure: an <input type="range"> below it, which plotly's own slider, out of the keyboard's reach, is
// replaced by. Each of `steps` is { method, args, label }, as in plotly's layout.

// Return a function that shows the slider's step again, after the figure was drawn anew.
export function connectSlider(Plotly, element, steps) {
  if (!steps.length) return () => {};
  const place = element.nextElementSibling;
  const [input, text] = [place.querySelector("input"), place.querySelector("span")];
  function show() {
    const { method, args, label } = steps[input.value];
    Plotly[method](element, ...structuredClone(args));
    text.textContent = label;
    input.setAttribute("aria-valuetext", label);
  }
  input.addEventListener("input", show);
  const again = () => input.value !== input.getAttribute("value") && show();
  again(); // moved before the figure was drawn, or kept by the browser
  return again;
}
