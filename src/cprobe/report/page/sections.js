'use strict';
// The sections of the page, in the order of a reader's questions.

// 1. Verdicts

const kChips = {yes: ['✓', 'yes'], no: ['✗', 'no'], 'in some': ['~', 'open'], 'before adjustment': ['~', 'open'], 'too few controls': ['?', 'open'],
  'not tested': ['?', 'open']};

function chip(question, answer) {
  const [mark, kind] = kChips[answer];
  return element('span', {className: `chip ${kind}`, textContent: `${mark} ${question}: ${answer}`});
}

function chipsOf(finding) {
  const depends = pick(finding, (a) => a.depends) || 'not tested';
  return element('span', {className: 'chips'}, chip('circuit', finding.circuit), chip('decodes', finding.decodes), chip('behaviour depends', depends));
}

function verdictCard(verdict) {
  const own = verdict.findings.map((i) => findings[i]);
  const list = element('ul', {}, ...own.map((finding) => element('li', {},
    element('strong', {textContent: `${componentOf(finding)} `}), chipsOf(finding), element('p', {textContent: [finding.text, pick(finding, (a) => a.text)].filter((text) => text).join(' ')}))));
  const details = element('details', {open: own.length === 1},
    element('summary', {textContent: own.length === 1 ? 'The component' : `Each of the ${own.length} components`}), list);
  return element('article', {className: 'card verdict'}, element('h3', {textContent: [verdict.variable, own[0].options].filter((text) => text).join(', ')}),
    element('p', {textContent: [verdict.text, verdict.dependence[chosen.data]].filter((text) => text).join(' ')}), details);
}

function makeVerdicts() {
  const parent = section('verdicts', 'Verdicts', 'For each variable: is there a circuit for it, does the circuit decode it, and does the '
    + 'behaviour depend on it more than on random circuits of its size? “Decodes” means a kNN accuracy more than three standard errors above '
    + 'the majority baseline; “depends” means p ≤ .05 after Holm’s adjustment for the cells of the run that have a p.');
  changing(parent, () => {
    const shown = verdicts.filter((v) => placeOfFinding(findings[v.findings[0]]) === chosen.place && isChosenVariable(v.variable));
    const cards = shown.slice(0, kMostRows).map(verdictCard);
    const used = new Set(shown.flatMap((v) => v.findings).flatMap((i) => findings[i].cells).map((i) => cells[i].run));
    const notes = unique([...used].map((i) => runs[i].pNotes[chosen.data]).filter((note) => note));
    if (shown.length > cards.length) notes.push(`${shown.length - cards.length} more variables: choose one above.`);
    return [...cards, ...notes.map((textContent) => element('p', {className: 'note', textContent}))];
  });
  changing(parent, () => [sortableTable('findings', 'Every component', findingColumns(), shownFindings())]);
}

function findingColumns() {
  const first = (figure) => (figure ? figure[0] : null);
  // Empty circuits have no figure: nothing is ablated.
  const ablated = (f) => (isEmpty(f) ? null : pick(f, (a) => a.ablated));
  const columns = [
    {name: 'variable', of: (f) => f.variable}, {name: 'component', of: componentOf},
    {name: 'circuit', of: (f) => (f.empty === f.cells.length ? 'empty' : f.whole === f.cells.length ? 'full' : f.empty + f.whole ? 'varies' : 'proper part')},
    {name: 'weights', of: (f) => first(f.share), text: (_, f) => percentText(f.share), number: true},
    {name: 'kNN circuit', of: (f) => first(f.knn), text: (_, f) => spreadText(f.knn), number: true},
    {name: 'kNN component', of: (f) => first(f.full), text: (_, f) => spreadText(f.full), number: true},
    {name: 'majority', of: (f) => f.majority, number: true},
    {name: 'untouched', of: (f) => pick(f, (a) => a.untouched[0]), number: true},
    {name: 'ablated', of: (f) => first(ablated(f)), text: (_, f) => spreadText(ablated(f)), number: true},
    {name: 'random', of: (f) => pick(f, (a) => first(a.random)), text: (_, f) => spreadText(pick(f, (a) => a.random)), number: true},
    {name: 'p', of: (f) => pick(f, (a) => most(a.p)), text: pText, number: true},
    {name: 'p Holm', of: (f) => pick(f, (a) => most(a.holm)), text: pText, number: true},
    {name: 'depends', of: (f) => pick(f, (a) => a.depends)},
  ];
  const notes = (f) => pick(f, (a) => [a.fill === 'zero' ? '' : `${a.fill} fill`, ...a.notes].filter((note) => note !== '').join('; '));
  if (findings.some(notes)) columns.push({name: 'note', of: notes});
  if (findings.some((f) => f.cells.length > 1)) {
    columns.push({name: 'repetitions', of: (f) => f.cells.length, text: String, number: true});
  }
  return columns;
}

