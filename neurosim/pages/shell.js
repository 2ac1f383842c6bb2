"use strict";
const neurosim = (() => {
  const root = document.documentElement;
  const listeners = [];
  const charts = new Map();
  const data = JSON.parse(document.getElementById("data").textContent);
  const prefixes = {"-18": "a", "-15": "f", "-12": "p", "-9": "n", "-6": "µ", "-3": "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"};

  // Nothing that leaves the page; no row of buttons where fingers cannot hover.
  const config = {displaylogo: false, responsive: true, showSendToCloud: false, modeBarButtonsToRemove: ["select2d", "lasso2d"],
    displayModeBar: matchMedia("(pointer: coarse)").matches ? false : "hover"};

  const colour = name => getComputedStyle(root).getPropertyValue(`--${name}`).trim();

  function setTheme(theme) {
    root.dataset.theme = theme;
    document.getElementById("theme").textContent = theme === "dark" ? "Light" : "Dark";
    listeners.forEach(listener => listener());
    charts.forEach((make, id) => draw(id));
  }

  function onTheme(listener) {
    listeners.push(listener);
    listener();
  }

  // Three digits and a prefix; counts and shares have no unit and no prefix.
  function number(value, unit = "") {
    if (value === null || value === undefined) return "–";
    if (typeof value !== "number") return String(value);
    if (value === 0) return unit ? `0 ${unit}` : "0";
    if (!unit) return Number.isInteger(value) ? value.toLocaleString("en").replaceAll(",", " ") : String(+value.toPrecision(4));
    const places = Math.min(12, Math.max(-18, 3 * Math.floor(Math.log10(Math.abs(+value.toPrecision(3))) / 3)));
    return `${(value / 10 ** places).toPrecision(3)} ${prefixes[places]}${unit}`;
  }

  // The prefix that suits the largest of some values: {scale, unit}.
  function scaleFor(values, unit) {
    const largest = Math.max(...values.filter(value => value !== null).map(Math.abs), 0);
    if (!unit || unit === "mm²" || !largest) return {scale: 1, unit};
    const places = Math.min(12, Math.max(-18, 3 * Math.floor(Math.log10(largest) / 3)));
    return {scale: 10 ** -places, unit: `${prefixes[places]}${unit}`};
  }

  function layoutOf(layout) {
    const axis = {gridcolor: colour("line"), zerolinecolor: colour("line"), linecolor: colour("line"), automargin: true};
    const merged = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "closest", dragmode: "zoom",
      font: {color: colour("ink"), family: getComputedStyle(document.body).fontFamily, size: 13},
      margin: {l: 60, r: 20, t: 16, b: 50}, legend: {orientation: "h", y: 1.02, yanchor: "bottom", x: 0},
      hoverlabel: {bgcolor: colour("card"), bordercolor: colour("line"), font: {color: colour("ink")}, align: "left"},
      modebar: {bgcolor: "rgba(0,0,0,0)", color: colour("faint"), activecolor: colour("ink")},
      colorway: [1, 2, 3, 4, 5].map(index => colour(`series-${index}`)), ...layout,
    };
    for (const name of ["xaxis", "yaxis"]) merged[name] = {...axis, ...(layout[name] || {})};
    return merged;
  }

  function draw(id) {
    const {traces, layout} = charts.get(id)();
    return Plotly.react(id, traces, layoutOf(layout || {}), config);
  }

  // make() returns {traces, layout}; it is called again when the theme changes.
  function plot(id, make) {
    charts.set(id, make);
    return draw(id);
  }

  function element(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.map(child => child instanceof Node ? child : document.createTextNode(String(child))));
    return node;
  }

  async function copy(text, button) {
    const area = element("textarea", {style: "position:fixed;opacity:0"});
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");       // the newer interface needs a secure origin, which a file is not
    area.remove();
    const before = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = before; }, 1200);
  }

  const query = matchMedia("(prefers-color-scheme: dark)");
  setTheme(query.matches ? "dark" : "light");
  query.addEventListener("change", () => setTheme(query.matches ? "dark" : "light"));
  document.getElementById("theme").addEventListener("click", () => setTheme(root.dataset.theme === "dark" ? "light" : "dark"));
  return {data, colour, onTheme, number, scaleFor, plot, draw, element, copy};
})();
