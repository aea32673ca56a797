'use strict';
// The sections of the page, in the order of a reader's questions.

// 1. Verdicts

// Only a yes without reserve has the green tick, and only a no the cross.
const kMarks = {received: '→', 'beyond chance': '~', partly: '~', small: '~', mixed: '~', yes: '~', 'yes, but the only route': '~', 'yes, units that carry the token': '~', no: '✗', undecided: '?', 'cannot tell': '?'};

// What stands behind ± in tables.
const kDeviations = findings.some((f) => f.cells.length > 1)
  ? '± is a standard deviation: over repetitions; of a single one over null circuits, random sets and, of kNN, draws of exemplars.'
  : '± is a standard deviation: over null circuits, random sets and, of kNN, draws of exemplars.';

// Questions that are asked by exchange, and shown where they were asked.
const kThrough = [['component', 'through the component'], ['units', 'through the units']];
// What a chip asks, longer than a column's heading: chips are read alone.
const kAsked = {present: 'present in what the mask writes', madeHere: 'made in this component', needed: 'behaviour needs these weights',
  sufficient: 'these weights suffice', component: 'reaches the behaviour through this component', units: 'reaches it through these units'};
const asksSufficiency = findings.some((f) => f.sets.some((s) => s.sufficient !== null));
const hasMatchedControls = findings.some((f) => f.sets.some((s) => s.inControls.length));
const isExchanged = findings.some((f) => f.sets.some((s) => kThrough.some(([key]) => s[key].asked)));

function chip(question, answered) {
  const {answer, short, yes, p, rank} = answered || {answer: 'not tested', short: 'not tested', yes: false, p: null, rank: ''};
  const kind = yes ? 'yes' : answer === 'no' ? 'no' : 'open';
  const title = p === null ? '' : [`p ${p < 0.0005 ? '' : '= '}${pText(p)}`, rank].filter((text) => text !== '').join(', ');
  return element('span', {className: `chip ${kind}`, title, textContent: `${yes ? '✓' : kMarks[answer] || '–'} ${kAsked[question]}: ${short}`});
}

function chipsOf(finding) {
  const asked = ['present', 'madeHere', 'needed', ...(pick(finding, (s) => s.sufficient) ? ['sufficient'] : []),
    ...kThrough.map(([key]) => key).filter((key) => pick(finding, (s) => s[key].asked))];
  return element('span', {className: 'chips'}, ...asked.map((key) => chip(key, pick(finding, (s) => s[key]))),
    ...(pick(finding, (s) => s.inControls) || []).map(({control, answer}) => element('span', {className: 'chip control', textContent: `in ${control}: ${answer}`})));
}

const controlChip = (finding) => (finding.control === '' ? null
  : element('span', {className: 'chip control', textContent: `negative control: ${finding.control}`}));

/** What the variable depends on and what it is compared with, in words. */
function nullText({types, nullKind, heldOut}) {
  if (types === '') return '';
  const own = (types === 'each row' ? 'Each row is a type of its own' : `Its types are ${types}`)
    + (heldOut ? ` (${heldOut} of them held out of masks and exemplars)` : '');
  return `${own}; ${nullKind === '' ? 'there are no null variables.' : `its null variables are ${nullKind}.`}`;
}

function verdictCard(verdict) {
  const own = verdict.findings.map((i) => findings[i]);
  const list = element('ul', {}, ...own.map((finding) => element('li', {},
    element('strong', {textContent: `${finding.site} `}), chipsOf(finding), element('p', {textContent: pick(finding, (s) => s.text) || ''}))));
  const details = element('details', {open: own.length === 1},
    element('summary', {textContent: own.length === 1 ? 'The component' : `Each of the ${own.length} components`}), list);
  const nulls = unique(own.map(nullText)).filter((text) => text !== '').join(' ');
  return element('article', {className: 'card verdict'}, element('h3', {textContent: [withColumn(verdict.title, verdict.variable), own[0].options].filter((text) => text).join(', ')}),
    controlChip(own[0]), element('p', {textContent: verdict.texts[chosen.data] || `Nothing was measured on ${chosen.data}.`}),
    nulls === '' ? null : element('p', {className: 'note', textContent: nulls}), details);
}

