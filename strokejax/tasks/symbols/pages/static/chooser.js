// The choice of symbols to collect, and of the number of drawings of each.

import { store } from './store.js';
import { field, h } from '../dom.js';

const KEY = 'strokejax.collect';
const SETS = [
  ['a to z', (s) => /^[a-z]$/.test(s.name)],
  ['A to Z', (s) => /^[A-Z]$/.test(s.name)],
  ['0 to 9', (s) => /^[0-9]$/.test(s.name)],
  ['Yours', (s) => s.origin === 'registered'],
];

const validTarget = (value) => Math.max(1, Math.min(1000, Number(value) || 10));

/** The choice of the last visit; its target is stored as `wanted`. */
function storedChoice() {
  try {
    const { symbols, wanted } = JSON.parse(localStorage.getItem(KEY));
    return { symbols: symbols.map(String), target: validTarget(wanted) };
  } catch {
    return { symbols: [], target: 10 };
  }
}

/** @param {{changed: () => void}} options */
export function createChooser({ changed }) {
  let { symbols, target } = storedChoice();
  const list = field({ id: 'collect-list', placeholder: 'all symbols', value: symbols.join(', '), onchange: () => set(list.value.split(',')) });
  const number = h('input', { type: 'number', id: 'collect-target', min: 1, max: 1000, value: target, onchange: () => set(symbols) });
  const sets = h('div.row.sets', { role: 'group', 'aria-label': 'Sets of symbols' },
    SETS.map(([label, isIn]) => h('button', { type: 'button', class: 'button small', onclick: () => toggle(isIn) }, label)));
  const element = h('details.chooser', {},
    h('summary', {}, 'Choose symbols'),
    h('div.fields', {},
      h('div.field', {}, h('label', { for: 'collect-list' }, 'Symbols, separated by commas'), list, sets),
      h('div.field.narrow', {}, h('label', { for: 'collect-target' }, 'Drawings of each'), number)));

  /** Adds the symbols of a set, or removes them if all are chosen. */
  function toggle(isIn) {
    const names = [...store.symbols.values()].filter(isIn).map((s) => s.name);
    const all = names.length && names.every((name) => symbols.includes(name));
    set(all ? symbols.filter((name) => !names.includes(name)) : [...symbols, ...names]);
  }

  function set(names) {
    symbols = [...new Set(names.map((name) => name.trim()).filter(Boolean))];
    target = validTarget(number.value);
    list.value = symbols.join(', ');
    number.value = String(target);
    localStorage.setItem(KEY, JSON.stringify({ symbols, wanted: target }));
    changed();
  }

  return { element, choice: () => ({ symbols, target }) };
}
