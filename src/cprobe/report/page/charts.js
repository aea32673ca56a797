'use strict';
// Figures: frames with buttons, drawn when they come into view, and the plots in them: dot plots,
// heat maps and lines.

// Okabe & Ito's colours for the colour-blind, without yellow, which white hides. Marks differ in
// shape too.
const kColours = ['#0072B2', '#E69F00', '#009E73', '#CC79A7', '#56B4E9', '#D55E00'];
const kSymbols = ['circle', 'diamond', 'square', 'triangle-up', 'cross', 'star'];
const kDashes = ['solid', 'dash', 'dot', 'dashdot'];
const kMostRows = 60;
const figures = [];
const kPaperWidth = 680;  // CSS pixels between the margins of A4 and of letter paper.
let isPrinting = false;

/** Traces in the colours of a theme. The dark theme has lighter blues, which show on black. */
function recoloured(traces, name) {
  if (name !== 'dark') return traces;
  const lighter = (colour) => ({'#0072B2': '#56B4E9', '#56B4E9': '#B3DEF7'})[colour] || colour;
  return traces.map((trace) => {
    const copy = {...trace};
    if (trace.marker) copy.marker = {...trace.marker, color: lighter(trace.marker.color)};
    if (trace.line) copy.line = {...trace.line, color: lighter(trace.line.color)};
    return copy;
  });
}

/** Escapes text of the data for Plotly, which reads some HTML in texts. */
function plain(text) {
  return String(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/\s+/g, ' ');
}

function label(text) {
  return plain(shortened(text, window.innerWidth < 640 ? 16 : 34));
}

/**
 * A figure in a frame. Each of `choices` is a menu {label, id, options}. `make(values)` gets the
 * chosen values by id and returns null if there is nothing to show, else
 *   - traces, layout and height for Plotly;
 *   - rows: the lines of the figure's CSV, the heading first;
 *   - label: what the figure shows, in words;
 *   - note: shown below the plot.
 * The frame is hidden if there is nothing to show for the chosen values or any other option.
 */
function figure(id, title, caption, make, choices = []) {
  const values = Object.fromEntries(choices.map((c) => [c.id, c.options[0][0]]));
  const plot = element('div', {className: 'plot', id: `${id}-plot`, role: 'img'});
  const note = element('p', {className: 'note', hidden: true});
  const bar = element('div', {className: 'bar'}, element('h3', {textContent: title}));
  const frame = element('figure', {id}, bar, plot, note, element('figcaption', {textContent: caption}));
  const made = {id, frame, plot, drawn: false, visible: false};

  const hasAnother = () => choices.some((c) => c.options.some(([value]) => make({...values, [c.id]: value}) !== null));
  /** The content for the chosen values. If it is null, the frame says so. */
  const chosenContent = () => {
    const content = make(values);
    frame.hidden = content === null && !hasAnother();
    plot.hidden = content === null;
    note.textContent = content === null ? 'There is no such figure of what is chosen.' : content.note || '';
    note.hidden = note.textContent === '';
    for (const b of bar.querySelectorAll('button')) b.disabled = content === null;
    return content;
  };
  made.draw = () => {
    const content = chosenContent();
    if (content === null || typeof Plotly === 'undefined') return;
    plot.setAttribute('aria-label', `${title}. ${content.label}`);
    plot.style.height = `${content.height}px`;
    Plotly.react(plot, recoloured(content.traces, theme()), layoutOf(content, theme(), isPrinting ? kPaperWidth : 0), {displayModeBar: false, responsive: true});
    made.drawn = true;
    frame.dataset.drawn = String(content.traces.length);
  };
  /** Draws anew after a change: now if the figure is in view, else when it comes into view. */
  made.update = () => {
    made.drawn = false;
    chosenContent();
    if (made.visible) made.draw();
  };
  for (const c of choices) {
    bar.append(choice(c.label, `${id}-${c.id}`, c.options, (value) => {
      values[c.id] = value;
      made.draw();
    }));
  }
  const button = (text, what, act) => {
    const b = element('button', {type: 'button', textContent: text, title: `${title}: ${what}`, 'aria-label': `${title}: ${what}`});
    b.addEventListener('click', act);
    bar.append(b);
  };
  const image = (format) => () => {
    const content = make(values);
    const size = {format, filename: id, width: 1000, height: content.height, scale: format === 'png' ? 2 : 1};
    return Plotly.downloadImage({data: content.traces, layout: layoutOf(content, 'light', 1000)}, size);
  };
  button('SVG', 'as SVG', image('svg'));
  button('PNG', 'as PNG', image('png'));
  button('CSV', 'its figures as CSV', () => saveText(`${id}.csv`, csvText(make(values).rows)));
  chosenContent();
  figures.push(made);
  return frame;
}

