// Collect: draw one symbol at a time, the one with the fewest drawings first.

import { createChooser } from './chooser.js';
import './live.js'; // keeps the store up to date
import { createRecorder } from './recorder.js';
import { store } from './store.js';
import { request } from '../api.js';
import { button, h, showText } from '../dom.js';
import { thumbnail } from '../ink.js';

/** @param {HTMLElement} page */
export function create(page) {
  /** Numbers of drawings: {name, samples} of each symbol. */
  let counts = [];
  let target = 10;
  let current = null;
  /** The files saved since the page was opened, newest last: {file, name}. */
  let files = [];
  const cells = new Map();

  const symbol = h('p.collect-symbol', { 'data-testid': 'collect-symbol', 'aria-live': 'polite' });
  const example = h('div.collect-how', { 'aria-hidden': 'true' });
  const tally = h('p.soft.collect-tally');
  const status = h('p.small.soft', { 'aria-live': 'polite', 'data-testid': 'collect-saved' });
  const note = h('p.note', { role: 'alert', hidden: true });
  const recorder = createRecorder({
    label: 'Pad for one drawing of the symbol; Enter saves it, Escape clears the pad', testid: 'collect-pad',
    nextTestid: 'collect-next', page, hint: 'Draw it here', recorded: save,
  });
  const undoButton = button('Undo', undo, { icon: 'undo', kind: 'small', testid: 'collect-undo' });
  const total = h('div.meter', { role: 'progressbar', 'aria-label': 'All symbols', 'aria-valuemin': 0 }, h('span.meter-fill'));
  const totalText = h('p.small.soft');
  const grid = h('ol.cells', { 'aria-label': 'Drawings of each symbol' });
  const chooser = createChooser({ changed: load });

  page.append(
    h('div.collect-main', {},
      h('div.collect-prompt.card', {},
        h('h1', {}, 'Draw this symbol'), symbol, example, tally,
        h('div.row', {}, undoButton), status),
      h('div.collect-pad', {}, note, recorder.element)),
    h('section.card.collect-progress', { 'aria-label': 'Progress' },
      h('div.row.between', {}, h('h2', {}, 'Progress'), totalText),
      total, grid, chooser.element));

  const countOf = (name) => counts.find((count) => count.name === name);

  /** The name with the fewest drawings, null if all are complete. */
  function next() {
    const incomplete = counts.filter(({ samples }) => samples < target);
    return incomplete.sort((a, b) => a.samples - b.samples)[0]?.name ?? null;
  }

  /** @param {string|null} name */
  function show(name) {
    current = name;
    const count = countOf(name);
    symbol.textContent = name ?? '';
    symbol.classList.toggle('long', (name ?? '').length > 3);
    example.replaceChildren(...(store.shapes.has(name) ? [thumbnail(store.shapes.get(name))] : []));
    tally.textContent = count ? `${count.samples} of ${target}` : counts.length ? 'All done. Choose more symbols, or more drawings of each.' : '';
    recorder.setDisabled(!name);
    undoButton.disabled = !files.length;
    showProgress();
  }

  function showProgress() {
    const done = counts.reduce((sum, { samples }) => sum + Math.min(samples, target), 0);
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
    const choice = chooser.choice();
    const query = new URLSearchParams({ target: String(choice.target) });
    for (const name of choice.symbols) query.append('symbols', name);
    try {
      ({ symbols: counts, target } = await request('GET', `collect?${query}`));
      cells.clear();
      for (const { name } of counts) cells.set(name, h('li', { class: name.length > 3 ? 'cell long' : 'cell', title: name, 'data-symbol': name }, h('span', {}, name)));
      grid.replaceChildren(...cells.values());
      showText(note, '');
      show(next());
    } catch (error) {
      showText(note, error.message);
      recorder.setDisabled(true);
      undoButton.disabled = true;
    }
  }

  async function save(ink) {
    const name = current;
    try {
      const { file, samples } = await request('POST', 'collect', { body: { symbol: name, ink } });
      files.push({ file, name });
      const count = countOf(name);
      if (count) count.samples = samples;
      status.textContent = `Saved ${name}, ${samples} of ${target}.`;
      showText(note, '');
      show(next());
    } catch (error) {
      showText(note, error.message);
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
      status.textContent = `Removed the last drawing of ${last.name}.`;
      if (countOf(last.name)) show(last.name);
    } catch (error) {
      showText(note, error.message);
    }
  }

  recorder.setDisabled(true);
  undoButton.disabled = true;
  store.addEventListener('map', () => { if (current) show(current); });
  return { shown() { if (!counts.length) load(); } };
}