function makeVerdicts() {
  const parent = section('verdicts', 'Verdicts', 'For each variable: is it present in what the mask writes, more than variables that mean nothing to the model are; '
    + 'was it made in the component or received; does the behaviour need the weights more than random sets of their size? A mask is called a circuit where '
    + `the variable is present. ${report.rules}`);
  parent.append(element('p', {className: 'note', textContent: isExchanged
    ? 'Whether a variable reaches the behaviour through a component, or through the mask’s units, was asked by exchange where it is present.'
    : 'Whether a variable reaches the behaviour through a component, or through the mask’s units, was not tested: that takes an exchange of its values.'}));
  changing(parent, () => {
    const shown = verdicts.filter((v) => placeOfFinding(findings[v.findings[0]]) === chosen.place && isChosenVariable(v.variable));
    const cards = shown.slice(0, kMostRows).map(verdictCard);
    if (shown.length > cards.length) {
      cards.push(element('p', {className: 'note', textContent: `${shown.length - cards.length} more variables: choose one above.`}));
    }
    return cards;
  });
  changing(parent, () => [sortableTable('findings', `Every component. ${kDeviations}`, findingColumns(), shownFindings())]);
}

function findingColumns() {
  const first = (figure) => (figure ? figure[0] : null);
  const spreadColumn = (name, of) => ({name, of: (f) => first(of(f)), text: (_, f) => spreadText(of(f)), number: true});
  const present = (of) => (f) => pick(f, (s) => (s.presence ? of(s.presence) : null));
  // Empty masks have no figure: nothing is ablated.
  const ablation = (of) => (f) => pick(f, (s) => (s.ablation && !isEmpty(f) ? of(s.ablation) : null));
  const answer = (name, key) => ({name, of: (f) => pick(f, (s) => s[key].words)});
  const figureOf = (name, key, of, text = decimals) => ({name, of: (f) => pick(f, (s) => s[key][of]), text, number: true});
  // What only some reports have: q of many nulls, and p over models that repeat each other.
  const extras = (name, key) => [['q', 'q'], ['p over models,', 'overModels']]
    .filter(([, of]) => findings.some((f) => f.sets.some((s) => s[key][of] !== null)))
    .map(([what, of]) => figureOf(`${what} ${name}`, key, of, pText));
  const columns = [
    {name: 'variable', of: (f) => f.title}, {name: 'component', of: componentOf},
    ...(severalProbed ? [{name: 'position', of: (f) => f.position, text: String, number: findings.every((f) => typeof f.position === 'number')}] : []),
    {name: 'mask', of: (f) => (isEmpty(f) ? 'empty' : f.whole === f.cells.length ? 'full' : f.empty + f.whole ? 'varies' : 'proper part')},
    {name: 'weights', of: (f) => first(f.share), text: (_, f) => percentText(f.share), number: true},
    spreadColumn('other types', present((p) => p.mask)),
    spreadColumn('null circuits', present((p) => p.nulls)),
    figureOf('beyond null circuits’ mean, lower', 'present', 'lower'), figureOf('beyond null circuits’ mean, upper', 'present', 'upper'), figureOf('p present', 'present', 'p', pText),
    ...extras('present', 'present'),
    answer('present', 'present'),
    spreadColumn('input', present((p) => p.input)), {name: 'input at', of: present((p) => p.inputAt)},
    answer('made here', 'madeHere'),
    spreadColumn('component', present((p) => p.component)),
    spreadColumn('kNN', (f) => f.knn), spreadColumn('kNN component', (f) => f.full), {name: 'majority', of: (f) => f.majority, number: true},
    {name: 'untouched', of: (f) => pick(f, (s) => (s.ablation ? first(s.ablation.untouched) : null)), number: true},
    spreadColumn('ablated', ablation((a) => a.ablated)), spreadColumn('random sets', ablation((a) => a.random)),
    spreadColumn('null circuits ablated', ablation((a) => a.nulls)),
    figureOf('harm beyond random sets’ mean, lower', 'needed', 'lower'), figureOf('harm beyond random sets’ mean, upper', 'needed', 'upper'), figureOf('p needed', 'needed', 'p', pText),
    ...extras('needed', 'needed'),
    answer('weights needed', 'needed'),
  ];
  if (asksSufficiency) {
    const ofSufficient = (of) => (f) => pick(f, (s) => (s.sufficient ? s.sufficient[of] : null));
    columns.push(spreadColumn('all else ablated', ablation((a) => a.complement)), spreadColumn('all but random sets ablated', ablation((a) => a.onlyRandom)),
      {name: 'p suffice', of: ofSufficient('p'), text: pText, number: true}, {name: 'weights suffice', of: ofSufficient('words')});
  }
  if (isExchanged) for (const [key, name] of kThrough) columns.push(figureOf(`p ${name}`, key, 'p', pText), ...extras(name, key), answer(name, key));
  const complementP = ablation((a) => most(a.complementP));
  if (findings.some((f) => f.sets.some((s) => s.ablation && s.ablation.complementP.length))) {
    columns.push({name: 'p of complement controls (not calibrated)', of: complementP, text: pText, number: true});
  }
  const notes = ablation((a) => [a.fill === 'zero' ? '' : `${a.fill} fill`, ...a.notes].filter((note) => note !== '').join('; '));
  if (findings.some(notes)) columns.push({name: 'note', of: notes});
  if (findings.some((f) => f.control !== '')) columns.push({name: 'negative control', of: (f) => f.control});
  if (hasMatchedControls) {
    const inControls = (text) => (f) => (pick(f, (s) => s.inControls) || []).map(text).join('; ');
    columns.push({name: 'other types in control', of: inControls(({mask}) => spreadText(mask))},
      {name: 'present in control', of: inControls(({control, answer}) => `${control}: ${answer}`)});
  }
  if (findings.some((f) => f.cells.length > 1)) {
    columns.push({name: 'repetitions', of: (f) => f.cells.length, text: String, number: true});
  }
  return columns;
}

