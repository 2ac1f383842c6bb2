"use strict";
// The charts that need no detail on demand.
(() => {
  const {$, colour, later, plot, scaleBar, groups, shades, drop} = panels;
  const {data, number} = neurosim;

  function energy() {
    const bars = [...data.energy].reverse();
    const {scale, unit} = neurosim.scaleFor(bars.map(bar => bar.high_j), "J");
    const shown = [...new Set(data.energy.map(bar => bar.group))];
    later("energy", () => plot("energy", () => ({
      traces: shown.map(group => {
        const own = bars.filter(bar => bar.group === group);
        return {type: "bar", orientation: "h", name: group, x: own.map(bar => bar.energy_j * scale), y: own.map(bar => bar.name),
          marker: {color: colour(groups[group] ?? "faint"), pattern: {shape: own.map(bar => bar.assumed ? "/" : ""), bgcolor: colour(groups[group] ?? "faint"), fgcolor: colour("card"), fgopacity: 0.75, size: 8, solidity: 0.35}},
          error_x: {type: "data", symmetric: false, array: own.map(bar => (bar.high_j - bar.energy_j) * scale), arrayminus: own.map(bar => (bar.energy_j - bar.low_j) * scale), color: colour("ink"), thickness: 1.2, width: 4},
          customdata: own.map(bar => [number(bar.low_j, "J"), number(bar.high_j, "J"), number(bar.energy_j, "J"), bar.assumed ? "assumed figure" : ""]),
          hovertemplate: "%{y}: %{customdata[2]}<br>%{customdata[0]} to %{customdata[1]}<br>%{customdata[3]}<extra></extra>"};
      }),
      layout: {barmode: "overlay", bargap: 0.25, xaxis: {title: {text: `energy per sample (${unit})`}, rangemode: "tozero"},
        yaxis: {categoryorder: "array", categoryarray: bars.map(bar => bar.name), ticks: ""}},
    })));
  }

  function confusion() {
    const {without, matrix} = data.confusion;
    if (without) {
      $("confusion-note").textContent = without;
      drop("confusion");
      $("result-row").classList.add("one-wide");
      return;
    }
    const totals = matrix.map(row => row.reduce((sum, value) => sum + value, 0));
    const right = matrix.reduce((sum, row, index) => sum + row[index], 0), all = totals.reduce((sum, value) => sum + value, 0);
    $("confusion-note").textContent = `${number(right)} of ${number(all)} labelled samples read right.`;
    const classes = matrix.map((_, index) => String(index));
    later("confusion", () => plot("confusion", () => ({
      traces: [{type: "heatmap", z: matrix.map((row, index) => row.map(value => totals[index] ? 100 * value / totals[index] : null)), x: classes, y: classes,
        text: matrix.map(row => row.map(value => value || "")), texttemplate: matrix.length <= 20 ? "%{text}" : "", zmin: 0, zmax: 100, colorscale: shades("series-3"), xgap: 1, ygap: 1,
        hovertemplate: "class %{y}, read as %{x}: %{text} (%{z:.1f} %)<extra></extra>", showscale: false}],
      layout: {xaxis: {title: {text: "read as"}, type: "category", showgrid: false, ticks: ""}, margin: {l: 50, r: 10, t: 10, b: 50},
        yaxis: {title: {text: "class"}, type: "category", autorange: "reversed", showgrid: false, ticks: ""}},
    })));
  }

  async function rates() {
    if (!data.rates) { drop("rates-row"); return; }
    const {populations, phase_steps: together} = data.rates;
    const one = data.mesh.free_running ? "token" : "step";
    $("phase-note").textContent = `Spikes per neuron and ${one}, by ${one} within a sample, mean over all samples${together > 1 ? `; ${together} ${one}s to a point` : ""}.`;
    later("phase", async () => {
      const lines = await Promise.all(populations.map(each => packed.unpack(each.phase)));
      await plot("phase", () => ({traces: populations.map((each, index) => ({type: "scatter", mode: "lines", name: each.name, x: Array.from(lines[index], (_, at) => (at + (together - 1) / 2) * (together > 1 ? together : 1)),
        y: Array.from(lines[index]), line: {width: 1.8, shape: "hvh", dash: ["solid", "dash", "dot"][Math.floor(index / 5) % 3]}, visible: index < 12 ? true : "legendonly", hovertemplate: `${each.name}: %{y:.3~g}<extra></extra>`})),
        layout: {xaxis: {title: {text: `${one} within the sample`}}, yaxis: {title: {text: "spikes per neuron"}, rangemode: "tozero"}}}));
    });
    const shown = [...populations].reverse();
    later("rates", () => plot("rates", () => ({traces: [{type: "bar", orientation: "h", x: shown.map(each => each.mean), y: shown.map(each => each.name), marker: {color: colour("series-1")},
      customdata: shown.map(each => [number(each.n), number(each.size)]), hovertemplate: "%{y}: %{x:.3~g}<br>%{customdata[0]} spikes, %{customdata[1]} neurons<extra></extra>"}],
      layout: {bargap: 0.3, xaxis: {title: {text: "spikes per neuron and token"}, rangemode: "tozero"}, yaxis: {ticks: ""}}})));
  }

  function memory() {
    const found = data.memory;
    if (!found) { drop("memory-card"); return; }
    $("memory-note").textContent = "Share of its limit that each kind of memory of a core takes."
      + (found.together > 1 ? ` Aggregated: ${found.together} cores to a column, the fullest of each kind.` : "");
    later("memory", async () => {
      const [share, used] = await Promise.all([packed.unpack(found.share), packed.unpack(found.used)]);
      const n = found.cores.length, rows = array => found.kinds.map((_, kind) => Array.from(array.slice(kind * n, (kind + 1) * n)));
      const uses = rows(used);
      const text = uses.map((row, kind) => row.map((value, core) => `core ${found.cores[core].number}: ${found.cores[core].holds}<br>${number(value)} of ${number(found.limits[kind])}`));
      await plot("memory", () => ({traces: [{type: "heatmap", x: found.cores.map((_, index) => index), y: found.kinds, z: rows(share).map(row => row.map(value => 100 * value)), text,
        zmin: 0, zmax: 100, colorscale: shades("series-4", "shade"), xgap: n > 150 ? 0 : 1, ygap: 2, hovertemplate: "%{y}: %{z:.3~g} %<br>%{text}<extra></extra>",
        colorbar: scaleBar("% of the limit")}],
        layout: {xaxis: {title: {text: found.together > 1 ? "cores in use, grouped" : "cores in use"}, showgrid: false, zeroline: false}, yaxis: {ticks: "", showgrid: false, type: "category"}}}));
    });
  }

  function overflows() {
    if (data.overflows === null) { drop("overflow-card"); return; }
    const found = Object.entries(data.overflows), all = data.summary.overflows;
    if (all === null) $("overflow-note").textContent = "This trace does not tell overflows.";
    else $("overflow-note").textContent = found.length ? `${number(all)} values did not fit their format, by population:` : "Every value fitted its format.";
    if (!found.length) { drop("overflows"); return; }
    const shown = found.slice(0, 20).reverse();
    later("overflows", () => plot("overflows", () => ({traces: [{type: "bar", orientation: "h", x: shown.map(each => each[1]), y: shown.map(each => each[0]), marker: {color: colour("bad")}, hovertemplate: "%{y}: %{x}<extra></extra>"}],
      layout: {bargap: 0.3, xaxis: {title: {text: "overflows"}}, yaxis: {ticks: ""}}})));
  }

  energy();
  confusion();
  rates();
  memory();
  overflows();
})();
