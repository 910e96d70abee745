// What all pages know: the model, its symbols and how each is drawn.

import { request } from './api.js';

/** @typedef {{name: string, samples: number, aliases: string[], origin: string, text: string}} Known */

export const store = Object.assign(new EventTarget(), {
  /** @type {{model?: string, version?: number}} */
  health: {},
  /** @type {Map<string, Known>} */
  symbols: new Map(),
  /** @type {Map<string, number[][][]>} strokes of a symbol, to show it small */
  shapes: new Map(),
  /** @type {any} the last answer of GET /map */
  map: null,
});

/** @param {string} name of an event that pages listen to */
export const tell = (name) => store.dispatchEvent(new Event(name));

/**
 * What a symbol types.
 * @param {string} name
 * @returns {string}
 */
export const textOf = (name) => store.symbols.get(name)?.text ?? (name === 'space' ? ' ' : name);

/** Reads version and symbols anew; pages hear 'symbols'. */
export async function refresh() {
  const { version, symbols } = await request('GET', 'symbols');
  store.health.version = version;
  store.symbols = new Map(symbols.map((symbol) => [symbol.name, symbol]));
  document.getElementById('symbol-names').replaceChildren(
    ...symbols.map(({ name }) => Object.assign(document.createElement('option'), { value: name })));
  tell('symbols');
  refreshMap().catch(() => {});
}

let reading = null;

/** Reads the map anew unless it is of this version; pages hear 'map'. */
export async function refreshMap() {
  const wanted = store.health.version;
  if (store.map?.version === wanted) return;
  if (reading?.wanted === wanted) return reading.done;
  const done = request('GET', 'map').then((map) => {
    store.map = map;
    store.shapes = new Map(map.symbols.filter((s) => s.strokes).map((s) => [s.name, s.strokes]));
    tell('map');
  }).finally(() => { if (reading?.done === done) reading = null; });
  reading = { wanted, done };
  return done;
}
