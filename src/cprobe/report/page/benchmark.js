'use strict';
// The sections of a benchmark's page. A figure is [value, lower, upper, n, models].

const {methods, levels} = report;
const kNominal = 0.05;

const named = (name) => name.replaceAll('_', ' ');
/** The ends of a figure's interval; null where a single model is all there is. */
const endsOf = (figure) => (figure[4] === 1 && figure[1] === figure[2] ? null : [figure[1], figure[2]]);

// 1. Leaderboard

/** A dot and its interval between 0 and 1, with a mark at `nominal` if that is not null. */
function whisker([value, lower, upper], nominal) {
  const make = (name, attributes) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, of] of Object.entries(attributes)) made.setAttribute(key, of);
    return made;
  };
  const at = (x) => 4 + 92 * Math.min(1, Math.max(0, x));
  const line = (from, to, y, className) => make('line', {x1: from, x2: to, y1: 6 - y, y2: 6 + y, class: className});
  const drawing = make('svg', {viewBox: '0 0 100 12', class: 'whisker', 'aria-hidden': 'true'});
  drawing.append(line(at(0), at(1), 0, 'scale'), line(at(0), at(0), 3, 'scale'), line(at(1), at(1), 3, 'scale'));
  if (nominal !== null) drawing.append(line(at(nominal), at(nominal), 6, 'nominal'));
  drawing.append(line(at(lower), at(upper), 0, 'interval'), make('circle', {cx: at(value), cy: 6, r: 3.2, class: 'value'}));
  return drawing;
}

function figureText(figure) {
  const ends = endsOf(figure);
  const text = (value) => value.toFixed(3).replace(/^0\./, '.');
  return `${text(figure[0])}${ends ? ` [${ends.map(text).join(', ')}]` : ''}, n ${figure[3]}`;
}

/** Why a method has none of the figures `names` of a group. */
function whyNot(method, group, names) {
  if (group === 'units') return names.includes('auroc') ? 'no score of units' : 'chooses no set';
  if (group === 'place') return 'no such case';
  if (method.kind === 'scores') return 'gives no answer';
  // The one answer of a comparison method counts as that to question 1.
  const isAsked = method.kind === 'mask' || names.some((name) => !/^(made_here|through|weights|chosen)/.test(name));
  return isAsked ? 'no such case' : 'not asked';
}

/**
 * A table of figures, [name, heading, what the rules promise at most] each: a row for each method
 * that has one of them. Below it, the other methods.
 * @param isError  the lower the better.
 */
function figureTable(id, group, title, caption, list, isError = false) {
  const scored = methods.filter((method) => list.some(([name]) => method.figures[name]));
  const others = methods.filter((method) => !scored.includes(method));
  const columns = list.filter(([name]) => scored.some((method) => method.figures[name])).map(([name, heading, nominal = null]) => ({
    name: heading, number: true,
    of: (method) => (method.figures[name] ? method.figures[name][0] : null),
    text: (_, method) => (method.figures[name] ? figureText(method.figures[name]) : whyNot(method, group, [name])),
    drawing: (_, method) => (method.figures[name] ? whisker(method.figures[name], nominal) : null),
  }));
  const heading = element('h3', {textContent: title});
  if (columns.length === 0) return element('div', {}, heading, element('p', {className: 'note', textContent: 'No method has such a case.'}));
  const table = sortableTable(id, caption, [{name: 'method', of: (method) => named(method.name)}, ...columns], scored,
    {sorted: 1, descending: !isError, isShort: true});
  table.classList.add('scores');
  table.querySelector('.tools').prepend(heading);
  const why = (method) => whyNot(method, group, list.map(([name]) => name));
  const reasons = unique(others.map(why)).map((reason) =>
    `${others.filter((method) => why(method) === reason).map((method) => named(method.name)).join(', ')} (${reason})`);
  const ofCoordinates = group === 'units' ? scored.filter((method) => method.kind === 'comparison') : [];
  if (ofCoordinates.length) {
    const names = ofCoordinates.map((method) => named(method.name)).join(', ');
    table.append(element('p', {className: 'note', textContent: `Of output coordinates, hence of the last matrix alone: ${names}.`}));
  }
  if (reasons.length) table.append(element('p', {className: 'note', textContent: `Not scored: ${reasons.join('; ')}.`}));
  return table;
}

const kIntervals = 'Intervals are 95 %: of shares Clopper and Pearson’s, of means a bootstrap over models; n counts cells, variables or models.';

