// The side of the Teach page: the list of symbols, the history, export and import.

import { createHistory } from './history.js';
import { refresh, store } from './store.js';
import { createSymbolItem } from './symbol.js';
import { download, request } from '../api.js';
import { button, count, field, h, showText } from '../dom.js';

export function createShelf() {
  let all = false;
  let items = new Map();
  /** The file whose import the server refused. */
  let refused = null;
  const note = h('p.note', { role: 'alert', hidden: true });
  const anyway = button('Import anyway', () => importFile(refused, true), { kind: 'small' });
  const status = h('p.small.soft', { 'aria-live': 'polite', hidden: true });
  const search = field({ type: 'search', placeholder: 'Search', 'aria-label': 'Search symbols', oninput: () => filter() });
  const yours = button('Yours', () => showAll(false), { kind: 'segment' });
  const every = button('All', () => showAll(true), { kind: 'segment' });
  const list = h('ul.symbols', { 'data-testid': 'symbols-list', 'aria-label': 'Symbols' });
  const empty = h('p.soft.small');
  const file = h('input', { type: 'file', class: 'hidden', id: 'import-file', 'aria-label': 'File to import', tabindex: -1, onchange: () => importFile(file.files[0], false) });
  const history = createHistory({ undo: () => change(() => request('POST', 'undo')) });
  const element = h('aside.shelf', { 'aria-label': 'Your symbols and their history' },
    h('section.card', {},
      h('div.row.between', {}, h('h2', {}, 'Symbols'),
        h('div.segments', { role: 'group', 'aria-label': 'Symbols to show' }, yours, every)),
      search, note, list, empty),
    h('section.card', {}, history.element,
      h('div.row', {},
        button('Export', () => guard(() => download('export', 'symbols.strokes')), { icon: 'download', kind: 'small' }),
        button('Import', () => file.click(), { icon: 'upload', kind: 'small' }), anyway, file),
      status));

  list.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !event.target.matches('.symbol-head')) return;
    const heads = [...list.querySelectorAll('li:not([hidden]) .symbol-head')];
    event.preventDefault();
    heads[heads.indexOf(event.target) + step]?.focus();
  });

  /** The result of an action, or null after showing its error. */
  async function guard(action) {
    showText(note, '');
    anyway.hidden = true;
    try {
      return await action();
    } catch (error) {
      showText(note, error.message);
      anyway.hidden = !refused || error.status !== 409;
      note.scrollIntoView({ block: 'nearest' });
      return null;
    }
  }

  /** Changes the model, and shows the new one; resolves to whether that worked. */
  async function change(action) {
    const done = await guard(() => action().then(() => true));
    if (done) await refresh().catch(() => {});
    return Boolean(done);
  }

  async function importFile(exported, force) {
    file.value = '';
    if (!exported) return;
    refused = exported;
    const path = force ? 'import?force=true' : 'import';
    let imported = 0;
    if (await change(async () => { imported = (await request('POST', path, { file: exported })).symbols.length; })) {
      refused = null;
      showText(status, `Imported ${count(imported, 'symbol')}.`);
    }
  }

  function showAll(value) {
    all = value;
    filter();
  }

  function filter() {
    const text = search.value.trim().toLowerCase();
    yours.setAttribute('aria-pressed', String(!all));
    every.setAttribute('aria-pressed', String(all));
    let listed = 0;
    for (const [name, item] of items) {
      const symbol = store.symbols.get(name);
      const names = [name, symbol.text, ...symbol.aliases].join('\n').toLowerCase();
      const isListed = all || symbol.samples > 0 || symbol.origin === 'registered';
      item.element.hidden = !isListed || !names.includes(text);
      if (!item.element.hidden) listed += 1;
    }
    showText(empty, listed ? '' : text ? 'No symbol has this name.' : 'Symbols that you teach appear here.');
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
    history.reload();
  }

  store.addEventListener('symbols', draw);
  store.addEventListener('map', () => items.forEach((item) => item.update()));
  anyway.hidden = true;
  draw();
  return { element };
}