// 2. Layers and blocks

/** Menu options of those figures {key: [name, of(finding, set), ...]} that some finding has; of the last one if none has any. */
function optionsOf(figures) {
  const exists = (of) => findings.some((f) => f.sets.some((s) => of(f, s) !== null));
  const options = Object.entries(figures).map(([key, [name, of]]) => [key, name, exists(of)]);
  const kept = options.filter(([, , is]) => is);
  return kept.length ? kept : options.slice(-1);
}

function makeLayers() {
  const parent = section('layers', 'Layers and blocks', 'Where in the model: a row for each variable, block and position, a column for each layer. Empty fields were not probed or have no such figure.');
  const present = (of) => (f, s) => (s && s.presence ? of(s.presence) : null);
  const ablation = (of) => (f, s) => (s && s.ablation && !isEmpty(f) ? of(s.ablation) : null);
  const figures = {
    gain: ['other types minus null circuits', present((p) => (p.nulls ? p.mask[0] - p.nulls[0] : null)), null],
    other: ['accuracy on other types', present((p) => p.mask[0]), [0, 1]],
    present: ['p present', (f, s) => (s ? s.present.p : null), [0, 1], true],
    made: ['other types minus best input', present((p) => p.mask[0] - p.input[0]), null],
    knn: ['raw kNN accuracy', (f) => f.knn[0], [0, 1]],
    ablated: ['task accuracy with the weights ablated', ablation((a) => a.ablated[0]), [0, 1]],
    harm: ['random sets minus these weights ablated', ablation((a) => (a.random ? a.random[0] - a.ablated[0] : null)), null],
    needed: ['p needed', (f, s) => (s ? s.needed.p : null), [0, 1], true],
    complement: ['p of complement controls (not calibrated)', ablation((a) => most(a.complementP)), [0, 1], true],
    share: ['share of weights', (f) => f.share[0], [0, 1]],
  };
  parent.append(figure('heatmap', 'Layer by block', 'Light is high; of p, light is low. p is adjusted. Over repetitions: means, and of p the largest.', (values) => {
    const shown = shownFindings();
    const [title, of, range, reverse] = figures[values.figure];
    const keyOf = (f) => [f.title, f.block, ...(severalProbed ? [positionPhrase(f.position)] : [])];
    const at = new Map(shown.map((f) => [JSON.stringify([...keyOf(f), f.layer]), f]));
    const rows = unique(shown.map((f) => JSON.stringify(keyOf(f)))).map((key) => JSON.parse(key));
    const layers = unique(shown.map((f) => f.layer)).sort((a, b) => a - b);
    return heatMap(rows, (row) => row.join(' '), layers, (row, layer) => {
      const found = at.get(JSON.stringify([...row, layer]));
      return found ? of(found, setOf(found)) : null;
    }, {title, xTitle: 'layer', range, reverse: Boolean(reverse), text: reverse ? pText : decimals});
  }, [{label: 'Figure', id: 'figure', options: optionsOf(figures)}]));
}