function layoutOf(content, name, width = 0) {
  const dark = name === 'dark';
  const [ink, grid, paper] = dark ? ['#e7e9ec', '#3a4048', '#15181c'] : ['#1d2126', '#d5d9de', '#ffffff'];
  const axis = {gridcolor: grid, zerolinecolor: grid, linecolor: grid, automargin: true, fixedrange: true};
  const layout = content.layout;
  const narrow = (width || window.innerWidth) < 640;
  return {
    ...layout,
    paper_bgcolor: paper, plot_bgcolor: paper, height: content.height, ...(width ? {width, autosize: false} : {autosize: true}),
    font: {color: ink, size: narrow ? 11 : 13, family: 'system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif'},
    margin: {l: 10, r: 16, t: 10, b: 40, ...layout.margin},
    xaxis: {...axis, ...layout.xaxis}, yaxis: {...axis, ...layout.yaxis},
    legend: {orientation: 'h', y: 1 + 8 / content.height, yanchor: 'bottom', x: 0, ...layout.legend},
    hoverlabel: {align: 'left'},
  };
}

/** The first kMostRows rows, with a note if rows are left out. */
function limited(rows) {
  if (rows.length <= kMostRows) return {rows, note: ''};
  return {rows: rows.slice(0, kMostRows),
    note: `The first ${kMostRows} of ${rows.length} rows. Choose a variable above to see others; the CSV has all.`};
}

function rowAxis(labels) {
  return {tickmode: 'array', tickvals: labels.map((_, i) => i), ticktext: labels.map(label), range: [labels.length - 0.5, -0.5],
    showgrid: true, zeroline: false};
}

/** Small points for the values behind a mean, spread a little so that equal values show. */
function pointCloud(series, rows, nameOf, offset) {
  const points = rows.flatMap((row, y) => series.points(row).map((value, k) => ({row, value, y: y + offset + ((k * 0.618) % 1 - 0.5) * 0.24})));
  return {
    type: 'scatter', mode: 'markers', name: plain(series.pointsName), x: points.map((p) => p.value), y: points.map((p) => p.y),
    marker: {symbol: 'circle', size: 3, opacity: 0.5, color: series.colour}, hoverinfo: 'text',
    hovertext: points.map((p) => `${plain(nameOf(p.row))}<br>${plain(series.pointsName)}: ${decimals(p.value)}`),
  };
}

/**
 * A dot plot: each row has a label, and a point of each series. A series has name, symbol, colour
 * and of(row), which gives [value, sd] or null. To draw the values behind a point, too, a series
 * has points(row) and pointsName. A series with ends(row), which gives [lower, upper] or null, has
 * bars between these, and without them of the sd. A series without a value in any row is left out.
 */
