// Keeps the first choice of the question that this script stands in, marks it if another one is tried, and shows it
// again when the page is opened again. It asks nothing of the network; where storage is refused, it keeps nothing.
(() => {
  const question = document.currentScript.closest(".dlcv-question");
  const choices = [...question.querySelectorAll(":scope > fieldset input")];

  function stored(value) {
    try {
      if (value) localStorage.setItem(question.dataset.key, value);
      return localStorage.getItem(question.dataset.key);
    } catch {
      return null;
    }
  }
  function settle(input) {
    if (!input || question.dataset.first) return;
    question.dataset.first = input.value;
    input.insertAdjacentHTML("afterend", '<span class="dlcv-first">your first choice</span>');
    input.parentElement.append(input.nextSibling);
    stored(input.value);
    question.dispatchEvent(new Event("dlcv-answered", { bubbles: true }));
  }
  const settleChecked = () => settle(choices.find((input) => input.checked));

  const before = choices.find((input) => input.value === stored());
  if (before) before.checked = true;
  settle(before);
  question.firstElementChild.nextElementSibling.addEventListener("focusout", (event) => {
    if (!choices.includes(event.relatedTarget)) settleChecked();
  });
  for (const input of choices) {
    input.addEventListener("change", () => input.matches(":focus-visible") || settle(input));
    input.addEventListener("keydown", ({ key }) => {
      if (key !== " " && key !== "Enter") return;
      input.checked = true;
      settle(input);
    });
  }
})();
