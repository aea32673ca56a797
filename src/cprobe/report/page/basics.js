'use strict';
// Helpers for all parts of the page. Text of the data enters the page through textContent only.

const report = JSON.parse(document.getElementById('data').textContent);

/**
 * Makes an element. Sets each of `attributes` as a property if the element has such a property
 * (textContent, onclick), else as an attribute.
 */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Three decimals; a dash if the figure does not exist. */
function decimals(value) {
  return value === null || value === undefined ? '–' : value.toFixed(3).replace(/^-(0\.0+)$/, '$1');
}

/** A p-value with three decimals, never a row of zeros. */
function pText(value) {
  return value !== null && value !== undefined && value < 0.0005 ? '< 0.001' : decimals(value);
}

/** [mean, sd] as "0.991 ± 0.003". */
function spreadText(figure) {
  if (!figure || figure[0] === null) return '–';
  return figure[1] === null ? decimals(figure[0]) : `${decimals(figure[0])} ± ${decimals(figure[1])}`;
}

function percentText(figure) {
  if (!figure || figure[0] === null) return '–';
  const text = (100 * figure[0]).toFixed(1);
  return figure[1] === null ? `${text} %` : `${text} ± ${(100 * figure[1]).toFixed(1)} %`;
}

function durationText(seconds) {
  if (seconds === null) return '–';
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** The largest value; null if there is none. */
function most(values) {
  const numbers = values.filter((value) => value !== null);
  return numbers.length === 0 ? null : Math.max(...numbers);
}

function unique(values) {
  return [...new Set(values)];
}

function shortened(text, length) {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}

const componentOf = (finding) => `L${finding.layer}.${finding.block}`;

const main = document.getElementById('main');

/** Adds a section with its heading and its link in the contents. */
function section(id, title, lead) {
  const made = element('section', {id, 'aria-labelledby': `${id}-title`}, element('h2', {id: `${id}-title`, textContent: title}),
    element('p', {className: 'lead', textContent: lead}));
  main.append(made);
  document.getElementById('contents').append(element('li', {}, element('a', {href: `#${id}`, textContent: title})));
  return made;
}

/** CSV as in RFC 4180 and in our other CSV files. */
function csvText(lines) {
  const field = (value) => {
    const text = value === null || value === undefined ? '' : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return lines.map((line) => `${line.map(field).join(',')}\n`).join('');
}

function saveText(name, text) {
  const address = URL.createObjectURL(new Blob([text], {type: 'text/csv;charset=utf-8'}));
  const link = element('a', {href: address, download: name});
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

/** A labelled menu of [value, text] pairs. */
function choice(label, id, options, onChange) {
  const select = element('select', {id});
  for (const [value, text] of options) select.append(element('option', {value, textContent: shortened(text, 60)}));
  select.addEventListener('change', () => onChange(select.value));
  return element('label', {}, element('span', {textContent: label}), select);
}

// Light and dark. The theme of the reader's system counts until the reader chooses one.

const systemTheme = window.matchMedia('(prefers-color-scheme: dark)');
const themeListeners = [];

function storedTheme() {
  try {
    return localStorage.getItem('cprobe-report-theme');
  } catch {
    return null;  // Some browsers let a page store nothing.
  }
}

function theme() {
  return document.documentElement.dataset.theme;
}

function showTheme(name) {
  document.documentElement.dataset.theme = name;
  for (const listener of themeListeners) listener();
}

showTheme(storedTheme() || (systemTheme.matches ? 'dark' : 'light'));
systemTheme.addEventListener('change', () => {
  if (!storedTheme()) showTheme(systemTheme.matches ? 'dark' : 'light');
});

function themeButton() {
  const button = element('button', {type: 'button', id: 'theme', textContent: 'Dark'});
  const show = () => button.setAttribute('aria-pressed', String(theme() === 'dark'));
  button.addEventListener('click', () => {
    const name = theme() === 'dark' ? 'light' : 'dark';
    try {
      localStorage.setItem('cprobe-report-theme', name);
    } catch {
      // Without storage, the choice holds until the page is left.
    }
    showTheme(name);
  });
  themeListeners.push(show);
  show();
  return button;
}

// Prints in the light theme, with all details open.
let screenTheme = null;
let closed = [];
window.addEventListener('beforeprint', () => {
  closed = [...document.querySelectorAll('details:not([open])')];
  for (const details of closed) details.open = true;
  screenTheme = theme();
  showTheme('light');
});
window.addEventListener('afterprint', () => {
  for (const details of closed) details.open = false;
  if (screenTheme) showTheme(screenTheme);
});
