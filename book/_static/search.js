// Searches the book from disk: the text of its sections stands in search_text.js (book/extensions/search_text.py).
//
// A section is found if it holds all words of the query, each at the start of one of its own: "segment" finds
// "segmentation". A plural's "s" is dropped from the query's words. Sections whose title holds the words come first.
(() => {
  "use strict";
  const MOST = 60; // sections shown
  const AROUND = 110; // characters of an excerpt on each side of the first word found

  const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const singular = (word) => (word.length > 3 ? word.replace(/s$/u, "") : word);
  const pattern = (word) => `(?<![\\p{L}\\p{N}])${escaped(singular(word))}[\\p{L}\\p{N}]*`;

  function search(words) {
    const patterns = words.map((word) => new RegExp(pattern(word), "giu"));
    const found = [];
    for (const [page, sections] of Object.entries(BOOK_TEXT)) {
      for (const [pageTitle, title, anchor, text] of sections) {
        const inTitle = patterns.filter((each) => title.search(each) >= 0).length;
        const inText = patterns.map((each) => (text.match(each) ?? []).length);
        if (!patterns.every((each, index) => inText[index] || title.search(each) >= 0)) continue;
        const score = 20 * inTitle + inText.reduce((sum, count) => sum + Math.min(count, 5), 0);
        found.push({ page, pageTitle, title, anchor, text, score });
      }
    }
    return found.sort((one, other) => other.score - one.score);
  }

  // Nodes of `text` with each word that matches marked.
  function marked(text, matcher) {
    const nodes = [];
    let end = 0;
    for (const match of text.matchAll(matcher)) {
      const mark = document.createElement("mark");
      mark.textContent = match[0];
      nodes.push(text.slice(end, match.index), mark);
      end = match.index + match[0].length;
    }
    return [...nodes, text.slice(end)];
  }

  // The piece of the text that holds most of the words, cut between words.
  function excerpt(text, words) {
    const matcher = new RegExp(words.map(pattern).join("|"), "giu");
    const places = [...text.matchAll(matcher)].map((match) => match.index);
    const near = (place) =>
      words.filter((word) => text.slice(place, place + AROUND).search(new RegExp(pattern(word), "iu")) >= 0).length;
    const best = places.reduce((kept, place) => (near(place) > near(kept) ? place : kept), places[0] ?? 0);
    const start = best > AROUND ? text.indexOf(" ", best - AROUND) + 1 : 0;
    const stop = text.indexOf(" ", best + AROUND);
    const piece = text.slice(start, stop < 0 ? undefined : stop);
    return [start > 0 ? "… " : "", ...marked(piece, matcher), stop < 0 ? "" : " …"];
  }

  function item(section, words) {
    const element = document.createElement("li");
    const link = document.createElement("a");
    link.href = section.anchor ? `${section.page}#${section.anchor}` : section.page;
    link.textContent =
      section.title === section.pageTitle ? section.title : `${section.pageTitle} › ${section.title}`;
    const text = document.createElement("p");
    text.append(...excerpt(section.text, words));
    element.append(link, text);
    return element;
  }

  document.addEventListener("DOMContentLoaded", () => {
    const query = new URLSearchParams(window.location.search).get("q") ?? "";
    document.querySelectorAll('input[name="q"]').forEach((input) => (input.value = query));
    const words = query.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
    if (words.length === 0) return;
    const found = search(words);
    const count = document.querySelector("#search-count");
    count.textContent =
      found.length === 0
        ? `No section of the book holds ${words.length === 1 ? "this word" : "all of these words"}.`
        : `${found.length} section${found.length === 1 ? "" : "s"}${found.length > MOST ? `, the first ${MOST}:` : ":"}`;
    document.querySelector("#search-results").append(...found.slice(0, MOST).map((each) => item(each, words)));
  });
})();
