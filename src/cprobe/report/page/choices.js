'use strict';
// The data of the report, the reader's choices among them, and the parts that sections are made of.

const {runs, findings, cells, verdicts} = report;
for (const overlap of report.overlaps) overlap.place = placeOf(runs[overlap.run]);
for (const f of [...report.figures, ...report.methods]) f.place = placeOf(runs[f.run]);

/** Names a place: the runs of one series, step and setting, which are shown together. */
function placeOf({series, step}, options = '') {
  return [series, step === null ? '' : `step ${step}`, options].filter((part) => part !== '').join(' · ');
}

const placeOfFinding = (finding) => placeOf(finding, finding.options);
// Comparison methods have no settings of circuit probing, so that a place shows the figures of its
// series and step.
const figurePlaces = new Map(findings.map((f) => [placeOfFinding(f), placeOf(f)]));
const nFindingPlaces = figurePlaces.size;
for (const {place} of report.figures) if (![...figurePlaces.values()].includes(place)) figurePlaces.set(place, place);
const places = [...figurePlaces.keys()];
const variables = unique([...findings.map((f) => f.variable), ...report.figures.map((f) => f.variable)]);
const dataSets = unique(findings.flatMap((f) => f.sets.map((s) => s.data)));
// Shows the last step of a training first: the finished model.
// Shows a model itself before its negative controls.
const itself = places.indexOf(findings.filter((f) => f.control === '').map(placeOfFinding)[0]);
const firstPlace = findings.some((f) => f.step !== null) ? nFindingPlaces - 1 : Math.max(0, itself);
const chosen = {place: places.length ? places[firstPlace] : '', variable: null, data: dataSets[0]};

/** What some findings, figures or methods call a variable; its column where they differ. */
function titleOf(variable, list) {
  const titles = unique(list.filter((f) => f.variable === variable).map((f) => f.title));
  return titles.length === 1 ? titles[0] : variable;
}

/** A title with the column that it stands for, where that is another. */
const withColumn = (title, variable) => (title === variable ? variable : `${title} (${variable})`);

const isChosenVariable = (variable) => chosen.variable === null || chosen.variable === variable;

/** A position in words: `position 3`, or the name of a token that rows name. */
const positionPhrase = (position) => (typeof position === 'number' ? `position ${position}` : position);
/** The order of positions: numbers, then names. */
const comparePositions = (a, b) => (typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b)));

/** The findings that the choices at the top leave, by variable, layer, block and position. */
function shownFindings() {
  const rank = new Map(variables.map((variable, i) => [variable, i]));
  return findings.filter((f) => placeOfFinding(f) === chosen.place && isChosenVariable(f.variable))
    .sort((a, b) => rank.get(a.variable) - rank.get(b.variable) || a.layer - b.layer || a.block.localeCompare(b.block)
      || comparePositions(a.position, b.position));
}

const isInChosenPlace = ({place}) => place === figurePlaces.get(chosen.place);

function shownFigures() {
  return report.figures.filter((f) => isInChosenPlace(f) && isChosenVariable(f.variable));
}

const nameOfFinding = (finding) => `${finding.title} ${finding.site}`;
/** The finding on the chosen data set; null if it has nothing there. */
const setOf = (finding) => finding.sets.find((s) => s.data === chosen.data) || null;
/** A figure of the finding on the chosen data set: of(set), or null. */
const pick = (finding, of) => {
  const set = setOf(finding);
  return set ? of(set) : null;
};
const ablationOf = (set) => (set ? set.ablation : null);

/** Whether the mask is empty in all repetitions, so that nothing is ablated. */
const isEmpty = (finding) => finding.empty === finding.cells.length;
const severalProbed = unique(findings.map((f) => f.position)).length > 1;
const severalPositions = unique(report.figures.map((f) => f.position)).length > 1;
const siteOfFigure = (f) => (severalPositions && f.position !== null ? `${f.site} ${positionPhrase(f.position)}` : f.site);

const redraws = [];

/** Adds a part to the page that is made anew at each choice. */
function changing(parent, make) {
  const place = element('div');
  parent.append(place);
  const draw = () => place.replaceChildren(...make().filter((child) => child !== null));
  redraws.push(draw);
  draw();
}

