"use strict";
// The chip from above: cores as fields of their tiles, links between the tiles; the run, or one step after the other.
(() => {
  const {$, element, colour, later, plot, scaleBar, select, shades} = panels;
  const data = neurosim.data.mesh;
  if (data.without) {
    $("mesh-card").replaceChildren(element("h2", {}, "The chip from above"), element("p", {class: "muted"}, data.without));
    return;
  }
  const measures = {busy: "busy time (%)", synaptic: "synaptic events per sample", packets: "packets sent per sample"};
  const state = {measure: data.simulated ? "busy" : "synaptic", frame: -1};
  const across = Math.ceil(Math.sqrt(data.per_tile)), down = Math.ceil(data.per_tile / across);
  const side = 0.62, ways = [[1, 0], [-1, 0], [0, -1], [0, 1]];
  const tileOf = number => [number % data.columns, Math.floor(number / data.columns)];
  const n = data.cores.tile.length;

  async function values() {
    if (state.frame < 0) return packed.unpack(data.whole[state.measure]);
    const all = await packed.unpack(data.frames[state.measure]);
    return all.slice(state.frame * n, (state.frame + 1) * n);
  }

  // The same scale for all frames, so that they can be compared.
  async function highest() {
    const all = await packed.unpack(state.frame < 0 ? data.whole[state.measure] : data.frames[state.measure]);
    return all.reduce((most, value) => Math.max(most, value), 0) * (state.measure === "busy" ? 100 : 1) || 1;
  }

  // Edges of the fields of cores, gaps between tiles included: `per` fields in each of `count` tiles.
  function edges(count, per) {
    const found = [];
    for (let tile = 0; tile < count; tile += 1)
      for (let field = 0; field <= per; field += 1) found.push(tile - side / 2 + field * side / per);
    return found;
  }

  function cores(loads, high) {
    const width = data.columns * (across + 1) - 1, height = data.rows * (down + 1) - 1;
    const z = Array.from({length: height}, () => new Array(width).fill(null)), text = Array.from({length: height}, () => new Array(width).fill(""));
    for (let core = 0; core < n; core += 1) {
      const [x, y] = tileOf(data.cores.tile[core]), slot = data.cores.slot[core];
      const row = y * (down + 1) + Math.floor(slot / across), column = x * (across + 1) + slot % across;
      z[row][column] = loads[core] * (state.measure === "busy" ? 100 : 1);
      text[row][column] = `core ${data.cores.number[core]}, tile ${data.cores.tile[core]}<br>${data.cores.holds[core]}`;
    }
    return {type: "heatmap", x: edges(data.columns, across), y: edges(data.rows, down), z, text, zmin: 0, zmax: high, colorscale: shades("series-1", "shade", "shares"), hoverongaps: false,
      hovertemplate: `%{text}<br>${measures[state.measure]}: %{z:.3~g}<extra></extra>`, colorbar: scaleBar(`cores: ${measures[state.measure]}`)};
  }

  function segment(number) {
    const [x, y] = tileOf(Math.floor(number / 4)), [dx, dy] = ways[number % 4];
    if (x + dx < 0 || y + dy < 0 || x + dx >= data.columns || y + dy >= data.rows) return null;     // round a torus
    const right = [-dy * 0.1, dx * 0.1], from = side / 2 + 0.02, to = 1 - side / 2 - 0.02;
    return [[x + right[0] + dx * from, y + right[1] + dy * from], [x + right[0] + dx * to, y + right[1] + dy * to]];
  }

  // Share of the time that each of data.links was occupied, in the run or in one frame; null where it is not known.
  async function shares() {
    if (state.frame < 0) return {own: data.links.map(link => link[1]), top: highestShare(data.links.map(link => link[1]))};
    const all = await packed.unpack(data.frames.links);
    return all && {own: all.subarray(state.frame * data.links.length, (state.frame + 1) * data.links.length), top: highestShare(all)};
  }

  const highestShare = all => all.reduce((most, share) => Math.max(most, share), 0);

  // Links in classes of load, the same for all frames: one line of many pieces for each; and points in their middles to read them by.
  function links({own, top}) {
    const classes = 6;
    const by = Array.from({length: classes}, () => ({x: [], y: []})), middles = {x: [], y: [], text: []};
    data.links.forEach(([number, , packets], index) => {
      const piece = segment(number), share = own[index];
      if (!piece || (state.frame >= 0 && !share)) return;
      const which = top ? Math.min(classes - 1, Math.floor(classes * Math.sqrt(share / top))) : 0;
      by[which].x.push(piece[0][0], piece[1][0], null);
      by[which].y.push(piece[0][1], piece[1][1], null);
      middles.x.push((piece[0][0] + piece[1][0]) / 2);
      middles.y.push((piece[0][1] + piece[1][1]) / 2);
      middles.text.push(`link from tile ${Math.floor(number / 4)} ${["east", "west", "north", "south"][number % 4]}<br>${(100 * share).toPrecision(3)} % of the time${state.frame < 0 ? `, ${neurosim.number(packets)} packets` : ""}`);
    });
    const tones = shades("series-2", "shade", "shares");
    const width = Math.max(1.5, Math.min(6, 60 / Math.max(data.columns, data.rows)));
    const lines = by.map((piece, index) => ({type: "scatter", mode: "lines", ...piece, line: {width, color: tones[Math.min(4, Math.floor(index * 5 / classes) + (index ? 1 : 0))][1]}, hoverinfo: "skip", showlegend: false}));
    return [...lines.filter(line => line.x.length), {type: "scatter", mode: "markers", ...middles, marker: {size: 12, opacity: 0}, hovertemplate: "%{text}<extra></extra>", showlegend: false}];
  }

  function busiest() {
    const link = data.frames.link[state.frame], piece = link && segment(link.number);
    if (!piece) return [];
    return [{type: "scatter", mode: "lines", x: piece.map(point => point[0]), y: piece.map(point => point[1]), line: {width: 7, color: colour("series-2")},
      hoverinfo: "skip", showlegend: false}];
  }

  function shapes() {
    const box = (x, y, half, line, fill, layer) => ({type: "rect", x0: x - half, x1: x + half, y0: y - half, y1: y + half, line, fillcolor: fill, layer});
    const found = [];
    if (data.columns * data.rows <= 1024)
      for (let tile = 0; tile < data.columns * data.rows; tile += 1) found.push(box(...tileOf(tile), side / 2, {color: colour("line"), width: 1}, colour("card"), "below"));
    for (const port of data.ports) found.push(box(...tileOf(port.tile), side / 2 + 0.05, {color: colour("series-4"), width: 2, dash: port.kind === "input" ? "solid" : "dot"}, "rgba(0,0,0,0)", "above"));
    const cut = (at, vertical) => ({type: "line", ...(vertical ? {x0: at, x1: at, y0: -0.5, y1: data.rows - 0.5} : {y0: at, y1: at, x0: -0.5, x1: data.columns - 0.5}),
      line: {color: colour("muted"), width: 2, dash: "dash"}});
    for (let x = data.chip_columns; x < data.columns; x += data.chip_columns) found.push(cut(x - 0.5, true));
    for (let y = data.chip_rows; y < data.rows; y += data.chip_rows) found.push(cut(y - 0.5, false));
    return found;
  }

  async function draw() {
    const frame = state.frame, [loads, high, found] = await Promise.all([values(), highest(), shares()]);
    if (frame !== state.frame) return;           // the slider went on meanwhile
    await plot("mesh", () => ({traces: [cores(loads, high), ...(found ? links(found) : busiest())], layout: {shapes: shapes(), margin: {l: 10, r: 20, t: innerWidth < 820 ? 60 : 10, b: 10},
      xaxis: {visible: false, range: [-0.6, data.columns - 0.4], constrain: "domain"}, yaxis: {visible: false, range: [data.rows - 0.4, -0.6], scaleanchor: "x", constrain: "domain"}}}));
    $("mesh").dataset.frame = state.frame;
    $("mesh").dataset.links = found ? "all" : "busiest";
    $("mesh-note").textContent = `${note(found)} Framed tiles: input port (solid), output port (dotted).${data.chip_columns < data.columns || data.chip_rows < data.rows ? " Dashed lines part the chips." : ""}`;
  }

  function steps(frame) {
    const first = frame * data.frames.together, last = Math.min(data.frames.steps, first + data.frames.together) - 1;
    const one = data.free_running ? "token" : "step";
    return first === last ? `${one} ${first}` : `${one}s ${first} to ${last}`;
  }

  function note(found) {
    const told = data.links.length && data.simulated && found ? `, links between tiles in orange by the share of time that they were occupied: ${(100 * highestShare(found.own)).toPrecision(3)} % at most` : "";
    if (state.frame < 0) return `The whole run: cores in blue${told}.${data.simulated ? "" : " Detail functional simulates no times."}`;
    const many = `${steps(state.frame)} within a sample, mean over all samples`.replace(/^./, letter => letter.toUpperCase());
    return found ? `${many}: cores in blue${told}. The same scale for all steps.` : `${many}.${busiestTold()}`;
  }

  function busiestTold() {
    const link = data.frames.link[state.frame];
    return link ? ` Of the links the trace keeps the busiest of each step; here most often ${link.name}, occupied for at least ${(100 * link.share).toPrecision(3)} % of the time (orange).` : "";
  }

  function show(frame) {
    state.frame = frame;
    $("mesh-step").textContent = frame < 0 ? "whole run" : steps(frame);
    return draw();
  }

  const choices = Object.entries(measures).filter(([key]) => data.simulated || key !== "busy");
  $("mesh-controls").append(select("mesh-measure", "Cores", choices, state.measure, value => { state.measure = value; draw(); }));
  const slider = data.frames ? element("input", {type: "range", id: "mesh-slider", min: -1, max: data.frames.n - 1, value: -1, "aria-label": "step within a sample",
    oninput: event => show(Number(event.target.value))}) : "";
  $("mesh-controls").append(element("label", {}, "Step ", slider), element("span", {class: "muted", id: "mesh-step"}, "whole run"));
  if (!data.frames) $("mesh-controls").lastElementChild.previousElementSibling.remove();
  later("mesh", draw);
})();
