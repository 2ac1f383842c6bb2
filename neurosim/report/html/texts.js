"use strict";
// Tiles, tables and sentences: there before the first chart.
(() => {
  const $ = id => document.getElementById(id);
  const {data, number, element} = neurosim;

  function tiles() {
    $("tiles").append(...data.figures.map(([value, name, detail]) => element("div", {class: "tile"}, element("b", {}, value), element("span", {}, name),
      element("span", {class: "muted"}, detail))));
  }

  function table({title, columns, rows, text, sections, caption}) {
    const cell = (tag, index, content) => element(tag, {class: text.includes(index) ? null : "number"}, content);
    const body = rows.map((row, at) => element("tr", {class: sections.includes(at) ? "section" : null}, ...columns.map((_, index) => cell("td", index, row[index] ?? ""))));
    return element("section", {class: "card"}, element("h2", {}, title), element("div", {class: "scroll"}, element("table", {},
      element("thead", {}, element("tr", {}, ...columns.map((column, index) => cell("th", index, column)))), element("tbody", {}, ...body))),
      ...(caption ? [element("p", {class: "muted"}, caption)] : []));
  }

  function texts() {
    $("tables").append(...data.tables.map(table));
    if (data.formats_left_out) $("tables").lastElementChild.append(element("p", {class: "muted"}, `${number(data.formats_left_out)} more formats: see the report's JSON, or the network.`));
    const [first, ...others] = data.notes;
    $("assumed").textContent = first;
    if (others.length) $("notes").append(...others.map(note => element("li", {}, note)));
    else $("notes").parentElement.remove();
    $("provenance").append(element("tbody", {}, ...data.provenance.map(([name, text]) => element("tr", {}, element("th", {}, name), element("td", {}, folded(text))))));
  }

  function folded(text) {
    if (text.length < 240) return text;
    return element("details", {}, element("summary", {}, `${text.slice(0, 80)}…`), element("pre", {}, text));
  }

  tiles();
  texts();
})();