function choose(key, value) {
  chosen[key] = value;
  for (const draw of redraws) draw();
  updateFigures();
}

function makeChoices() {
  const form = document.getElementById('choices');
  form.addEventListener('submit', (event) => event.preventDefault());
  if (places.length > 1) {
    const select = choice('Run', 'choose-place', places.map((p) => [p, p || '(no name)']), (value) => choose('place', value));
    select.querySelector('select').value = chosen.place;
    form.append(select);
  }
  if (variables.length > 1) {
    const options = [['all', 'all variables'], ...variables.map((v, i) => [String(i), withColumn(titleOf(v, [...findings, ...report.figures]), v)])];
    form.append(choice('Variable', 'choose-variable', options, (value) => choose('variable', value === 'all' ? null : variables[Number(value)])));
  }
  if (dataSets.length > 1) {
    form.append(choice('Data set', 'choose-data', dataSets.map((d, i) => [String(i), d]), (value) => choose('data', dataSets[Number(value)])));
  }
  form.append(themeButton());
}

/** The models and negative controls that were probed, with their runs. */
function probedKinds() {
  const kinds = new Map();
  for (const run of runs.filter(({done}) => done > 0)) {
    const {model, control} = run;
    const key = JSON.stringify([model, control]);
    if (!kinds.has(key)) kinds.set(key, {model, control, runs: []});
    kinds.get(key).runs.push(run);
  }
  return [...kinds.values()];
}

/** Four names, and how many more there are. */
function listed(names) {
  return `${names.slice(0, 4).join(', ')}${names.length > 4 ? `, and ${names.length - 4} more` : ''}`;
}

/** The tasks of some runs, and what the untouched model can do: its accuracy on each data set, over runs from the least to the most. */
function taskTexts(list) {
  const tasks = unique(list.map((run) => run.task).filter((task) => task !== ''));
  const texts = tasks.length ? [`${tasks.length === 1 ? 'Task' : 'Tasks'}: ${listed(tasks)}.`] : [];
  const sets = new Map();
  for (const [label, accuracy] of list.flatMap((run) => run.untouched)) {
    if (accuracy !== null) sets.set(label, [...(sets.get(label) || []), accuracy]);
  }
  const range = (values) => unique([Math.min(...values), Math.max(...values)].map(decimals)).join(' to ');
  const parts = [...sets].map(([label, values]) => `${range(values)} on ${label}`);
  if (parts.length) texts.push(`Accuracy of the untouched model: ${listed(parts)}.`);
  return texts;
}

function summarise() {
  const sum = (of) => runs.reduce((total, run) => total + of(run), 0);
  const [done, planned, failed] = [sum((r) => r.done), sum((r) => r.planned), sum((r) => r.failed.length)];
  const of = runs.length === 1 ? 'one run folder' : `${runs.length} run folders`;
  const parts = [`${done} of ${done + planned + failed} cells finished in ${of}`];
  if (planned) parts.push(`${planned} still to come`);
  if (failed) parts.push(`${failed} failed`);
  document.getElementById('summary').textContent =
    `${parts.join(', ')}. ${done === 0 ? 'There is nothing to show yet: no cell is finished.' : ''}`;
  const models = unique(runs.flatMap((run) => run.calls.slice(-1).map((call) => call.model)).filter((model) => model !== ''));
  const texts = [];
  if (models.length) texts.push(`${models.length === 1 ? 'Model' : 'Models'}: ${listed(models)}.`);
  texts.push(...taskTexts(runs));
  document.getElementById('model').textContent = texts.join(' ');
  const kinds = probedKinds();
  if (kinds.length > 1 && kinds.some(({control}) => control !== '')) {
    document.getElementById('model').replaceChildren('What was probed:', element('ul', {id: 'probed'}, ...kinds.slice(0, 8).map(
      ({model, control, runs: own}) => element('li', {textContent: `${own.length > 3 ? `${own.length} runs` : own.map((run) => run.name).join(', ')}: ${model}, ${
        control === '' ? 'the model itself' : `negative control ${control}`}. ${taskTexts(own).join(' ')}`}))));
  }
  const banners = document.getElementById('banners');
  for (const textContent of Object.values(report.controls)) banners.append(element('p', {className: 'banner', role: 'note', textContent}));
}