function dotPlot(rows, nameOf, series, xTitle, range) {
  if (rows.length === 0) return null;
  const kept = series.filter((s) => rows.some((row) => s.of(row) && s.of(row)[0] !== null));
  const {rows: shown, note} = limited(rows);
  // Sets the series a little apart, so that equal points and their bars do not hide each other.
  const offset = (i) => (i - (kept.length - 1) / 2) * Math.min(0.14, 0.6 / kept.length);
  const behind = kept.filter((s) => s.points && shown.some((row) => s.points(row).length > 0));
  const clouds = behind.map((s) => pointCloud(s, shown, nameOf, offset(kept.indexOf(s))));
  const endsOf = (s, row) => (s.ends && s.ends(row)) || null;
  const traces = kept.map((s, i) => {
    const points = shown.map((row, y) => ({y, figure: s.of(row), ends: endsOf(s, row), row})).filter((p) => p.figure && p.figure[0] !== null);
    const bars = (side, sign) => points.map((p) => (p.ends ? Math.max(0, sign * (p.ends[side] - p.figure[0])) : p.figure[1] || 0));
    return {
      type: 'scatter', mode: 'markers', name: plain(s.name), x: points.map((p) => p.figure[0]),
      y: points.map((p) => p.y + offset(i)),
      error_x: {type: 'data', symmetric: false, array: bars(1, 1), arrayminus: bars(0, -1), visible: points.some((p) => p.ends || p.figure[1]), thickness: 1.5, width: 4},
      marker: {symbol: s.symbol || kSymbols[i % kSymbols.length], size: 9, color: s.colour || kColours[i % kColours.length], line: {width: s.symbol && s.symbol.endsWith('-open') ? 2 : 0}},
      hoverinfo: 'text', hovertext: points.map((p) => `${plain(nameOf(p.row))}<br>${plain(s.name)}: ${spreadText(p.figure)}${p.ends ? `<br>95 % interval ${decimals(p.ends[0])} to ${decimals(p.ends[1])}` : ''}`),
    };
  });
  const bounded = kept.filter((s) => rows.some((row) => endsOf(s, row)));
  const best = kept.map((s) => {
    const values = rows.map((row) => s.of(row)).filter((f) => f && f[0] !== null).map((f) => f[0]);
    return `${s.name} ${decimals(Math.min(...values))} to ${decimals(Math.max(...values))}`;
  });
  return {
    traces: [...clouds, ...traces], note, height: 110 + 30 * shown.length,
    layout: {xaxis: {title: {text: xTitle}, range, zeroline: false}, yaxis: rowAxis(shown.map(nameOf)), showlegend: true},
    rows: [['row', ...kept.flatMap((s) => [s.name, `${s.name} sd`]), ...bounded.flatMap((s) => [`${s.name} lower`, `${s.name} upper`]),
      ...behind.map((s) => s.pointsName)],
    ...rows.map((row) => [nameOf(row), ...kept.flatMap((s) => s.of(row) || [null, null]), ...bounded.flatMap((s) => endsOf(s, row) || [null, null]),
      ...behind.map((s) => s.points(row).join(' '))])],
    label: `${rows.length} rows: ${best.join('; ')}.`,
  };
}

/**
 * A heat map (cividis) of of(row, column), a number or null. If there is room, each cell shows its
 * number.
 */
function heatMap(rows, nameOf, columns, of, {title, xTitle, range = null, text = decimals, reverse = false}) {
  const numbers = rows.flatMap((row) => columns.map((column) => of(row, column))).filter((z) => z !== null);
  if (numbers.length === 0) return null;
  const {rows: shown, note} = limited(rows);
  const z = shown.map((row) => columns.map((column) => of(row, column)));
  const roomy = columns.length * (window.innerWidth < 640 ? 3 : 1) <= 14;
  const [least, greatest] = range || [Math.min(...numbers), Math.max(...numbers)];
  return {
    traces: [{
      type: 'heatmap', z, x: columns.map((_, i) => i), y: shown.map((_, i) => i), colorscale: 'Cividis', reversescale: reverse,
      zmin: least, zmax: greatest === least ? least + 1 : greatest, xgap: 2, ygap: 2, hoverongaps: false,
      text: z.map((line) => line.map((value) => (value === null || !roomy ? '' : text(value)))), texttemplate: '%{text}',
      hoverinfo: 'text', hovertext: z.map((line, i) => line.map((value, j) =>
        `${plain(nameOf(shown[i]))}, ${plain(columns[j])}<br>${plain(title)}: ${value === null ? 'none' : text(value)}`)),
      colorbar: {title: {text: window.innerWidth < 640 ? '' : plain(title), side: 'right'}, thickness: 12, outlinewidth: 0},
    }],
    note, height: Math.max(260, 130 + 34 * shown.length),
    layout: {
      xaxis: {title: {text: xTitle}, tickmode: 'array', tickvals: columns.map((_, i) => i), ticktext: columns.map((c) => label(String(c))),
        range: [-0.5, columns.length - 0.5], showgrid: false, zeroline: false},
      yaxis: {...rowAxis(shown.map(nameOf)), showgrid: false},
    },
    rows: [['row', ...columns], ...rows.map((row) => [nameOf(row), ...columns.map((column) => of(row, column))])],
    label: `${rows.length} rows by ${columns.length} columns of ${title}, from ${text(Math.min(...numbers))} to ${text(Math.max(...numbers))}.`,
  };
}

/**
 * A plot of lines {name, x, y, sd, ends}; sd may be missing. `ends` gives [lower, upper] or null for
 * each point, and takes the place of sd. `marked` is the place of a point that is drawn larger. With `log`, the x axis is logarithmic unless some x is 0.
 * With `levels`, each x is one of these texts, which stand side by side.
 */
