// Beside the lesson: your symbols, the history, files.

import { download, request } from '../api.js';
import { button, field, h, say } from '../dom.js';
import { createHistory } from './history.js';
import { createSymbolItem } from './symbol.js';
import { refresh, store } from '../store.js';

export function createShelf() {
  let all = false;
  let items = new Map();
  const note = h('p.note', { role: 'alert', hidden: true });
  const anyway = button('Import anyway', () => bring(refused, true), { kind: 'small' });
  let refused = null;
  const told = h('p.small.soft', { 'aria-live': 'polite', hidden: true });
  const search = field({ type: 'search', placeholder: 'Search', 'aria-label': 'Search symbols', oninput: () => filter() });
  const yours = button('Yours', () => choose(false), { kind: 'segment' });
  const every = button('All', () => choose(true), { kind: 'segment' });
  const list = h('ul.symbols', { 'data-testid': 'symbols-list', 'aria-label': 'Symbols' });
  const empty = h('p.soft.small');
  const file = h('input', { type: 'file', class: 'hidden', id: 'import-file', 'aria-label': 'File to import', tabindex: -1, onchange: () => bring(file.files[0], false) });
  const history = createHistory({ undo: () => change(() => request('POST', 'undo')) });
  const element = h('aside.shelf', { 'aria-label': 'Your symbols and their history' },
    h('section.card', {},
      h('div.row.between', {}, h('h2', {}, 'Symbols'),
        h('div.segments', { role: 'group', 'aria-label': 'Which symbols' }, yours, every)),
      search, note, list, empty),
    h('section.card', {}, history.element,
      h('div.row', {},
        button('Export', () => guard(() => download('export', 'symbols.strokes')), { icon: 'download', kind: 'small' }),
        button('Import', () => file.click(), { icon: 'upload', kind: 'small' }), anyway, file),
      told));

  list.addEventListener('keydown', (event) => {
    if (!event.target.matches('.symbol-head') || !['ArrowDown', 'ArrowUp'].includes(event.key)) return;
    const heads = [...list.querySelectorAll('li:not([hidden]) .symbol-head')];
    event.preventDefault();
    heads[heads.indexOf(event.target) + (event.key === 'ArrowDown' ? 1 : -1)]?.focus();
  });

  async function guard(work) {
    say(note, '');
    anyway.hidden = true;
    try {
      return await work();
    } catch (error) {
      say(note, error.message);
      anyway.hidden = !refused || error.status !== 409;
      note.scrollIntoView({ block: 'nearest' });
      return null;
    }
  }

  /** Does a change of the model and shows what has become of it; true when done. */
  async function change(work) {
    const done = await guard(() => work().then(() => true));
    if (done) await refresh().catch(() => {});
    return Boolean(done);
  }

  async function bring(bytes, force) {
    file.value = '';
    if (!bytes) return;
    refused = bytes;
    const path = force ? 'import?force=true' : 'import';
    let count = 0;
    if (await change(async () => { count = (await request('POST', path, { bytes })).symbols.length; })) {
      refused = null;
      say(told, `${count} ${count === 1 ? 'symbol' : 'symbols'} imported.`);
    }
  }

  function choose(value) {
    all = value;
    filter();
  }

  function filter() {
    const wanted = search.value.trim().toLowerCase();
    let seen = 0;
    yours.setAttribute('aria-pressed', String(!all));
    every.setAttribute('aria-pressed', String(all));
    for (const [name, item] of items) {
      const symbol = store.symbols.get(name);
      const names = [name, symbol.text, ...symbol.aliases].join('\n').toLowerCase();
      const own = all || symbol.samples > 0 || symbol.origin === 'registered';
      item.element.hidden = !own || !names.includes(wanted);
      seen += item.element.hidden ? 0 : 1;
    }
    say(empty, seen ? '' : wanted ? 'No symbol of that name.' : 'What you teach appears here.');
  }

  function draw() {
    const before = items;
    items = new Map([...store.symbols.keys()].map((name) =>
      [name, before.get(name) ?? createSymbolItem(name, { change, guard })]));
    for (const item of items.values()) item.update();
    const focused = document.activeElement;
    list.replaceChildren(...[...items.values()].map((item) => item.element));
    if (list.contains(focused)) focused.focus();
    filter();
  }

  store.addEventListener('symbols', () => {
    draw();
    history.reload();
  });
  store.addEventListener('map', () => items.forEach((item) => item.update()));
  anyway.hidden = true;
  filter();
  return { element };
}
