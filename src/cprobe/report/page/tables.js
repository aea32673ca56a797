'use strict';
// Tables that a click on a heading sorts, with a filter.

const kFirstRows = 200;  // More rows are shown on demand: thousands make a browser slow.

/**
 * A table with a filter. A column has
 *   - name: its heading;
 *   - of(row): the value to sort by and to export;
 *   - text(value, row), optional: the text to show;
 *   - drawing(value, row), optional: an element before the text, or null;
 *   - number: whether values are numbers.
 * The rows are as they come unless `sorted`, the number of a column, is given. Short tables need no
 * filter.
 */
function sortableTable(id, caption, columns, rows, {sorted = null, descending = false, isShort = false} = {}) {
  const state = {sorted, descending, filter: '', all: false};
  const body = element('tbody');
  const count = element('span', {className: 'note', role: 'status'});
  const more = element('button', {type: 'button', hidden: true});
  const shown = (column, row) => {
    const value = column.of(row);
    if (column.text) return column.text(value, row);
    return column.number ? decimals(value) : value === null || value === undefined ? '' : String(value);
  };
  const texts = new Map(rows.map((row) => [row, columns.map((column) => shown(column, row)).join(' ').toLowerCase()]));

  function order(a, b) {
    const column = columns[state.sorted];
    const [x, y] = [column.of(a), column.of(b)];
    const missing = (value) => value === null || value === undefined || value === '';
    // Missing values come last in either direction.
    if (missing(x) || missing(y)) return missing(x) - missing(y);
    const sign = state.descending ? -1 : 1;
    return sign * (column.number ? x - y : String(x).localeCompare(String(y), 'en', {numeric: true}));
  }

  function visibleRows() {
    const kept = rows.filter((row) => texts.get(row).includes(state.filter));
    return state.sorted === null ? kept : kept.sort(order);
  }

  function draw() {
    const kept = visibleRows();
    const drawn = state.all ? kept : kept.slice(0, kFirstRows);
    body.replaceChildren(...drawn.map((row) => element('tr', {}, ...columns.map((column) => {
      const text = shown(column, row);
      const cell = element('td', {textContent: text, title: text.length > 40 ? text : '', className: column.number ? 'number' : ''});
      const drawing = column.drawing ? column.drawing(column.of(row), row) : null;
      if (drawing !== null) cell.prepend(drawing);
      return cell;
    }))));
    count.textContent = kept.length === rows.length ? `${rows.length} rows` : `${kept.length} of ${rows.length} rows`;
    more.hidden = drawn.length === kept.length;
    more.textContent = `Show all ${kept.length}`;
    headings.forEach((heading, i) => {
      heading.setAttribute('aria-sort', i !== state.sorted ? 'none' : state.descending ? 'descending' : 'ascending');
    });
  }

  const headings = columns.map((column, i) => {
    const button = element('button', {type: 'button', textContent: column.name});
    button.addEventListener('click', () => {
      state.descending = state.sorted === i && !state.descending;
      state.sorted = i;
      draw();
    });
    return element('th', {scope: 'col', className: column.number ? 'number' : ''}, button);
  });
  const filter = element('input', {type: 'search', id: `${id}-filter`, autocomplete: 'off'});
  filter.addEventListener('input', () => {
    state.filter = filter.value.trim().toLowerCase();
    draw();
  });
  more.addEventListener('click', () => {
    state.all = true;
    draw();
  });
  const save = element('button', {type: 'button', textContent: 'CSV', title: `The rows shown of “${caption}” as CSV`});
  save.addEventListener('click', () => {
    saveText(`${id}.csv`, csvText([columns.map((column) => column.name),
      ...visibleRows().map((row) => columns.map((column) => column.of(row)))]));
  });
  const table = element('table', {id}, element('caption', {textContent: caption, className: 'note'}),
    element('thead', {}, element('tr', {}, ...headings)), body);
  const box = element('div', {className: 'box', role: 'region', tabIndex: 0, 'aria-label': caption}, table);
  draw();
  return element('div', {},
    element('div', {className: 'tools'},
      ...(isShort ? [] : [element('label', {}, element('span', {textContent: 'Filter'}), filter), count]), more, save),
    box);
}
