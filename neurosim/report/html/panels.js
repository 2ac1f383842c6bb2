"use strict";
// What the panels share: charts that are drawn one after the other once the page stands, controls, colours, ranges.
const panels = (() => {
  const {element, colour, onTheme} = neurosim;
  const $ = id => document.getElementById(id);
  const groups = {soma: "series-3", synapse: "series-1", network: "series-2", io: "series-4", barrier: "series-5", static: "muted", other: "faint"};
  const kinds = {compute: "series-3", synaptic: "series-1", traffic: "series-2", port: "series-4", barrier: "series-5", tick: "muted"};
  const coarse = matchMedia("(pointer: coarse)").matches;
  const waiting = [];
  let busy = false;

  // One chart after the other, from the top of the page downwards, so that the page answers in between.
  function later(id, task) {
    waiting.push([id, task]);
    if (!busy) { busy = true; setTimeout(next); }
  }

  async function next() {
    const above = (one, other) => $(one[0]).compareDocumentPosition($(other[0])) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1;
    const first = waiting.sort(above).shift();
    if (!first) { busy = false; document.body.dataset.drawn = "yes"; return; }
    await first[1]();
    setTimeout(next);
  }

  // Fingers scroll the page; charts are moved by buttons there.
  const plot = (id, make) => neurosim.plot(id, () => {
    const {traces, layout} = make();
    return {traces, layout: {dragmode: coarse ? false : "zoom", ...layout}};
  });

  // The scale of a heat map: beside it, or above it where there is little room.
  const scaleBar = text => innerWidth < 820
    ? {orientation: "h", y: 1.01, yanchor: "bottom", thickness: 8, outlinewidth: 0, title: {text, side: "top"}, nticks: 5}
    : {thickness: 10, outlinewidth: 0, title: {text, side: "right"}};

  const drop = id => $(id).remove();

  function button(text, action, title) {
    return element("button", {type: "button", onclick: action, title, "aria-label": title}, text);
  }

  function select(id, label, options, value, change) {
    return element("label", {}, `${label} `, element("select", {id, onchange: event => change(event.target.value)},
      ...options.map(([key, text]) => element("option", {value: key, selected: key === value}, text))));
  }

  // From the card's colour to one of the theme. Counts change most at small values, where most of them are.
  const steps = {counts: [[0, 0], [0.02, 22], [0.1, 42], [0.35, 72], [1, 100]], shares: [[0, 4], [0.25, 30], [0.5, 55], [0.75, 80], [1, 100]]};
  const known = new Map();
  function shades(name, from = "card", how = "counts") {
    const key = `${name} ${from} ${how}`;
    if (!known.has(key)) known.set(key, rgb(steps[how].map(([, share]) => `color-mix(in srgb, ${colour(name)} ${share}%, ${colour(from)})`)).map((tone, at) => [steps[how][at][0], tone]));
    return known.get(key);
  }
  onTheme(() => known.clear());

  // Plotly reads plain colours only. One look at all of them, since each look makes the browser style the page.
  function rgb(texts) {
    const probes = texts.map(text => element("span", {style: `color: ${text}`}));
    document.body.append(...probes);
    const values = probes.map(probe => getComputedStyle(probe).color);
    probes.forEach(probe => probe.remove());
    return values.map(plain);
  }

  function plain(value) {
    const parts = value.match(/[\d.]+/g).map(Number);
    return value.startsWith("color(") ? `rgb(${parts.slice(-3).map(part => Math.round(255 * part)).join(",")})`
      : `rgb(${parts.slice(0, 3).map(Math.round).join(",")})`;
  }

  // A chart in which ranges of time are chosen: dragging, buttons, a double click for all of it.
  function onRange(id, change) {
    $(id).on("plotly_relayout", event => {
      if (event["xaxis.autorange"]) change(null, null);
      else if (event["xaxis.range[0]"] !== undefined || event["yaxis.range[0]"] !== undefined) {
        const both = axis => event[`${axis}.range[0]`] === undefined ? undefined : [event[`${axis}.range[0]`], event[`${axis}.range[1]`]];
        change(both("xaxis"), both("yaxis"));
      }
    });
  }

  function moved([start, stop], by, factor, [low, high]) {
    const middle = (start + stop) / 2 + by * (stop - start), half = Math.min(factor * (stop - start), high - low) / 2;
    const first = Math.min(Math.max(middle - half, low), high - 2 * half);
    return [first, first + 2 * half];
  }

  function moveButtons(range, whole, change) {
    const go = (by, factor) => () => change(moved(range(), by, factor, whole));
    return [button("◀", go(-0.5, 1), "earlier"), button("▶", go(0.5, 1), "later"), button("+", go(0, 0.25), "nearer"),
      button("−", go(0, 4), "farther"), button("All", () => change(whole), "the whole run")];
  }

  return {$, element, colour, onTheme, groups, kinds, later, plot, scaleBar, drop, button, select, shades, onRange, moveButtons};
})();
