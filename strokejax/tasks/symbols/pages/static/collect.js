// Collect: one symbol at a time, those with fewest samples first.

import { request } from '../api.js';
import { createChooser } from './chooser.js';
import { button, h, say } from '../dom.js';
import { thumbnail } from '../ink.js';
import { createRecorder } from './recorder.js';
import { store } from '../store.js';

/** @param {HTMLElement} page */
export function createCollect(page) {
  let counts = [];
  let target = 10;
  let current = null;
  /** Files of this visit, newest last, for undo. */
  let files = [];
  const cells = new Map();

  const symbol = h('p.collect-symbol', { 'data-testid': 'collect-symbol', 'aria-live': 'polite' });
  const how = h('div.collect-how', { 'aria-hidden': 'true' });
  const tally = h('p.soft.collect-tally');
  const saved = h('p.small.soft', { 'aria-live': 'polite', 'data-testid': 'collect-saved' });
  const note = h('p.note', { role: 'alert', hidden: true });
  const recorder = createRecorder({
    label: 'Pad for one drawing of the symbol shown; Enter goes on, Escape clears', testid: 'collect-pad',
    nextTestid: 'collect-next', page, hint: 'Draw it here', drawn: keep,
  });
  const undoButton = button('Undo last', undo, { icon: 'undo', kind: 'small', testid: 'collect-undo' });
  const total = h('div.meter', { role: 'progressbar', 'aria-label': 'All symbols', 'aria-valuemin': 0 }, h('span.meter-fill'));
  const totalText = h('p.small.soft');
  const grid = h('ol.cells', { 'aria-label': 'Drawings of each symbol' });
  const chooser = createChooser({ changed: load });

  page.append(
    h('div.collect-main', {},
      h('div.collect-prompt.card', {},
        h('h1', {}, 'Draw this'), symbol, how, tally,
        h('div.row', {}, undoButton), saved),
      h('div.collect-pad', {}, note, recorder.element)),
    h('section.card.collect-progress', { 'aria-label': 'Progress' },
      h('div.row.between', {}, h('h2', {}, 'Progress'), totalText),
      total, grid, chooser.element));

  /** The symbol with fewest drawings, null where all are done. */
  function next() {
    const left = counts.filter((each) => each.samples < target);
    return left.sort((one, other) => one.samples - other.samples)[0]?.name ?? null;
  }

  /** @param {string|null} name */
  function show(name) {
    current = name;
    const entry = counts.find((each) => each.name === current);
    symbol.textContent = current ?? '';
    symbol.classList.toggle('long', (current ?? '').length > 3);
    how.replaceChildren(...(current && store.shapes.has(current) ? [thumbnail(store.shapes.get(current))] : []));
    tally.textContent = entry ? `${entry.samples} of ${target}` : counts.length ? 'All done. Choose more symbols, or more drawings of each.' : '';
    recorder.disable(!current);
    undoButton.disabled = !files.length;
    progress();
  }

  function progress() {
    const done = counts.reduce((sum, each) => sum + Math.min(each.samples, target), 0);
    const all = Math.max(1, counts.length * target);
    total.setAttribute('aria-valuemax', String(all));
    total.setAttribute('aria-valuenow', String(done));
    total.style.setProperty('--share', (done / all).toFixed(3));
    totalText.textContent = counts.length ? `${done} of ${all} drawings` : '';
    for (const { name, samples } of counts) {
      const cell = cells.get(name);
      cell.style.setProperty('--share', Math.min(1, samples / target).toFixed(3));
      cell.classList.toggle('current', name === current);
      cell.classList.toggle('done', samples >= target);
      cell.setAttribute('aria-label', `${name}: ${samples} of ${target}`);
    }
  }

  async function load() {
    const { symbols, wanted } = chooser.value();
    const query = new URLSearchParams({ target: String(wanted) });
    for (const name of symbols) query.append('symbols', name);
    try {
      const told = await request('GET', `collect?${query}`);
      counts = told.symbols;
      target = told.target;
      cells.clear();
      for (const { name } of counts) cells.set(name, h('li', { class: name.length > 3 ? 'cell long' : 'cell', title: name, 'data-symbol': name }, h('span', {}, name)));
      grid.replaceChildren(...cells.values());
      say(note, '');
      show(next());
    } catch (error) {
      say(note, error.message);
      recorder.disable(true);
      undoButton.disabled = true;
    }
  }

  async function keep(ink) {
    const name = current;
    try {
      const told = await request('POST', 'collect', { body: { symbol: name, ink } });
      files.push({ file: told.file, name });
      const entry = counts.find((each) => each.name === name);
      if (entry) entry.samples = told.samples;
      saved.textContent = `Saved ${name}, ${told.samples} of ${target}.`;
      say(note, '');
      show(next());
    } catch (error) {
      say(note, error.message);
      throw error;
    }
  }

  async function undo() {
    const last = files.at(-1);
    if (!last) return;
    try {
      await request('POST', 'collect/undo', { body: { file: last.file } });
      files.pop();
      await load();
      saved.textContent = `Took the last ${last.name} back.`;
      if (counts.some((each) => each.name === last.name)) show(last.name);
    } catch (error) {
      say(note, error.message);
    }
  }

  let first = true;
  recorder.disable(true);
  undoButton.disabled = true;
  store.addEventListener('map', () => { if (!first && current) show(current); });
  return {
    shown() {
      if (first || !counts.length) load();
      first = false;
    },
  };
}