// 3. and 4. Presence, ablation

const kNullColour = '#E69F00';

function makeDecoding() {
  const parent = section('decoding', 'Presence', 'Does what the mask writes group rows by the variable, on types that no exemplar has? (Masks were trained on these types too, unless some were held out.) Null circuits are found in the same way for variables '
    + 'that mean nothing to the model; the input is what the component reads, at the position that tells most.');
  const present = (of) => (f) => pick(f, (s) => (s.presence ? of(s.presence) : null));
  // The interval is of the accuracy beyond the mean of the null circuits.
  const ends = (f) => pick(f, (s) => (s.presence && s.presence.nulls && s.runs === 1 && s.present.lower !== null
    ? [s.presence.nulls[0] + s.present.lower, s.presence.nulls[0] + s.present.upper] : null));
  const figures = {
    other: ['accuracy on other types', (f, s) => (s && s.presence ? s.presence.mask[0] : null), [
      {name: 'mask', of: present((p) => p.mask), ends, colour: '#D55E00'},
      {name: 'whole component', of: present((p) => p.component), colour: '#009E73', symbol: 'square-open'},
      {name: 'null circuits', of: present((p) => p.nulls), colour: kNullColour, symbol: 'diamond', points: (f) => present((p) => p.nullDraws)(f) || [],
        pointsName: 'each null circuit'},
      {name: 'input at the best position', of: present((p) => p.input), colour: '#0072B2', symbol: 'triangle-up'},
    ]],
    knn: ['raw kNN accuracy', (f) => f.knn[0], [
      {name: 'mask', of: (f) => f.knn, colour: '#D55E00'},
      {name: 'whole component', of: (f) => f.full, colour: '#009E73', symbol: 'square-open'},
      {name: 'majority of the exemplars', of: (f) => [f.majority, null], symbol: 'line-ns-open', colour: '#8a8f96'},
    ]],
  };
  parent.append(figure('decodability', 'Accuracy of nearest neighbours', 'Bar of the mask: 95 % interval beyond the null circuits. Other bars are standard deviations: over null circuits, over draws of exemplars, or '
    + 'over repetitions. The raw accuracy is on all rows, so that knowing a row’s type is enough.',
  ({figure: key}) => dotPlot(shownFindings(), nameOfFinding, figures[key][2], 'test accuracy', [-0.03, 1.03]),
  [{label: 'Figure', id: 'figure', options: optionsOf(figures)}]));
}

function makeAblating() {
  const parent = section('ablating', 'Deleting the weights', 'Does the task still work without these weights, and would it without any other set of that size?');
  const ablation = (of) => (f) => pick(f, (s) => (s.ablation ? of(s.ablation) : null));
  const drawsOf = (f) => ablation((a) => a.draws)(f) || [];
  const ends = (f) => pick(f, (s) => (s.ablation && s.ablation.random && s.runs === 1 && s.needed.lower !== null
    ? [s.ablation.random[0] - s.needed.upper, s.ablation.random[0] - s.needed.lower] : null));
  const noteOf = (shown) => {
    const without = shown.filter((f) => ablation((a) => a.random)(f) && drawsOf(f).length === 0);
    return without.length === 0 ? '' : `Of ${without.length} rows there are mean and standard deviation only: the record, of an earlier version, has no single set’s value, or there are too many for a page.`;
  };
  parent.append(figure('ablation', 'Task accuracy after ablation', 'Random sets have as many units in each matrix. Small points: each set, each null circuit. Bar of the mask: 95 % interval beyond random sets. Other bars: standard '
    + 'deviations; over repetitions, of the cells’ means, empty masks left out.',
    () => {
      const shown = shownFindings().filter((f) => !isEmpty(f) && ablationOf(setOf(f)));
      const content = dotPlot(shown, nameOfFinding, [
        {name: 'mask ablated', of: ablation((a) => a.ablated), ends, colour: '#D55E00'},
        {name: 'random sets ablated', of: ablation((a) => a.random), colour: '#0072B2', symbol: 'diamond', points: drawsOf, pointsName: 'each random set'},
        {name: 'null circuits ablated', of: ablation((a) => a.nulls), colour: kNullColour, symbol: 'triangle-up', points: (f) => ablation((a) => a.nullDraws)(f) || [],
          pointsName: 'each null circuit'},
        {name: 'all else ablated', of: ablation((a) => a.complement), colour: '#009E73', symbol: 'square-open'},
        {name: 'all but random sets ablated', of: ablation((a) => a.onlyRandom), colour: '#56B4E9', symbol: 'diamond-open',
          points: (f) => ablation((a) => a.onlyRandomDraws)(f) || [], pointsName: 'each random set alone'},
        {name: 'component ablated', of: ablation((a) => a.component), colour: '#CC79A7', symbol: 'cross-open'},
        {name: 'untouched', of: ablation((a) => a.untouched), symbol: 'line-ns-open', colour: '#8a8f96'},
      ], 'task accuracy', [-0.03, 1.03]);
      return content && {...content, note: [content.note, noteOf(shown)].filter((note) => note !== '').join(' ')};
    }));
}