function makeLeaderboard() {
  const parent = section('leaderboard', 'Leaderboard', `Every method on the same planted models, in which the answer is known for every unit. ${kIntervals}`);
  parent.append(
    figureTable('units', 'units', 'Units', 'How well scores, and the circuit, tell the units of a variable from all others.', [['auroc', 'AUROC'],
      ['average_precision', 'average precision'], ['precision_at_size', 'precision of as many as there are'], ['precision', 'precision of the circuit'],
      ['recall', 'recall of the circuit'], ['jaccard', 'Jaccard index']]),
    figureTable('place', 'place', 'Place', 'Whether the component with the best headline is the one that computes the variable.',
      [['top_1', 'first'], ['reciprocal_rank', 'mean of 1 / place']]),
    figureTable('errors', 'answers', 'False positives', 'By cell, and by model with any. At most .05 of models is what the rules promise (mark).', [['present_on_nothing', 'present, nothing there'],
      ['present_on_nothing_by_model', 'by model', kNominal], ['made_here_on_received', 'made here, received'], ['made_here_on_received_by_model', 'by model', kNominal],
      ['through_component_on_nothing', 'through component, nothing there'], ['through_component_on_nothing_by_model', 'by model', kNominal]], true),
    figureTable('sensitivity', 'answers', 'Sensitivity', 'Used variables, where they are computed.', [['present_on_used', 'present'], ['made_here_on_used', 'made here'],
      ['through_component_on_used', 'through component'], ['chosen_by_v_on_used', 'units chosen by V'], ['weights_needed_on_used', 'weights needed']]),
    figureTable('idle', 'answers', 'Use', 'Idle variables, which nothing reads, said to matter.', [['through_component_on_idle', 'through component'],
      ['weights_needed_on_idle', 'weights needed']], true),
    element('details', {}, element('summary', {textContent: 'What each figure of benchmark_summary.csv means'}),
      element('dl', {}, ...Object.entries(report.words).flatMap(([name, words]) => [element('dt', {textContent: name}), element('dd', {textContent: words})]))));
}

// 2. Curves by knob

const byMethod = [...methods].sort((a, b) => b.models - a.models || (a.kind === 'mask' ? 0 : 1) - (b.kind === 'mask' ? 0 : 1));
const chosen = {method: byMethod.length ? byMethod[0].name : ''};

/** A plot of figures, [name, words] each, of the chosen method over the levels of a knob; null without two levels. */
function plotOfLevels(knob, list) {
  const own = levels.filter((level) => level.knob === knob && level.method === chosen.method);
  const nameOf = (level) => `${level.level}${level.isDefault ? ' (default)' : ''}`;
  const lines = list.map(([name, words]) => {
    const having = own.filter((level) => level.figures[name]);
    return {name: words, x: having.map(nameOf), y: having.map((level) => level.figures[name][0]), ends: having.map((level) => endsOf(level.figures[name]))};
  });
  const plot = linePlot(lines, knob, 'share', {range: [-0.05, 1.05], levels: own.map(nameOf)});
  if (plot === null) return null;
  return {...plot, height: 330, note: `${named(chosen.method)}; models: ${own.map((level) => `${level.models} at ${nameOf(level)}`).join(', ')}.`};
}

const kByKnob = [['auroc', 'AUROC'], ['precision', 'precision'], ['recall', 'recall'], ['precision_at_size', 'precision at size'],
  ['present_on_used', 'present'], ['chosen_by_v_on_used', 'units chosen by V']];
const kPower = [['present_on_used', 'present'], ['made_here_on_used', 'made here'], ['through_component_on_used', 'through component'],
  ['chosen_by_v_on_used', 'units chosen by V']];

function makeKnobs() {
  const parent = section('knobs', 'By knob', 'Each knob moves one property of a planted model away from the default. The default level is of models in which the same kind of block computes. '
    + 'Present and units chosen by V: the share of used variables with these answers. A mean over one model has no interval.');
  const knobs = unique(levels.map((level) => level.knob));
  if (knobs.length === 0) {
    parent.append(element('p', {className: 'note', textContent: 'All models are at default knobs. The sizes small and full move each knob.'}));
    return;
  }
  parent.append(element('div', {className: 'pairs'}, ...knobs.map((knob) =>
    figure(`knob-${knob.replace(/[^a-z0-9]+/gi, '-')}`, named(knob), '', () => plotOfLevels(knob, kByKnob)))));
}

// 3. Calibration

