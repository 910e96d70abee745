// Which symbols to collect, and how many drawings of each.

import { field, h } from '../dom.js';
import { store } from '../store.js';

const KEY = 'strokejax.collect';
const SETS = [
  ['a to z', (s) => /^[a-z]$/.test(s.name)],
  ['A to Z', (s) => /^[A-Z]$/.test(s.name)],
  ['0 to 9', (s) => /^[0-9]$/.test(s.name)],
  ['Yours', (s) => s.origin === 'registered'],
];

function remembered() {
  try {
    const { symbols, wanted } = JSON.parse(localStorage.getItem(KEY));
    return { symbols: symbols.map(String), wanted: Math.max(1, Math.min(1000, Number(wanted) || 10)) };
  } catch {
    return { symbols: [], wanted: 10 };
  }
}

/**
 * @param {{changed: () => void}} options
 */
export function createChooser({ changed }) {
  let { symbols, wanted } = remembered();
  const list = field({ id: 'collect-list', placeholder: 'all symbols', value: symbols.join(', '), onchange: () => set(list.value.split(',')) });
  const number = h('input', { type: 'number', id: 'collect-target', min: 1, max: 1000, value: wanted, onchange: () => set(symbols) });
  const sets = h('div.row.sets', { role: 'group', 'aria-label': 'Sets of symbols' },
    SETS.map(([label, fits]) => h('button', { type: 'button', class: 'button small', onclick: () => {
      const names = [...store.symbols.values()].filter(fits).map((s) => s.name);
      const has = names.length && names.every((name) => symbols.includes(name));
      set(has ? symbols.filter((name) => !names.includes(name)) : [...symbols, ...names]);
    } }, label)));
  const element = h('details.chooser', {},
    h('summary', {}, 'Choose symbols'),
    h('div.fields', {},
      h('div.field', {}, h('label', { for: 'collect-list' }, 'Symbols, with commas between'), list, sets),
      h('div.field.narrow', {}, h('label', { for: 'collect-target' }, 'Drawings of each'), number)));

  function set(names) {
    symbols = [...new Set(names.map((name) => name.trim()).filter(Boolean))];
    wanted = Math.max(1, Math.min(1000, Number(number.value) || 10));
    list.value = symbols.join(', ');
    number.value = String(wanted);
    localStorage.setItem(KEY, JSON.stringify({ symbols, wanted }));
    changed();
  }

  return { element, value: () => ({ symbols, wanted }) };
}