// 5. Training curves

function makeTraining() {
  const parent = section('training', 'Training of the masks', 'Did the search settle? Every line is a cell.');
  const figures = {loss: ['loss', 'loss'], kept: ['units kept', 'kept']};
  const whichCell = (f, i) => (f.cells.length === 1 ? '' : ` · ${runs.length > 1 ? runs[cells[i].run].name : ''} seed ${cells[i].seed}`);
  if (cells.some((cell) => cell.path)) {
    parent.append(figure('path', 'Size against accuracy', 'Each line is a cell, each point the circuit of an L0 weight: its share of the component’s weights, and how well the variable is decoded '
      + 'from it on other types of the rows trained on (bars: one standard error). The larger point is the circuit that the cell went on with. Null variables choose by the same rule. path.csv has every point.',
      () => linePlot(shownFindings().flatMap((f) => f.cells.filter((i) => cells[i].path).map((i) => {
        const {share, accuracy, error, chosen} = cells[i].path;
        return {name: nameOfFinding(f) + whichCell(f, i), x: share, y: accuracy, sd: error, marked: chosen};
      })), 'share of the component’s weights', 'accuracy on other types', {range: [-0.03, 1.03]})));
  }
  parent.append(figure('curves', 'Training curves', 'Loss: soft nearest neighbours plus the term for size, mean over an epoch’s batches. It jumps where the next L0 weight begins. Long curves are thinned evenly; curves.csv has every epoch.',
    (values) => {
      const [title, key] = figures[values.figure];
      const lines = shownFindings().flatMap((f) => f.cells.filter((i) => cells[i].curve).map((i) => {
        return {name: nameOfFinding(f) + whichCell(f, i), x: cells[i].curve.epoch, y: cells[i].curve[key]};
      }));
      return linePlot(lines, 'epoch', title);
    }, [{label: 'Figure', id: 'figure', options: Object.entries(figures).map(([k, [name]]) => [k, name])}]));
}

// 6. Sizes

/** The mean over the cells of a finding that have a value; null if no cell has one. */
function meanOver(finding, of) {
  const values = finding.cells.map((i) => of(cells[i])).filter((value) => value !== null);
  return values.length ? values.reduce((a, b) => a + b, 0) / values.length : null;
}

function makeSizes() {
  const parent = section('sizes', 'Sizes of the masks', 'In which weight matrices, and in which attention heads, the mask’s units are.');
  const withSizes = () => shownFindings().filter((f) => f.cells.some((i) => cells[i].matrices));
  parent.append(figure('matrices', 'Share of each matrix’s units', 'Units of the mask over units of the matrix. Over repetitions: the mean.', () => {
    const shown = withSizes();
    const columns = unique(shown.flatMap((f) => f.cells.flatMap((i) => (cells[i].matrices || []).map(([name]) => name))));
    return heatMap(shown, nameOfFinding, columns, (f, column) => meanOver(f, (cell) => {
      const part = (cell.matrices || []).find(([name]) => name === column);
      return part ? part[1] / part[2] : null;
    }), {title: 'share', xTitle: '', range: [0, 1]});
  }));
  const parts = {q: 'queries', k: 'keys', v: 'values'};
  parent.append(figure('heads', 'Units of each head', 'Units of the mask that make a head’s queries, keys or values. With fewer key/value heads than query heads, several query heads share one.', (values) => {
    const shown = shownFindings().filter((f) => f.cells.some((i) => cells[i].heads));
    const n = Math.max(0, ...shown.flatMap((f) => f.cells.map((i) => (cells[i].heads ? cells[i].heads[values.part].length : 0))));
    return heatMap(shown, nameOfFinding, [...Array(n).keys()], (f, head) => meanOver(f, (cell) => {
      const units = cell.heads ? cell.heads[values.part][head] : undefined;
      return units === undefined ? null : units;
    }), {title: parts[values.part], xTitle: 'head', text: (value) => String(Math.round(value * 10) / 10)});
  }, [{label: 'Units of', id: 'part', options: Object.entries(parts)}]));
}