// 2. Layers and blocks

function makeLayers() {
  const parent = section('layers', 'Layers and blocks', 'Where in the model: a row for each variable and block, a column for each layer. Empty fields were not probed or have no such figure.');
  const figures = {
    gain: ['kNN minus majority', (f) => (f.knn[0] === null ? null : f.knn[0] - f.majority), null],
    knn: ['kNN accuracy', (f) => f.knn[0], [0, 1]],
    ablated: ['task accuracy with the circuit ablated', (f) => pick(f, (a) => (isEmpty(f) ? null : a.ablated[0])), [0, 1]],
    harm: ['random minus circuit ablated', (f) => pick(f, (a) => a.harm), null],
    p: ['p', (f) => pick(f, (a) => most(a.p)), [0, 1], true],
    holm: ['p Holm', (f) => pick(f, (a) => most(a.holm)), [0, 1], true],
    share: ['share of weights', (f) => f.share[0], [0, 1]],
  };
  parent.append(figure('heatmap', 'Layer by block', 'Light is high; of p, light is low. Over repetitions: means, and of p the largest.', (values) => {
    const shown = shownFindings();
    const [title, of, range, reverse] = figures[values.figure];
    const at = new Map(shown.map((f) => [JSON.stringify([f.variable, f.block, f.layer]), f]));
    const rows = unique(shown.map((f) => JSON.stringify([f.variable, f.block]))).map((key) => JSON.parse(key));
    const layers = unique(shown.map((f) => f.layer)).sort((a, b) => a - b);
    return heatMap(rows, (row) => row.join(' '), layers, (row, layer) => {
      const found = at.get(JSON.stringify([...row, layer]));
      return found ? of(found) : null;
    }, {title, xTitle: 'layer', range, reverse: Boolean(reverse), text: reverse ? pText : decimals});
  }, [{label: 'Figure', id: 'figure', options: Object.entries(figures).map(([key, [name]]) => [key, name])}]));
}

// 3. and 4. Decoding, ablation

function makeDecoding() {
  const parent = section('decoding', 'Decodability', 'Can the variable be read from the circuit’s updates by nearest neighbours, and how does that compare with the whole component?');
  parent.append(figure('decodability', 'kNN test accuracy', 'Bars are standard deviations over draws of exemplars or, where several cells differ in seeds only, over these.',
    () => dotPlot(shownFindings(), nameOfFinding, [
      {name: 'circuit', of: (f) => f.knn},
      {name: 'whole component', of: (f) => f.full},
      {name: 'majority baseline', of: (f) => [f.majority, null], symbol: 'line-ns-open', colour: '#8a8f96'},
    ], 'test accuracy', [-0.03, 1.03])));
}

function makeAblating() {
  const parent = section('ablating', 'Ablating the circuit', 'Does the task still work without the circuit, and would it without any other circuit of that size?');
  const drawsOf = (f) => pick(f, (a) => a.draws) || [];
  const noteOf = (shown) => {
    const without = shown.filter((f) => pick(f, (a) => a.random) && drawsOf(f).length === 0);
    return without.length === 0 ? '' : `Of ${without.length} rows there are mean and standard deviation only: the record, of an earlier version, has no single control’s value, or there are too many for a page.`;
  };
  parent.append(figure('ablation', 'Task accuracy after ablation', 'Random circuits have as many units in each matrix. Small points: each of them. Bar: their mean and standard deviation; over '
    + 'repetitions, of the cells’ means, empty circuits left out. p counts the controls that harm at least as much.',
    () => {
      const shown = shownFindings().filter((f) => !isEmpty(f) && ablationOf(f));
      const content = dotPlot(shown, nameOfFinding, [
        {name: 'circuit ablated', of: (f) => pick(f, (a) => a.ablated), colour: '#D55E00'},
        {name: 'random circuit ablated', of: (f) => pick(f, (a) => a.random), colour: '#0072B2', symbol: 'diamond', points: drawsOf, pointsName: 'each random circuit'},
        {name: 'all else ablated', of: (f) => pick(f, (a) => a.complement), colour: '#009E73', symbol: 'square-open'},
        {name: 'untouched', of: (f) => pick(f, (a) => a.untouched), symbol: 'line-ns-open', colour: '#8a8f96'},
      ], 'task accuracy', [-0.03, 1.03]);
      return content && {...content, note: [content.note, noteOf(shown)].filter((note) => note !== '').join(' ')};
    }));
}

