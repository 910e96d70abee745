// The state that the pages of symbols share: the model's symbols, their thumbnails, the map.

import { request } from '../api.js';
import { h } from '../dom.js';
import { health, showStatus } from '../status.js';

/** @typedef {{name: string, samples: number, aliases: string[], origin: string, text: string}} SymbolInfo */

/** Sends the events 'symbols' and 'map' when these have changed. */
export const store = Object.assign(new EventTarget(), {
  /** @type {Map<string, SymbolInfo>} */
  symbols: new Map(),
  /** @type {Map<string, number[][][]>} the strokes of a symbol's thumbnail */
  shapes: new Map(),
  /** @type {any} the last answer of GET /map */
  map: null,
});

/** Completes names of symbols in inputs with `list: 'symbol-names'`. */
const names = h('datalist', { id: 'symbol-names' });
document.body.append(names);

/**
 * The text that a symbol types.
 * @param {string} name
 * @returns {string}
 */
export const textOf = (name) => store.symbols.get(name)?.text ?? (name === 'space' ? ' ' : name);

/** Loads the symbols, and the map if it is out of date. */
export async function refresh() {
  const { version, symbols } = await request('GET', 'symbols');
  health.version = version;
  showStatus();
  store.symbols = new Map(symbols.map((symbol) => [symbol.name, symbol]));
  names.replaceChildren(...symbols.map(({ name }) => h('option', { value: name })));
  store.dispatchEvent(new Event('symbols'));
  refreshMap().catch(() => {});
}

/** The request for the map that is in progress: {version, done}. */
let loading = null;

/** Loads the map unless it is up to date; the same version is never requested twice at once. */
export async function refreshMap() {
  const { version } = health;
  if (store.map?.version === version) return;
  if (loading?.version === version) return loading.done;
  const done = request('GET', 'map').then((map) => {
    store.map = map;
    store.shapes = new Map(map.symbols.filter((s) => s.strokes).map((s) => [s.name, s.strokes]));
    store.dispatchEvent(new Event('map'));
  }).finally(() => { if (loading?.done === done) loading = null; });
  loading = { version, done };
  return done;
}