// 7. Overlaps

function makeOverlaps() {
  if (report.overlaps.length === 0) return;
  const parent = section('overlaps', 'Overlaps', 'Do masks of one component share units, more than random sets with as many units in each matrix would?');
  const shown = () => report.overlaps.filter((o) => isInChosenPlace(o) && o.variables.some(isChosenVariable));
  const nameOf = (o) => `${o.component} ${o.first} and ${o.second}${runs.length > 1 ? ` (${runs[o.run].name})` : ''}`;
  const share = (o, n) => (Math.min(o.a, o.b) > 0 ? [n / Math.min(o.a, o.b), null] : null);
  parent.append(figure('overlap', 'Units in common', 'As a share of the smaller mask.', () => dotPlot(shown(), nameOf, [
    {name: 'in common', of: (o) => share(o, o.both)},
    {name: 'expected by chance', of: (o) => share(o, o.chance), symbol: 'line-ns-open', colour: '#8a8f96'},
  ], 'share of the smaller mask', [-0.03, 1.03])));
  const whole = (name, of) => ({name, of, text: (value) => String(value), number: true});
  changing(parent, () => [sortableTable('overlap-table', 'Pairs of masks', [
    ...(runs.length > 1 ? [{name: 'run', of: (o) => runs[o.run].name}] : []),
    {name: 'component', of: (o) => o.component}, {name: 'first', of: (o) => o.first}, {name: 'second', of: (o) => o.second},
    whole('of', (o) => o.of), whole('units first', (o) => o.a), whole('units second', (o) => o.b), whole('both', (o) => o.both),
    {name: 'by chance', of: (o) => o.chance, text: (value) => value.toFixed(1), number: true}, {name: 'IoU', of: (o) => o.iou, number: true},
    {name: 'p more', of: (o) => o.more, text: pText, number: true}, {name: 'p fewer', of: (o) => o.fewer, text: pText, number: true},
  ], shown())]);
}

// 8. Comparison methods

/** The main metric of a method, on the first evaluation set if there are several. */
function headlineOf(method, metrics) {
  const wanted = report.headlines[method];
  return metrics.find((metric) => metric === wanted) || metrics.find((metric) => metric.startsWith(`${wanted} `)) || metrics[0];
}

/** [mean, sd] over runs; a single figure keeps its own sd. */
function overRuns(list) {
  const values = list.map((f) => f.value).filter((value) => value !== null);
  if (values.length === 0) return null;
  if (values.length === 1) return [values[0], list.find((f) => f.value !== null).sd];
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return [mean, Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1))];
}

