"use strict";
// Time steps in order: how long each took, the floor under it, and what that floor is made of.
(() => {
  const {$, element, colour, later, plot, onRange, moveButtons, kinds} = panels;
  const data = neurosim.data.steps, most = 700;
  if (data.per_token) $("steps-title").textContent = "Time from token to token";
  if (!data.n) {
    $("steps-note").textContent = data.without;
    ["steps", "steps-controls"].forEach(panels.drop);
    return;
  }
  const whole = [0, data.n];
  const view = {x: whole};

  // Mean and longest of as many steps together as it takes to draw no more than `most` points.
  function points(all) {
    const first = Math.max(0, Math.floor(view.x[0] / data.together)), last = Math.min(all.mean.length, Math.ceil(view.x[1] / data.together));
    const every = Math.max(1, Math.ceil((last - first) / most)), rows = [];
    for (let start = first; start < last; start += every) {
      const stop = Math.min(last, start + every), row = {x: (start + stop) / 2 * data.together - (every * data.together > 1 ? 0 : 0.5), mean: 0, floor: 0, longest: 0};
      for (let index = start; index < stop; index += 1) {
        const longest = all.longest ? all.longest[index] : all.mean[index];
        row.mean += all.mean[index] / (stop - start);
        if (all.floor) row.floor += all.floor[index] / (stop - start);
        if (longest >= row.longest) { row.longest = longest; row.binding = all.binding ? all.binding[index] : null; }
      }
      rows.push(row);
    }
    return {rows, together: every * data.together};
  }

  function traces({rows, together}, scale, unit) {
    const x = rows.map(row => row.x), hover = name => `${name}: %{y:.3~g} ${unit}<extra></extra>`;
    const found = [{x, y: rows.map(row => row.mean * scale), name: together > 1 ? "mean" : "time", mode: "lines", line: {color: colour("ink"), width: 1.5, shape: "hvh"},
      hovertemplate: hover(together > 1 ? "mean" : "time")}];
    if (together > 1) found.unshift({x, y: rows.map(row => row.longest * scale), name: "longest", mode: "lines",
      line: {color: colour("faint"), width: 1, shape: "hvh"}, hovertemplate: hover("longest")});
    if (data.floor) data.kinds.forEach((kind, index) => {
      const own = rows.filter(row => row.binding === index);
      if (own.length) found.push({x: own.map(row => row.x), y: own.map(row => row.floor * scale), name: `floor, by ${kind}`, mode: "markers",
        marker: {color: colour(kinds[kind]), size: own.length > 300 ? 4 : 6}, hovertemplate: hover(`floor, bound by ${kind}`)});
    });
    return found;
  }

  async function draw() {
    const [mean, longest, floor, binding] = await Promise.all([data.mean, data.longest, data.floor, data.binding].map(packed.unpack));
    const found = points({mean, longest, floor, binding});
    const {scale, unit} = neurosim.scaleFor(found.rows.map(row => row.longest), "s");
    await plot("steps", () => ({traces: traces(found, scale, unit), layout: {xaxis: {title: {text: data.per_token ? "token, all samples in order" : "time step, all samples in order"}, range: [...view.x]},
      yaxis: {title: {text: `duration (${unit})`}, rangemode: "tozero"}}}));
    $("steps").dataset.together = found.together;
    $("steps").dataset.range = view.x.join(" ");
    const how = found.together > 1 ? `Aggregated: ${found.together} steps to a point, mean and longest; zoom in for fewer.` : "Each step is shown.";
    $("steps-note").textContent = `${data.without} ${how}${data.floor ? " The floor is what the busiest core or link, and the barrier, take at least; its colour tells which binds." : ""}`.trim();
  }

  function change(x) {
    view.x = x === null ? whole : x ? [Math.max(0, x[0]), Math.min(data.n, x[1])] : view.x;
    if (!(view.x[1] - view.x[0] >= 1)) view.x = whole;
    return draw();
  }

  function bottlenecks() {
    const found = neurosim.data.summary.floorline;
    if (!found || !found.bottlenecks.length) return;
    const share = (100 * found.share).toFixed(1);
    $("bottlenecks").append(element("p", {}, `The floor is ${share} % of the time of all steps. What binds, largest saving first:`),
      element("ul", {}, ...found.bottlenecks.map(each => element("li", {}, element("b", {}, each.name === each.kind ? each.kind : `${each.kind}: ${each.name}`),
        ` binds ${neurosim.number(each.steps)} steps; without it the floor would fall by ${(100 * each.saved).toFixed(1)} %. ${each.mend[0].toUpperCase()}${each.mend.slice(1)}.`))));
  }

  $("steps-controls").append(...moveButtons(() => view.x, whole, x => change(x === whole ? null : x)));
  later("steps", async () => {
    await draw();
    onRange("steps", change);
    bottlenecks();
  });
})();
