"use strict";
(() => {
  const {data, element, number, scaleFor} = neurosim;
  const metric = Object.fromEntries(data.metrics.map(each => [each.name, each]));
  const objectives = data.metrics.filter(each => each.objective).map(each => each.name);
  const last = data.details[data.details.length - 1];
  const ran = data.rows.filter(row => row.status === "ok");
  const state = {x: null, y: null, colour: "", detail: last, chosen: null, sort: ["number", 1], limit: 100};
  const idOf = row => `${row.key}/${row.detail}`;
  const byId = new Map(data.rows.map(row => [idOf(row), row]));
  const valueOf = (row, name) => name in metric ? row.metrics[name] ?? null : row.settings[name] ?? null;
  const titleOf = name => name in metric ? metric[name].title : name;
  const unitOf = name => name in metric ? metric[name].unit : "";

  function tiles() {
    const shown = [["points", "runs"], ["front", "on the front"], ["ok", "ran"], ["infeasible", "do not fit"], ["failed", "failed"]];
    document.getElementById("tiles").append(...shown.filter(([key]) => key !== "failed" || data.counts.failed)
      .map(([key, text]) => element("div", {class: "tile"}, element("b", {}, number(data.counts[key])),
        element("span", {class: "muted"}, text))));
  }

  function select(id, label, options, value, change) {
    const box = element("select", {id, onchange: event => change(event.target.value)},
      ...options.map(([key, text]) => element("option", {value: key, selected: key === value}, text)));
    return element("label", {}, `${label} `, box);
  }

  function controls() {
    const measured = data.metrics.filter(each => ran.some(row => valueOf(row, each.name) !== null)).map(each => each.name);
    const chosen = objectives.filter(name => measured.includes(name));
    const axes = [...chosen, ...measured.filter(name => !chosen.includes(name))];
    const costs = chosen.filter(name => name !== "accuracy");
    [state.x, state.y] = chosen.includes("accuracy") && costs.length ? [costs[0], "accuracy"] : [axes[0], axes[1] ?? axes[0]];
    if (costs.length > 1) [state.x, state.y] = [costs[0], costs[1]];
    const named = axes.map(name => [name, titleOf(name)]);
    const colours = [["", "none"], ...named, ...data.parameters.map(name => [name, name])];
    if (chosen.includes("accuracy") && state.y !== "accuracy") state.colour = "accuracy";
    document.getElementById("axes").append(
      select("axis-x", "Across", named, state.x, value => { state.x = value; front(); }),
      select("axis-y", "Up", named, state.y, value => { state.y = value; front(); }),
      select("colour", "Colour", colours, state.colour, value => { state.colour = value; front(); }),
      ...(data.details.length > 1 ? [select("detail", "Detail", data.details.map(name => [name, name]), last,
        value => { state.detail = value; front(); parallel(); })] : []));
  }

  // Indices of the points that no other beats in the two shown axes.
  function beatenByNone(rows, x, y) {
    const sign = name => (metric[name].direction === "max" ? -1 : 1);
    const order = [...rows].sort((a, b) => sign(x) * (valueOf(a, x) - valueOf(b, x)) || sign(y) * (valueOf(a, y) - valueOf(b, y)));
    let best = Infinity;
    return order.filter(row => {
      const value = sign(y) * valueOf(row, y);
      const kept = value < best;
      best = Math.min(best, value);
      return kept;
    });
  }

  function hover(row) {
    const lines = objectives.map(name => `${titleOf(name)}: ${number(valueOf(row, name), unitOf(name))}`);
    const settings = Object.entries(row.settings).slice(0, 8).map(([name, value]) => `${name} = ${value}`);
    return [...lines, "", ...settings].join("<br>").replaceAll("</", "");
  }

  function colouring(rows) {
    if (!state.colour) return {color: neurosim.colour("series-1")};
    const values = rows.map(row => valueOf(row, state.colour));
    const scale = {colorbar: {title: {text: titleOf(state.colour), side: "right"}, thickness: 12, outlinewidth: 0}, showscale: true,
      colorscale: [[0, neurosim.colour("series-4")], [0.5, neurosim.colour("series-1")], [1, neurosim.colour("series-5")]]};
    if (values.every(value => value === null || typeof value === "number")) {
      const {scale: factor, unit} = scaleFor(values, unitOf(state.colour));
      scale.colorbar.title.text += unit ? ` (${unit})` : "";
      return {...scale, color: values.map(value => value === null ? null : value * factor)};
    }
    const kinds = [...new Set(values.map(String))];
    scale.colorbar = {...scale.colorbar, tickvals: kinds.map((_, index) => index), ticktext: kinds};
    return {...scale, color: values.map(value => kinds.indexOf(String(value)))};
  }

  function axis(name, rows) {
    const {scale, unit} = scaleFor(rows.map(row => valueOf(row, name)), unitOf(name));
    return {of: row => valueOf(row, name) * scale, title: {text: titleOf(name) + (unit ? ` (${unit})` : "")}};
  }

  function front() {
    const rows = ran.filter(row => row.detail === state.detail && valueOf(row, state.x) !== null && valueOf(row, state.y) !== null);
    const allowed = rows.filter(row => row.allowed);
    const broken = rows.filter(row => !row.allowed);
    const best = beatenByNone(allowed, state.x, state.y);
    neurosim.plot("front", () => {
      const x = axis(state.x, rows), y = axis(state.y, rows);
      const points = (list, more) => ({x: list.map(x.of), y: list.map(y.of), text: list.map(hover), customdata: list.map(idOf),
        hovertemplate: "%{text}<extra></extra>", mode: "markers", type: "scatter", ...more});
      const chosen = rows.filter(row => idOf(row) === state.chosen);
      const traces = [
        points(broken, {name: "breaks a constraint", marker: {color: neurosim.colour("faint"), symbol: "x", size: 7}}),
        points(allowed, {name: "fits", marker: {...colouring(allowed), size: 8, opacity: 0.9}}),
        points(allowed.filter(row => row.front), {name: "front of all objectives", hoverinfo: "skip", hovertemplate: null,
          marker: {color: "rgba(0,0,0,0)", size: 13, line: {color: neurosim.colour("ink"), width: 1.5}}}),
        points(best, {name: "front of these two", mode: "lines", hoverinfo: "skip", hovertemplate: null,
          line: {color: neurosim.colour("series-2"), width: 2, shape: steps()}}),
        points(chosen, {name: "chosen", hoverinfo: "skip", hovertemplate: null, showlegend: false,
          marker: {color: neurosim.colour("accent"), size: 15, line: {color: neurosim.colour("card"), width: 3}}}),
      ].filter(trace => trace.x.length);
      return {traces, layout: {xaxis: {title: x.title}, yaxis: {title: y.title}}};
    });
    document.getElementById("front-note").textContent = rows.length
      ? `${metric[state.x].title}: ${better(state.x)}, ${metric[state.y].title}: ${better(state.y)}.` : "No point ran at this detail.";
  }

  // A front is a staircase: between two of its points the worse of both holds.
  const steps = () => (metric[state.x].direction === "min" ? "hv" : "vh");
  const better = name => (metric[name].direction === "min" ? "less is better" : "more is better");

  // What tells a parameter from the others: its last word, and those before it where that is not enough.
  function shortName(name) {
    const words = name.split(".");
    const ending = length => words.slice(-length).join(".");
    let length = 1;
    while (length < words.length && data.parameters.some(other => other !== name && other.endsWith(`.${ending(length)}`))) length += 1;
    return ending(length);
  }

  function dimension(rows, name) {
    const values = rows.map(row => valueOf(row, name));
    const known = values.filter(value => value !== null);
    const numeric = known.every(value => typeof value === "number");
    const {scale, unit} = numeric ? scaleFor(known, unitOf(name)) : {scale: 1, unit: ""};
    const label = (name in metric ? titleOf(name).replace(" per sample", "") : shortName(name)) + (unit ? ` (${unit})` : "");
    const kinds = [...new Set(known)].sort((a, b) => numeric ? a - b : String(a).localeCompare(String(b)));
    if (numeric && kinds.length > 6 && known.length === values.length) return {label, values: values.map(value => value * scale)};
    if (numeric && kinds.length > 6) {          // where a parameter is not active, below all of its values
      const low = Math.min(...known), high = Math.max(...known), none = low - 0.1 * (high - low || 1);
      const ticks = [0, 0.25, 0.5, 0.75, 1].map(part => low + part * (high - low));
      return {label, values: values.map(value => (value ?? none) * scale), tickvals: [none, ...ticks].map(value => value * scale),
        ticktext: ["–", ...ticks.map(value => String(+(value * scale).toPrecision(3)))]};
    }
    const names = [...(known.length < values.length ? [null] : []), ...kinds];
    return {label, values: values.map(value => names.indexOf(value)), tickvals: names.map((_, index) => index),
      ticktext: names.map(value => value === null ? "–" : number(typeof value === "number" ? value * scale : value)),
      range: [-0.25, names.length - 0.75]};
  }

  function parallel() {
    const rows = ran.filter(row => row.detail === state.detail);
    const first = rows.map(row => valueOf(row, objectives[0]) ?? 0);
    const shown = [...data.parameters, ...objectives].filter(name => rows.some(row => valueOf(row, name) !== null));
    document.getElementById("parallel").style.minWidth = `${95 * shown.length}px`;
    neurosim.plot("parallel", () => ({
      traces: [{type: "parcoords", labelangle: -12, dimensions: shown.map(name => dimension(rows, name)),
        labelfont: {color: neurosim.colour("ink"), size: 12}, tickfont: {color: neurosim.colour("muted")},
        rangefont: {color: "rgba(0,0,0,0)"}, unselected: {line: {color: neurosim.colour("faint"), opacity: 0.12}},
        line: {color: first, colorscale: [[0, neurosim.colour("series-1")], [1, neurosim.colour("series-2")]]}}],
      layout: {margin: {l: 70, r: 70, t: 80, b: 24}},
    }));
  }

  function importances() {
    const names = Object.keys(data.importance);
    const sum = name => names.reduce((total, each) => total + (data.importance[each][name] ?? 0), 0);
    const parameters = [...data.parameters].sort((a, b) => sum(a) - sum(b));
    const chart = document.getElementById("importance");
    chart.style.height = `${Math.max(240, 90 + 26 * parameters.length * Math.max(1, names.length) * 0.7)}px`;
    const narrow = chart.clientWidth < 560;
    neurosim.plot("importance", () => ({
      traces: names.map(name => ({type: "bar", orientation: "h", name: titleOf(name), y: parameters.map(narrow ? shortName : name => name),
        x: parameters.map(parameter => 100 * (data.importance[name][parameter] ?? 0)), hovertemplate: "%{y}: %{x:.1f} %<extra>%{fullData.name}</extra>"})),
      layout: {barmode: "group", bargap: 0.25, xaxis: {title: {text: narrow ? "share (%)" : "share of the variance (%)"}, rangemode: "tozero"}, yaxis: {automargin: true, gridcolor: "rgba(0,0,0,0)"}},
    }));
  }

  function choose(id) {
    state.chosen = id;
    const row = byId.get(id);
    const fact = (name, value) => element("tr", {}, element("th", {scope: "row"}, name), element("td", {class: "number"}, value));
    const measured = data.metrics.filter(each => valueOf(row, each.name) !== null)
      .map(each => fact(each.title, number(valueOf(row, each.name), each.unit)));
    const button = element("button", {type: "button", id: "copy", onclick: event => neurosim.copy(row.command, event.target)}, "Copy");
    document.getElementById("details").replaceChildren(
      element("h2", {}, `Point ${row.key} `, element("span", {class: `badge ${row.front ? "front" : row.status}`}, row.front ? "front" : row.status)),
      element("p", {class: "muted"}, `number ${row.number}, detail ${row.detail}`),
      ...(row.reason ? [element("pre", {}, row.reason)] : []),
      element("table", {class: "facts"}, ...Object.entries(row.settings).map(([name, value]) => fact(name, value))),
      ...(measured.length ? [element("table", {class: "facts", style: "margin-top:.8rem"}, ...measured)] : []),
      element("p", {class: "muted", style: "margin-top:.8rem"}, "Repeat it: ", button), element("pre", {id: "command"}, row.command));
    document.getElementById("details").scrollIntoView({block: "nearest"});
    document.querySelectorAll("#points tr.chosen").forEach(each => each.classList.remove("chosen"));
    document.querySelector(`#points tr[data-id="${id}"]`)?.classList.add("chosen");
    front();
  }

  const columns = [
    {name: "number", title: "#", of: row => row.number, number: true},
    {name: "status", title: "status", of: row => (row.front ? "front" : row.status)},
    ...(data.details.length > 1 ? [{name: "detail", title: "detail", of: row => row.detail}] : []),
    ...objectives.map(name => ({name, title: titleOf(name), of: row => valueOf(row, name), unit: unitOf(name), number: true})),
    ...data.parameters.map(name => ({name, title: name, of: row => valueOf(row, name),
      number: data.rows.every(row => ["number", "undefined"].includes(typeof row.settings[name]))})),
    ...(data.rows.some(row => row.reason) ? [{name: "reason", title: "reason", of: row => row.reason.split("\n")[0], wide: true}] : []),
  ];

  function wanted() {
    const show = document.getElementById("show").value, text = document.getElementById("find").value.toLowerCase();
    const rows = data.rows.filter(row => show === "all" || (show === "front" ? row.front : row.status === show))
      .filter(row => !text || `${row.key} ${row.command} ${row.reason}`.toLowerCase().includes(text));
    const column = columns.find(each => each.name === state.sort[0]);
    const none = value => value === null || value === "";
    return rows.sort((a, b) => {
      const [x, y] = [column.of(a), column.of(b)];
      if (none(x) || none(y)) return none(x) - none(y);
      return state.sort[1] * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y)));
    });
  }

  function table() {
    const rows = wanted();
    const head = columns.map(column => element("th", {class: column.number ? "number" : null, "data-name": column.name, tabindex: 0,
      "aria-sort": column.name === state.sort[0] ? (state.sort[1] > 0 ? "ascending" : "descending") : null,
      onclick: () => sortBy(column.name), onkeydown: event => { if (event.key === "Enter") sortBy(column.name); }},
      column.title + (column.name === state.sort[0] ? (state.sort[1] > 0 ? " ↑" : " ↓") : "")));
    const cell = (row, column) => {
      const value = column.of(row);
      if (column.name === "status") return element("td", {}, element("span", {class: `badge ${value}`}, value));
      return element("td", {class: column.number ? "number" : column.wide ? "wide" : null}, value === null ? "–" : column.unit === undefined ? value : number(value, column.unit));
    };
    const body = rows.slice(0, state.limit).map(row => element("tr", {"data-id": idOf(row), tabindex: 0,
      class: idOf(row) === state.chosen ? "chosen" : null, onclick: () => choose(idOf(row)),
      onkeydown: event => { if (event.key === "Enter") choose(idOf(row)); }}, ...columns.map(column => cell(row, column))));
    document.getElementById("points").replaceChildren(element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body));
    document.getElementById("shown").textContent = `${Math.min(rows.length, state.limit)} of ${rows.length}`;
    document.getElementById("more").hidden = rows.length <= state.limit;
  }

  function sortBy(name) {
    state.sort = [name, state.sort[0] === name ? -state.sort[1] : 1];
    table();
  }

  function filters() {
    const choices = [["all", "all"], ["front", "the front"], ["ok", "what ran"], ["infeasible", "what does not fit"], ["failed", "what failed"]];
    document.getElementById("show").append(...choices.filter(([key]) => key === "all" || data.counts[key])
      .map(([key, text]) => element("option", {value: key}, text)));
    document.getElementById("show").addEventListener("change", table);
    document.getElementById("find").addEventListener("input", table);
    document.getElementById("more").addEventListener("click", () => { state.limit += 400; table(); });
  }

  tiles();
  filters();
  table();
  if (ran.length) {
    controls();
    front();
    parallel();
    importances();
    document.getElementById("front").on("plotly_click", event => {
      const id = event.points.map(point => point.customdata).find(Boolean);
      if (id) choose(id);
    });
  } else {
    document.getElementById("front-note").textContent = "No point ran; the table below says why.";
  }
})();