function makeMethods() {
  if (report.figures.length === 0) return;
  const parent = section('methods', 'Comparison methods', 'The same question put to other methods. Each has its own figure of merit, so compare a method with its controls before comparing methods.');
  const siteOf = (site) => /^L(\d+)\.(\w+)/.exec(site) || [site, '0', site];
  parent.append(figure('baselines', 'Methods side by side', 'The main figure of each method; the table below has all, with their controls. Circuit probing looks at a component (attn, mlp), the others at the state behind it (mid, post).', () => {
    const own = shownFigures().filter((f) => f.control === '');
    const methods = unique(own.map((f) => f.method));
    if (methods.length === 0) return null;
    const key = (variable, site) => JSON.stringify([variable, site]);
    const components = shownFindings();
    const rows = unique([...components.map((f) => key(f.variable, f.site)), ...own.map((f) => key(f.variable, siteOfFigure(f)))])
      .map((text) => JSON.parse(text));
    const order = ['attn', 'mid', 'mlp', 'post'];
    rows.sort((a, b) => variables.indexOf(a[0]) - variables.indexOf(b[0]) || siteOf(a[1])[1] - siteOf(b[1])[1]
      || order.indexOf(siteOf(a[1])[2]) - order.indexOf(siteOf(b[1])[2]));
    const at = new Map(components.map((f) => [key(f.variable, f.site), f]));
    const series = methods.map((method) => {
      const metric = headlineOf(method, unique(own.filter((f) => f.method === method).map((f) => f.metric)));
      const values = own.filter((f) => f.method === method && f.metric === metric);
      return {name: `${method}: ${metric}`, of: ([variable, site]) => overRuns(values.filter((f) => f.variable === variable && siteOfFigure(f) === site))};
    });
    return dotPlot(rows, ([variable, site]) => `${titleOf(variable, [...components, ...own])} ${site}`, [{name: 'circuit probing: raw kNN accuracy', of: ([variable, site]) => {
      const found = at.get(key(variable, site));
      return found ? found.knn : null;
    }}, ...series], 'figure of merit', undefined);
  }));
  const answers = () => report.methods.filter((m) => isInChosenPlace(m) && isChosenVariable(m.variable));
  if (report.methods.some((m) => m.statistic !== null)) {
    changing(parent, () => [sortableTable('answers-table', 'What comparison methods answer: a figure beside the same figure of null variables; p is adjusted for all that a method says of a data set; ± sd of the null variables', [
      ...(runs.length > 1 ? [{name: 'run', of: (m) => runs[m.run].name}] : []),
      {name: 'method', of: (m) => m.method}, {name: 'variable', of: (m) => m.title}, {name: 'site', of: siteOfFigure},
      {name: 'figure', of: (m) => m.metric}, {name: 'value', of: (m) => m.statistic, number: true},
      {name: 'null variables', of: (m) => (m.nulls ? m.nulls[0] : null), text: (_, m) => spreadText(m.nulls), number: true},
      {name: 'beyond null variables’ mean, lower', of: (m) => m.lower, number: true}, {name: 'beyond null variables’ mean, upper', of: (m) => m.upper, number: true},
      {name: 'p', of: (m) => m.p, text: pText, number: true}, {name: 'isolation', of: (m) => m.isolation, number: true},
      {name: 'answer', of: (m) => m.words}, {name: 'question', of: (m) => m.question},
    ], answers())]);
  }
  changing(parent, () => [sortableTable('methods-table', 'Every figure of comparison methods; ± sd over its draws, which n counts for controls', [
    ...(runs.length > 1 ? [{name: 'run', of: (f) => runs[f.run].name}] : []),
    {name: 'method', of: (f) => f.method}, {name: 'variable', of: (f) => f.title}, {name: 'site', of: siteOfFigure},
    {name: 'figure', of: (f) => f.metric}, {name: 'control', of: (f) => f.control},
    {name: 'value', of: (f) => f.value, text: (_, f) => spreadText([f.value, f.sd]), number: true},
    {name: 'p', of: (f) => f.p, text: pText, number: true}, {name: 'n', of: (f) => f.n, text: String, number: true},
    {name: 'seed', of: (f) => f.seed, text: String, number: true}, {name: 'note', of: (f) => f.note},
  ], shownFigures())]);
}

// 9. Emergence

