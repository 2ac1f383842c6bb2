"use strict";
// The raster: counts in fields at first; every spike of a window where the page holds them.
(() => {
  const {$, element, colour, later, plot, scaleBar, shades, onRange, moveButtons, button} = panels;
  const data = neurosim.data.raster;
  const most = 2500, columns = 600;
  if (!data) {
    $("raster-card").replaceChildren(element("h2", {}, "Spikes"),
      element("p", {class: "muted"}, "This trace holds no spikes: none fired, or none were recorded."));
    return;
  }
  const samples = neurosim.data.samples;
  const {scale, unit} = neurosim.scaleFor([data.duration_s], "s");
  const whole = [0, data.duration_s * scale], tallest = [0, data.rows];
  const view = {x: whole, y: tallest};
  let drawing = 0;
  const nameOf = id => [...data.bands].reverse().find(band => id >= band.first);
  const placeOf = (band, neuron) => band.bottom + (neuron + 0.5) * band.rows / band.size;

  async function chunk(content) {
    const [differences, ids] = await Promise.all([packed.unpack(content.time), packed.unpack(content.id)]);
    const times = new Float64Array(content.n);
    let time = content.start;
    for (let index = 0; index < content.n; index += 1) { time += differences[index]; times[index] = time * data.exact.unit_s * scale; }
    return {times, ids};
  }

  // Every spike in view, or null where the page does not hold them all.
  async function exactSpikes([start, stop]) {
    const all = data.n_exact === data.n;
    if (!all && stop > data.exact.until_s * scale * (1 + 1e-9)) return null;
    const to = data.exact.unit_s * scale;
    const wanted = data.exact.chunks.filter(each => each.stop * to >= start && each.start * to <= stop);
    return Promise.all(wanted.map(chunk));
  }

  function inView(chunks) {
    const found = data.bands.map(() => ({x: [], y: [], neuron: []}));
    const band = new Map(data.bands.map((each, index) => [each, index]));
    const firsts = data.bands.map(each => each.first);
    const [start, stop] = view.x, [low, high] = view.y;
    let n = 0;
    for (const {times, ids} of chunks) {
      for (let index = 0; index < times.length; index += 1) {
        if (times[index] < start || times[index] > stop) continue;
        let which = firsts.length - 1;
        while (firsts[which] > ids[index]) which -= 1;
        const neuron = ids[index] - firsts[which], place = placeOf(data.bands[which], neuron);
        if (place < low || place > high) continue;
        found[which].x.push(times[index]);
        found[which].y.push(place);
        found[which].neuron.push(neuron);
        n += 1;
      }
    }
    return {found, n, band};
  }

  function points({found}) {
    return data.bands.map((band, index) => ({type: "scatter", mode: "markers", name: band.name, x: found[index].x, y: found[index].y,
      customdata: found[index].neuron, showlegend: false, hovertemplate: `${band.name}[%{customdata}]<br>%{x:.6~g} ${unit}<extra></extra>`,
      marker: {size: 4, color: colour(`series-${index % 5 + 1}`)}})).filter(trace => trace.x.length);
  }

  const heat = (x, y, z, text) => ({type: "heatmap", x0: x.start, dx: x.step, y0: y.start, dy: y.step, z, zmin: 0, colorscale: shades("series-1"),
    hovertemplate: `${text}<extra></extra>`, colorbar: scaleBar("spikes per neuron"), zsmooth: false});

  function binned({found}) {
    const [start, stop] = view.x, [low, high] = view.y;
    const rows = Math.min(240, Math.max(8, Math.round(data.rows))), step = (stop - start) / columns, height = (high - low) / rows;
    const z = Array.from({length: rows}, () => new Float32Array(columns));
    data.bands.forEach((band, index) => {
      const perRow = Math.max(1, height * band.size / band.rows);
      found[index].x.forEach((time, spike) => {
        const row = Math.min(rows - 1, Math.floor((found[index].y[spike] - low) / height));
        z[row][Math.min(columns - 1, Math.floor((time - start) / step))] += 1 / perRow;
      });
    });
    return [heat({start: start + step / 2, step}, {start: low + height / 2, step: height}, z, `%{x:.5~g} ${unit}: %{z:.3~g} spikes per neuron`)];
  }

  async function aggregated(grid) {
    const counts = await packed.unpack(grid.counts), width = grid.column_s * scale;
    const first = Math.max(0, Math.floor(view.x[0] / width)), last = Math.min(grid.columns, Math.ceil(view.x[1] / width));
    const together = Math.max(1, Math.ceil((last - first) / 1100)), shown = Math.ceil((last - first) / together);
    const z = Array.from({length: data.rows}, () => new Float32Array(shown));
    for (const band of data.bands) {
      const neurons = Math.max(1, band.size / band.rows);
      for (let row = band.bottom; row < band.bottom + band.rows; row += 1)
        for (let column = first; column < last; column += 1)
          z[row][Math.floor((column - first) / together)] += counts[row * grid.columns + column] / neurons;
    }
    const step = width * together;
    return {traces: [heat({start: first * width + step / 2, step}, {start: 0.5, step: 1}, z, `%{x:.5~g} ${unit}: %{z:.3~g} spikes per neuron`)], step};
  }

  async function content() {
    const near = (view.x[1] - view.x[0]) / (data.overview.column_s * scale) < 300;
    if (view.x[1] - view.x[0] > 0.999 * (whole[1] - whole[0]) && data.n > most) {
      const found = await aggregated(data.overview);
      return {traces: found.traces, told: fields(found.step)};
    }
    const chunks = await exactSpikes(view.x);
    if (chunks) {
      const found = inView(chunks);
      if (found.n <= most) return {traces: points(found), told: `Each of the ${neurosim.number(found.n)} spikes in view is a point.`, kind: "points"};
      return {traces: binned(found), told: `${neurosim.number(found.n)} spikes in view, counted in fields; zoom in to see each one.`, kind: "binned"};
    }
    const found = await aggregated(near && data.fine ? data.fine : data.overview);
    return {traces: found.traces, told: fields(found.step)};
  }

  const fields = step => `Aggregated: spikes counted in fields of ${neurosim.number(step / scale, "s")} and of neurons side by side.`;

  function shapes() {
    const edges = data.bands.slice(1).map(band => ({type: "line", xref: "paper", x0: 0, x1: 1, y0: band.bottom, y1: band.bottom,
      line: {color: colour("faint"), width: 1}}));
    const starts = samples.start.map(start => start * scale).filter(start => start > view.x[0] && start < view.x[1]);
    if (starts.length > 40) return edges;
    return [...edges, ...starts.map(start => ({type: "line", yref: "paper", y0: 0, y1: 1, x0: start, x1: start,
      line: {color: colour("faint"), width: 1, dash: "dot"}}))];
  }

  // A band that is low has its name on one line, or none.
  function label(band) {
    const height = 400 * band.rows / (view.y[1] - view.y[0]), name = shortened(band.name), size = neurosim.number(band.size);
    return height > 36 ? `${name}<br>${size}` : height > 13 ? `${name} ${size}` : "";
  }

  function shortened(text) { return text.length > 18 ? `${text.slice(0, 17)}…` : text; }

  async function draw() {
    const turn = ++drawing;
    const {traces, told, kind = "fields"} = await content();
    if (turn !== drawing) return;                // another range was chosen meanwhile
    await plot("raster", () => {
      const fresh = traces.map((trace, index) => trace.type === "heatmap" ? {...trace, colorscale: shades("series-1")}
        : {...trace, marker: {...trace.marker, color: colour(`series-${data.bands.findIndex(band => band.name === trace.name) % 5 + 1}`)}});
      return {traces: fresh, layout: {shapes: shapes(), xaxis: {title: {text: `time (${unit})`}, range: [...view.x], showgrid: false, zeroline: false},
        yaxis: {range: [...view.y], showgrid: false, zeroline: false, ticks: "", tickvals: data.bands.map(band => band.bottom + band.rows / 2),
          ticktext: data.bands.map(label)}}};
    });
    $("raster").dataset.kind = kind;
    $("raster").dataset.range = view.x.join(" ");
    $("raster-note").textContent = `${told} ${held()} ${sampleText()}`;
  }

  function held() {
    if (data.n_exact === data.n) return `The page holds all ${neurosim.number(data.n)} spikes.`;
    return `Of ${neurosim.number(data.n)} spikes the page holds ${neurosim.number(data.n_exact)} one by one, those of the first ${neurosim.number(data.exact.until_s, "s")}; `
      + `later ones are counted in ${neurosim.number(data.fine.columns)} columns of ${neurosim.number(data.fine.column_s, "s")}.`;
  }

  function sampleText() {
    const middle = (view.x[0] + view.x[1]) / 2 / scale;
    if (view.x[1] - view.x[0] > 0.999 * (whole[1] - whole[0]) || samples.start.length < 1) return "";
    let sample = samples.start.length - 1;
    while (sample > 0 && samples.start[sample] > middle) sample -= 1;
    const label = samples.label[sample] >= 0 ? `, class ${samples.label[sample]}` : "";
    return `In the middle: sample ${sample}${label}, read as ${samples.prediction[sample]}.`;
  }

  function change(x, y) {
    view.x = x === null ? whole : x ? [Math.max(whole[0], x[0]), Math.min(whole[1], x[1])] : view.x;
    view.y = x === null ? tallest : y ? [Math.max(tallest[0], y[0]), Math.min(tallest[1], y[1])] : view.y;
    if (!(view.x[1] > view.x[0])) view.x = whole;
    if (!(view.y[1] > view.y[0])) view.y = tallest;
    return draw();
  }

  function toSample(sample) {
    const stop = sample + 1 < samples.start.length ? samples.start[sample + 1] : data.duration_s;
    return change([samples.start[sample] * scale, stop * scale], tallest);
  }

  const number = element("input", {type: "number", id: "raster-sample", min: 0, max: samples.start.length - 1, placeholder: "number",
    onchange: event => { const sample = Number(event.target.value); if (event.target.value !== "" && samples.start[sample] !== undefined) toSample(sample); }});
  $("raster-controls").append(...moveButtons(() => view.x, whole, x => change(x === whole ? null : x, undefined)));
  if (samples.start.length > 1) $("raster-controls").append(element("label", {}, "Sample ", number), button("First sample", () => toSample(0), "the first sample"));
  later("raster", async () => {
    await draw();
    onRange("raster", change);
  });
})();