function linePlot(lines, xTitle, yTitle, {range = null, log = false, levels = null} = {}) {
  const kept = lines.filter((line) => line.y.some((value) => value !== null));
  if (kept.length === 0) return null;
  const {rows: shown, note} = limited(kept);
  const values = kept.flatMap((line) => line.y).filter((value) => value !== null);
  const isLog = log && kept.every((line) => line.x.every((x) => x > 0));
  // Sets the lines a little apart where they have points at the same places.
  const placesOf = (line, i) => (levels === null ? line.x : line.x.map((x) => levels.indexOf(x) + (i - (shown.length - 1) / 2) * 0.07));
  const barsOf = (line) => {
    if (line.ends) {
      const bars = (side, sign) => line.ends.map((ends, j) => (ends ? Math.max(0, sign * (ends[side] - line.y[j])) : 0));
      return {type: 'data', symmetric: false, array: bars(1, 1), arrayminus: bars(0, -1), thickness: 1, width: 3};
    }
    return line.sd && line.sd.some((sd) => sd) ? {type: 'data', array: line.sd.map((sd) => sd || 0), thickness: 1} : {visible: false};
  };
  const endsText = (line, j) => (line.ends && line.ends[j] ? `<br>95 % interval ${decimals(line.ends[j][0])} to ${decimals(line.ends[j][1])}` : '');
  const axis = levels === null ? {type: isLog ? 'log' : 'linear', ...(isLog ? {dtick: 1} : {})}
    : {tickmode: 'array', tickvals: levels.map((_, i) => i), ticktext: levels.map(label), range: [-0.5, levels.length - 0.5]};
  const withEnds = kept.some((line) => line.ends);
  return {
    traces: shown.map((line, i) => ({
      type: 'scatter', mode: line.x.length < 40 ? 'lines+markers' : 'lines', name: label(line.name), x: placesOf(line, i), y: line.y,
      line: {color: kColours[i % kColours.length], dash: kDashes[Math.floor(i / kColours.length) % kDashes.length], width: 2},
      marker: {symbol: kSymbols[i % kSymbols.length], size: line.marked === undefined ? 6 : line.x.map((_, j) => (j === line.marked ? 12 : 6)), color: kColours[i % kColours.length]},
      error_y: barsOf(line),
      hoverinfo: 'text', hovertext: line.x.map((x, j) => `${plain(line.name)}<br>${plain(xTitle)} ${plain(x)}: ${decimals(line.y[j])}${endsText(line, j)}`),
    })),
    note: note.replaceAll('rows', 'lines'), height: 380 + (shown.length <= 16 ? 12 * shown.length : 0),
    layout: {xaxis: {title: {text: plain(xTitle)}, zeroline: false, ...axis},
      yaxis: {title: {text: yTitle}, ...(range ? {range} : {})}, showlegend: shown.length <= 16},
    rows: [['line', xTitle, yTitle, 'sd', ...(withEnds ? ['lower', 'upper'] : [])],
      ...kept.flatMap((line) => line.x.map((x, j) => [line.name, x, line.y[j], line.sd ? line.sd[j] : null,
        ...(withEnds ? (line.ends && line.ends[j]) || [null, null] : [])]))],
    label: `${kept.length} lines of ${yTitle} over ${xTitle}, between ${decimals(Math.min(...values))} and ${decimals(Math.max(...values))}.`,
  };
}

/** Draws figures as they come into view, and marks the page as ready. Plotly must be loaded. */
function startFigures() {
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const shown = figures.find((f) => f.frame === entry.target);
      shown.visible = entry.isIntersecting;
      if (shown.visible && !shown.drawn) shown.draw();
    }
    if (!document.documentElement.dataset.ready) document.documentElement.dataset.ready = String(Math.round(performance.now()));
  }, {rootMargin: '200px'});
  for (const f of figures) observer.observe(f.frame);
  if (figures.length === 0) document.documentElement.dataset.ready = String(Math.round(performance.now()));
  themeListeners.push(updateFigures);
  window.addEventListener('beforeprint', () => {
    isPrinting = true;
    figures.forEach((f) => f.draw());
  });
  window.addEventListener('afterprint', () => {
    isPrinting = false;
    updateFigures();
  });
  let width = window.innerWidth;
  window.addEventListener('resize', () => {
    // Labels are shorter on narrow screens.
    const crossed = (width < 640) !== (window.innerWidth < 640);
    width = window.innerWidth;
    if (crossed) updateFigures();
  });
}

function updateFigures() {
  for (const f of figures) f.update();
}
