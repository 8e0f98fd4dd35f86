// Draws every [data-chart] with ECharts, which is fetched from this server once a page has a chart.
// The numbers stand in a table beside each: the drawing is for eyes alone.
"use strict";
(() => {
  const library = document.currentScript.dataset.library;
  const drawn = new Map();
  let loading = null;

  const load = () => loading ||= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = library;
    script.onload = done;
    script.onerror = failed;
    document.head.append(script);
  });

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const number = (value, percent) => value === null || value === undefined ? "–"
    : percent ? `${(100 * value).toFixed(Math.abs(value) < 0.1 ? 1 : 0)} %`
    : Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(+value.toPrecision(3));

  const band = (line, chart, shade, index) => {
    const points = (low) => chart.x.values.map((at, row) => [at, low ? line.lower[row] : (line.upper[row] ?? 0) - (line.lower[row] ?? 0)]);
    const base = { type: "line", symbol: "none", silent: true, stack: `band ${index}`, lineStyle: { opacity: 0 }, stackStrategy: "all", tooltip: { show: false } };
    return [{ ...base, data: points(true) }, { ...base, data: points(false), areaStyle: { color: shade, opacity: 0.16 } }];
  };

  const option = (chart) => {
    const text = colour("--text"), quiet = colour("--quiet"), line = colour("--line");
    const shades = ["--chart-1", "--chart-2", "--chart-3", "--chart-4", "--chart-5"].map(colour);
    const bars = chart.kind === "bar";
    const series = chart.series.flatMap((each, index) => {
      const shade = each.dashed ? quiet : shades[index % shades.length];
      const drawn = bars
        ? { type: "bar", name: each.name, data: each.values, itemStyle: { color: shade }, barCategoryGap: "12%" }
        : {
            type: "line", name: each.name, symbol: chart.x.values.length > 40 ? "none" : "circle", symbolSize: 5,
            data: chart.x.values.map((at, row) => [at, each.values[row]]), itemStyle: { color: shade },
            lineStyle: { width: each.dashed ? 1.5 : 2, type: each.dashed ? "dashed" : "solid", color: shade }, connectNulls: !chart.gaps,
          };
      if (index === 0 && chart.mark !== undefined && chart.mark !== null) {
        drawn.markLine = {
          symbol: "none", silent: true, animation: false, data: [{ xAxis: chart.mark }],
          lineStyle: { color: text, type: "solid", width: 1 }, label: { show: false },
        };
      }
      return each.lower && !bars ? [...band(each, chart, shade, index), drawn] : [drawn];
    });
    const axis = { axisLine: { lineStyle: { color: line } }, axisLabel: { color: quiet, hideOverlap: true }, splitLine: { lineStyle: { color: line } }, nameTextStyle: { color: quiet } };
    return {
      animation: !chart.still && !matchMedia("(prefers-reduced-motion: reduce)").matches, animationDuration: 250,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: text },
      grid: { left: 8, right: 20, top: chart.series.length > 1 ? 40 : 16, bottom: 28, containLabel: true },
      legend: { show: chart.series.length > 1, top: 0, left: 0, textStyle: { color: text }, data: chart.series.map((each) => each.name), type: "scroll" },
      tooltip: {
        trigger: "axis", renderMode: "richText", confine: true, backgroundColor: colour("--surface"), borderColor: line, textStyle: { color: text },
        formatter: (shown) => {
          const at = bars ? shown[0].axisValue : number(shown[0].axisValue, chart.x.percent);
          const rows = shown.filter((each) => each.seriesName && !each.seriesName.startsWith("series\0"));
          return [`${chart.x.name}: ${at}`, ...rows.map((each) => `${each.seriesName}: ${number(bars ? each.value : each.value[1], chart.y.percent)}`)].join("\n");
        },
      },
      xAxis: { ...axis, type: bars ? "category" : chart.x.log ? "log" : "value", name: chart.x.name, nameLocation: "middle", nameGap: 28, min: bars || chart.x.log ? null : chart.x.min ?? "dataMin", max: bars ? null : "dataMax", data: bars ? chart.x.values : undefined, splitLine: { show: false }, axisLabel: { ...axis.axisLabel, formatter: bars ? undefined : (value) => number(value, chart.x.percent) } },
      yAxis: { ...axis, type: "value", min: chart.y.min ?? null, max: chart.y.max ?? null, scale: true, axisLabel: { ...axis.axisLabel, formatter: (value) => number(value, chart.y.percent) } },
      series,
    };
  };

  const draw = (place) => {
    const chart = JSON.parse(place.dataset.chart);
    const board = drawn.get(place) || echarts.init(place, null, { renderer: "svg" });
    drawn.set(place, board);
    board.setOption(option(chart), true);
  };

  const drawAll = async (within) => {
    for (const place of drawn.keys()) if (!place.isConnected) { drawn.get(place).dispose(); drawn.delete(place); }
    const places = within.matches && within.matches("[data-chart]") ? [within] : [...within.querySelectorAll("[data-chart]")];
    if (!places.length) return;
    try { await load(); } catch { return; }
    places.forEach(draw);
  };

  drawAll(document);
  document.addEventListener("htmx:afterSwap", (event) => drawAll(event.target));
  document.addEventListener("feddmf:theme", () => drawAll(document));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll(document));
  addEventListener("resize", () => drawn.forEach((board) => board.resize()));
})();