function makeEmergence() {
  if (unique(runs.map((run) => run.step)).filter((step) => step !== null).length < 2) return;
  const parent = section('emergence', 'Emergence over training', 'When is the variable present, and when does the model generalise? Every point is a checkpoint of the training.');
  const figures = {
    other: ['accuracy on other types', (f, s) => (s && s.presence ? s.presence.mask : null)],
    nulls: ['accuracy on other types of null circuits', (f, s) => (s && s.presence ? s.presence.nulls : null)],
    knn: ['raw kNN accuracy of the mask', (f) => f.knn], full: ['raw kNN accuracy of the component', (f) => f.full],
    share: ['share of weights', (f) => f.share],
    ablated: ['task accuracy with the weights ablated', (f, s) => (s && s.ablation && !isEmpty(f) ? s.ablation.ablated : null)],
  };
  const methods = unique(report.figures.filter((f) => runs[f.run].step !== null && f.control === '').map((f) => `${f.method}: ${f.metric}`));
  const options = [...optionsOf(figures), ...methods.map((name, i) => [String(i), name])];
  const series = (list, name, of) => {
    const sorted = [...list].sort((a, b) => a[0] - b[0]);
    return {name, x: sorted.map(([step]) => step), y: sorted.map(([, item]) => (of(item) ? of(item)[0] : null)),
      sd: sorted.map(([, item]) => (of(item) ? of(item)[1] : null))};
  };
  parent.append(figure('emergence-plot', 'Over training steps', 'Task accuracy is that of the untouched model on the chosen data set. Bars are standard deviations, over repetitions where there are several.', (values) => {
    const shown = findings.filter((f) => f.step !== null && isChosenVariable(f.variable));
    const lines = [];
    for (const kind of unique(shown.map((f) => f.series))) {
      const prefix = kind === '' ? '' : `${kind} · `;
      const steps = new Map(shown.filter((f) => f.series === kind && ablationOf(setOf(f))).map((f) => [f.step, f]));
      lines.push(series([...steps], `${prefix}task accuracy`, (f) => ablationOf(setOf(f)).untouched));
      if (figures[values.figure]) {
        const own = shown.filter((f) => f.series === kind);
        const nameOf = (f) => nameOfFinding(f) + (f.options === '' ? '' : `, ${f.options}`);
        for (const name of unique(own.map(nameOf))) {
          lines.push(series(own.filter((f) => nameOf(f) === name).map((f) => [f.step, f]), prefix + name,
            (f) => figures[values.figure][1](f, setOf(f))));
        }
      } else {
        const own = report.figures.filter((f) => runs[f.run].step !== null && runs[f.run].series === kind && f.control === ''
          && isChosenVariable(f.variable) && `${f.method}: ${f.metric}` === methods[Number(values.figure)]);
        for (const name of unique(own.map((f) => `${f.title} ${siteOfFigure(f)}`))) {
          const of = own.filter((f) => `${f.title} ${siteOfFigure(f)}` === name);
          const steps = unique(of.map((f) => runs[f.run].step));
          lines.push(series(steps.map((step) => [step, of.filter((f) => runs[f.run].step === step)]), prefix + name, overRuns));
        }
      }
    }
    // Some figures of comparison methods are no accuracies.
    const isShare = figures[values.figure] || / accuracy|_accuracy|^accuracy/.test(methods[Number(values.figure)]);
    return linePlot(lines, 'training step', isShare ? 'accuracy or share' : 'figure', {range: isShare ? [-0.03, 1.03] : null, log: true});
  }, [{label: 'Figure', id: 'figure', options}]));
}

// 10. Provenance

function pairs(list) {
  return element('dl', {}, ...list.filter(([, value]) => value !== '' && value !== null).flatMap(([name, value]) =>
    [element('dt', {textContent: name}), element('dd', {}, value instanceof Node ? value : document.createTextNode(String(value)))]));
}

function callCard(call, i, n) {
  const code = (text) => (text === '' ? '' : element('code', {textContent: text}));
  return element('div', {}, n > 1 ? element('h4', {textContent: `Call ${i + 1} of ${n}`}) : null, pairs([
    ['command', code(call.command)], ['started', call.started], ['last cell', call.ended], ['host', call.host],
    ['threads', call.threads], ['peak memory', call.memory === null ? '' : `${(call.memory / 2 ** 20).toFixed(0)} MiB`],
    ['version', call.version], ['model', call.model]]),
    call.spec === null ? null : element('details', {}, element('summary', {textContent: 'Spec'}), element('pre', {textContent: report.specs[call.spec]})));
}

function makeProvenance() {
  const parent = section('provenance', 'Where this came from', 'How the program was called, on what, and what it took. The same command in the same place continues a run; where that is finished, nothing is left to do.');
  for (const note of report.notes) parent.append(element('p', {className: 'note', textContent: note}));
  for (const run of runs) {
    const failures = run.failed.map(([label, error]) => element('li', {textContent: `${label}: ${error}`}));
    parent.append(element('details', {className: 'card', open: runs.length === 1}, element('summary', {textContent: run.name}),
      pairs([['folder', run.folder], ['cells', `${run.done} finished, ${run.planned} to come, ${run.failed.length} failed`],
        ['computing', durationText(run.seconds)], ['model fingerprint', run.fingerprint]]),
      failures.length ? element('div', {}, element('h4', {textContent: 'Failed'}), element('ul', {}, ...failures)) : null,
      ...run.calls.map((call, i) => callCard(call, i, run.calls.length))));
  }
}

summarise();
makeChoices();
if (findings.length) {
  makeVerdicts();
  makeLayers();
  makeDecoding();
  makeAblating();
  if (cells.some((cell) => cell.curve)) makeTraining();
  if (cells.some((cell) => cell.matrices)) makeSizes();
}
makeOverlaps();
makeMethods();
makeEmergence();
makeProvenance();
