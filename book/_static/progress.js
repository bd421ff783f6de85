// Progress of a page's reader: how many of its questions are answered, below the page's heading, and a link to the next.
// The answers are kept by each question's own script (dlcvlib/exercises/question.js); nothing leaves the machine.
(() => {
  "use strict";

  function bar(questions) {
    const element = document.createElement("p");
    element.className = "dlcv-progress";
    element.innerHTML =
      '<label>Questions answered <progress></progress></label> <span role="status"></span> ' +
      '<a></a> <button type="button">Start over</button>';
    const [meter, count, next, again] = element.querySelectorAll("progress, span, a, button");

    function show() {
      const open = questions.filter((question) => !question.dataset.first);
      meter.max = questions.length;
      meter.value = questions.length - open.length;
      count.textContent = `${meter.value} of ${meter.max}`;
      next.hidden = open.length === 0;
      if (open.length > 0) next.href = `#${open[0].id}`;
      next.textContent = "Next question";
      again.hidden = open.length === questions.length;
    }
    again.addEventListener("click", () => {
      try {
        questions.forEach((question) => localStorage.removeItem(question.dataset.key));
      } catch {
        // nothing is kept, so that nothing is to be forgotten
      }
      location.reload();
    });
    document.addEventListener("dlcv-answered", show);
    show();
    return element;
  }

  document.addEventListener("DOMContentLoaded", () => {
    const questions = [...document.querySelectorAll(".dlcv-question[data-key]")];
    if (questions.length > 0) document.querySelector("h1")?.after(bar(questions));
  });
})();