// 5. Training curves

function makeTraining() {
  const parent = section('training', 'Training of the masks', 'Did the search settle? Every line is a cell.');
  const figures = {loss: ['loss', 'loss'], kept: ['units kept', 'kept']};
  parent.append(figure('curves', 'Training curves', 'Loss: soft nearest neighbours plus the term for size, mean over an epoch’s batches. Long curves are thinned evenly; curves.csv has every epoch.',
    (values) => {
      const [title, key] = figures[values.figure];
      const lines = shownFindings().flatMap((f) => f.cells.filter((i) => cells[i].curve).map((i) => {
        const which = f.cells.length === 1 ? '' : ` · ${runs.length > 1 ? runs[cells[i].run].name : ''} seed ${cells[i].seed}`;
        return {name: nameOfFinding(f) + which, x: cells[i].curve.epoch, y: cells[i].curve[key]};
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
  const parent = section('sizes', 'Circuit sizes', 'Which weight matrices, and which attention heads, hold the circuit.');
  const withSizes = () => shownFindings().filter((f) => f.cells.some((i) => cells[i].matrices));
  parent.append(figure('matrices', 'Share of each matrix’s units', 'Units of the circuit over units of the matrix. Over repetitions: the mean.', () => {
    const shown = withSizes();
    const columns = unique(shown.flatMap((f) => f.cells.flatMap((i) => (cells[i].matrices || []).map(([name]) => name))));
    return heatMap(shown, nameOfFinding, columns, (f, column) => meanOver(f, (cell) => {
      const part = (cell.matrices || []).find(([name]) => name === column);
      return part ? part[1] / part[2] : null;
    }), {title: 'share', xTitle: '', range: [0, 1]});
  }));
  const parts = {q: 'queries', k: 'keys', v: 'values'};
  parent.append(figure('heads', 'Units of each head', 'Units of the circuit that make a head’s queries, keys or values. With fewer key/value heads than query heads, several query heads share one.', (values) => {
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
  const parent = section('overlaps', 'Overlaps', 'Do circuits of one component share units, more than random circuits with as many units in each matrix would?');
  const shown = () => report.overlaps.filter((o) => isInChosenPlace(o) && o.variables.some(isChosenVariable));
  const nameOf = (o) => `${o.component} ${o.first} and ${o.second}${runs.length > 1 ? ` (${runs[o.run].name})` : ''}`;
  const share = (o, n) => (Math.min(o.a, o.b) > 0 ? [n / Math.min(o.a, o.b), null] : null);
  parent.append(figure('overlap', 'Units in common', 'As a share of the smaller circuit.', () => dotPlot(shown(), nameOf, [
    {name: 'in common', of: (o) => share(o, o.both)},
    {name: 'expected by chance', of: (o) => share(o, o.chance), symbol: 'line-ns-open', colour: '#8a8f96'},
  ], 'share of the smaller circuit', [-0.03, 1.03])));
  const whole = (name, of) => ({name, of, text: (value) => String(value), number: true});
  changing(parent, () => [sortableTable('overlap-table', 'Pairs of circuits', [
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
    const rows = unique([...components.map((f) => key(f.variable, componentOf(f))), ...own.map((f) => key(f.variable, siteOfFigure(f)))])
      .map((text) => JSON.parse(text));
    const order = ['attn', 'mid', 'mlp', 'post'];
    rows.sort((a, b) => variables.indexOf(a[0]) - variables.indexOf(b[0]) || siteOf(a[1])[1] - siteOf(b[1])[1]
      || order.indexOf(siteOf(a[1])[2]) - order.indexOf(siteOf(b[1])[2]));
    const at = new Map(components.map((f) => [key(f.variable, componentOf(f)), f]));
    const series = methods.map((method) => {
      const metric = headlineOf(method, unique(own.filter((f) => f.method === method).map((f) => f.metric)));
      const values = own.filter((f) => f.method === method && f.metric === metric);
      return {name: `${method}: ${metric}`, of: ([variable, site]) => overRuns(values.filter((f) => f.variable === variable && siteOfFigure(f) === site))};
    });
    return dotPlot(rows, (row) => row.join(' '), [{name: 'circuit probing: kNN test accuracy', of: ([variable, site]) => {
      const found = at.get(key(variable, site));
      return found ? found.knn : null;
    }}, ...series], 'figure of merit', undefined);
  }));
  changing(parent, () => [sortableTable('methods-table', 'Every figure of comparison methods', [
    ...(runs.length > 1 ? [{name: 'run', of: (f) => runs[f.run].name}] : []),
    {name: 'method', of: (f) => f.method}, {name: 'variable', of: (f) => f.variable}, {name: 'site', of: siteOfFigure},
    {name: 'figure', of: (f) => f.metric}, {name: 'control', of: (f) => f.control},
    {name: 'value', of: (f) => f.value, text: (_, f) => spreadText([f.value, f.sd]), number: true},
    {name: 'p', of: (f) => f.p, text: pText, number: true}, {name: 'n', of: (f) => f.n, text: String, number: true},
    {name: 'seed', of: (f) => f.seed, text: String, number: true}, {name: 'note', of: (f) => f.note},
  ], shownFigures())]);
}

// 9. Emergence

function makeEmergence() {
  if (unique(runs.map((run) => run.step)).filter((step) => step !== null).length < 2) return;
  const parent = section('emergence', 'Emergence over training', 'When is the circuit there, and when does the model generalise? Every point is a checkpoint of the training.');
  const figures = {
    knn: ['kNN accuracy of the circuit', (f) => f.knn], full: ['kNN accuracy of the component', (f) => f.full],
    share: ['share of weights', (f) => f.share], ablated: ['task accuracy with the circuit ablated', (f) => (isEmpty(f) ? null : pick(f, (a) => a.ablated))],
  };
  const methods = unique(report.figures.filter((f) => runs[f.run].step !== null && f.control === '').map((f) => `${f.method}: ${f.metric}`));
  const options = [...Object.entries(figures).map(([key, [name]]) => [key, name]), ...methods.map((name, i) => [String(i), name])];
  const series = (list, name, of) => {
    const sorted = [...list].sort((a, b) => a[0] - b[0]);
    return {name, x: sorted.map(([step]) => step), y: sorted.map(([, item]) => (of(item) ? of(item)[0] : null)),
      sd: sorted.map(([, item]) => (of(item) ? of(item)[1] : null))};
  };
  parent.append(figure('emergence-plot', 'Over training steps', 'Task accuracy is that of the untouched model on the data set of the ablations. Bars are standard deviations, over repetitions where there are several.', (values) => {
    const shown = findings.filter((f) => f.step !== null && isChosenVariable(f.variable));
    const lines = [];
    for (const kind of unique(shown.map((f) => f.series))) {
      const prefix = kind === '' ? '' : `${kind} · `;
      const steps = new Map(shown.filter((f) => f.series === kind && ablationOf(f)).map((f) => [f.step, f]));
      lines.push(series([...steps], `${prefix}task accuracy`, (f) => ablationOf(f).untouched));
      if (figures[values.figure]) {
        const own = shown.filter((f) => f.series === kind);
        const nameOf = (f) => nameOfFinding(f) + (f.options === '' ? '' : `, ${f.options}`);
        for (const name of unique(own.map(nameOf))) {
          lines.push(series(own.filter((f) => nameOf(f) === name).map((f) => [f.step, f]), prefix + name, figures[values.figure][1]));
        }
      } else {
        const own = report.figures.filter((f) => runs[f.run].step !== null && runs[f.run].series === kind && f.control === ''
          && isChosenVariable(f.variable) && `${f.method}: ${f.metric}` === methods[Number(values.figure)]);
        for (const name of unique(own.map((f) => `${f.variable} ${siteOfFigure(f)}`))) {
          const of = own.filter((f) => `${f.variable} ${siteOfFigure(f)}` === name);
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
  const parent = section('provenance', 'Where this came from', 'How the program was called, on what, and what it took. The same command in the same place continues a run or, finished, computes nothing.');
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