/** The share of p at most x, for x from 0 to 1, with the band in which a uniform one stays. */
function plotOfP(method) {
  const n = method.p.length;
  if (n === 0) return null;
  const clamped = (y) => Math.min(1, Math.max(0, y));
  const ends = [0, 1];
  const corners = [0, method.band, 1 - method.band, 1].sort((a, b) => a - b);
  const edge = (sign, rest) => ({type: 'scatter', mode: 'lines', x: corners, hoverinfo: 'skip', showlegend: false,
    y: corners.map((x) => clamped(x + sign * method.band)), line: {width: 0, color: '#0072B2'}, ...rest});
  const x = [0, ...method.p, 1];
  const y = [0, ...method.p.map((_, i) => (i + 1) / n), 1];
  return {
    traces: [edge(-1, {}), edge(1, {fill: 'tonexty', fillcolor: 'rgba(86, 180, 233, 0.25)', name: '95 % band', showlegend: true}),
      {type: 'scatter', mode: 'lines', name: 'uniform', x: ends, y: ends, hoverinfo: 'skip', line: {color: '#888888', dash: 'dash', width: 1.5}},
      {type: 'scatter', mode: 'lines+markers', name: plain(named(method.name)), x, y, line: {color: '#0072B2', shape: 'hv', width: 2}, marker: {size: 4, color: '#0072B2'},
        hoverinfo: 'text', hovertext: x.map((p, i) => `p ${decimals(p)} or less: ${decimals(y[i])} of ${n}`)}],
    layout: {xaxis: {title: {text: 'p of question 1 where nothing is there'}, range: [-0.02, 1.02], zeroline: false},
      yaxis: {title: {text: 'share with this p or less'}, range: [-0.02, 1.02], zeroline: false}, showlegend: true},
    height: 440, note: '', label: `${n} p of ${named(method.name)}; ${method.p.filter((p) => p <= kNominal + 1e-9).length} are at most .05.`,
    rows: [['p', 'share with this p or less', 'band lower', 'band upper'],
      ...method.p.map((p, i) => [p, (i + 1) / n, clamped(p - method.band), clamped(p + method.band)])],
  };
}

function makeCalibration() {
  const parent = section('calibration', 'Calibration', 'p of question 1 for variables that nothing computes: uniform if honest, so that at most .05 of them are .05 or less. '
    + 'p rises in steps of 1 / (null variables + 1).');
  const having = byMethod.filter((method) => method.p.length > 0);
  if (having.length === 0) {
    parent.append(element('p', {className: 'note', textContent: 'No method gave a p where nothing is there.'}));
    return;
  }
  parent.append(figure('uniform', 'Distribution of p', 'Steps above the diagonal: p is smaller than it should be. The band holds the distribution function of as many independent uniform p, everywhere, '
    + 'in 95 of 100 benchmarks (Dvoretzky, Kiefer, Wolfowitz and Massart). Cells of one model are not quite independent.',
  ({method}) => plotOfP(having[Number(method)]), [{label: 'Method', id: 'method', options: having.map((method, i) => [String(i), named(method.name)])}]));
  parent.append(figureTable('rejections', 'answers', 'Rates', 'Shares of p at or below a level (mark), distance from uniform, mean, and models with any false positive after adjustment.',
    [['p_at_most_.05', 'p ≤ .05', kNominal], ['p_at_most_.01', 'p ≤ .01', 0.01], ['p_distance', 'distance from uniform'], ['mean_p', 'mean p'],
      ['present_on_nothing_by_model', 'models called present', kNominal]], true));
}

// 4. Power

function makePower() {
  const parent = section('power', 'Power against gain', 'How often a used variable is found, by the gain with which its component writes it, in lengths of the default.');
  if (!levels.some((level) => level.knob === 'gain')) {
    parent.append(element('p', {className: 'note', textContent: 'No model has another gain than the default. The sizes small and full have some.'}));
    return;
  }
  parent.append(figure('gain', 'Power', 'Bars are Clopper and Pearson’s 95 % intervals.', () => plotOfLevels('gain', kPower)));
}

function introduce() {
  const nDefault = report.models.filter(([, knob]) => knob === 'default').length;
  document.getElementById('model').textContent = 'How often is a method right about which weights? Each model is made so that the answer is known for every unit.';
  document.getElementById('summary').textContent = `${report.models.length} models, ${nDefault} at default knobs; ${methods.length} methods; ${report.rows} rows.`;
  const form = document.getElementById('choices');
  form.addEventListener('submit', (event) => event.preventDefault());
  const curved = byMethod.filter((method) => levels.some((level) => level.method === method.name));
  if (curved.length > 1) {
    form.append(choice('Method of the curves', 'choose-method', curved.map((method) => [method.name, named(method.name)]), (name) => {
      chosen.method = name;
      updateFigures();
    }));
  }
  form.append(themeButton());
}

introduce();
makeLeaderboard();
makeKnobs();
makeCalibration();
makePower();
