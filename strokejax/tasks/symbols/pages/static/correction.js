// The panel in which a typed symbol gets another name.

import { arrowKeys, button, field, h } from '../dom.js';
import { thumbnail } from '../ink.js';
import { store } from '../store.js';

const CANDIDATES = 6;

/**
 * @param {{correct: (item: any, name: string) => void, remove: (item: any) => void, closed: () => void}} options
 */
export function createCorrection({ correct, remove, closed }) {
  let chosen = null;
  let back = null;
  const drawn = h('div');
  const title = h('h2', { id: 'correction-title' });
  const candidates = h('div.candidates', { role: 'group', 'aria-label': 'Candidates' });
  const name = field({
    list: 'symbol-names', maxlength: 64, placeholder: 'Another name', 'aria-label': 'Another name, known or new',
  });
  const use = button('Use', () => {}, { kind: 'primary', type: 'submit' });
  const form = h('form.row', {}, name, use);
  const element = h('div', {
    class: 'correction card', role: 'dialog', 'aria-labelledby': 'correction-title', hidden: true,
  },
  h('div.correction-head', {}, drawn, title,
    button('Close', () => close(true), { icon: 'clear', only: true, kind: 'quiet' })),
  candidates, form,
  h('div.row.between', {},
    h('p.small.soft', {}, 'A new name makes a new symbol.'),
    button('Remove from the line', () => {
      const item = chosen;
      close(false);
      remove(item);
    }, { kind: 'quiet small' })));

  candidates.addEventListener('keydown', (event) => arrowKeys(event, [...candidates.children]));
  element.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    close(true);
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const wanted = name.value.trim();
    if (wanted) take(wanted);
    else name.focus();
  });

  function take(wanted) {
    const item = chosen;
    close(true);
    correct(item, wanted);
  }

  function close(focus) {
    if (element.hidden) return;
    element.hidden = true;
    if (focus) back?.focus();
    chosen = null;
    closed();
  }

  return {
    element,
    isOpen: () => !element.hidden,
    close: () => close(false),
    /** @param {any} item of the line @param {HTMLElement} near gets the focus back */
    open(item, near) {
      chosen = item;
      back = near;
      name.value = '';
      title.textContent = item.symbol === null ? 'What is this?' : `Not ${item.symbol}?`;
      drawn.replaceChildren(thumbnail(item.ink.strokes, 'Your drawing'));
      const others = item.candidates.filter((symbol) => symbol !== item.symbol).slice(0, CANDIDATES);
      candidates.replaceChildren(...others.map((symbol) =>
        h('button', { type: 'button', class: 'candidate', 'data-symbol': symbol, onclick: () => take(symbol) },
          store.shapes.has(symbol) ? thumbnail(store.shapes.get(symbol)) : null,
          h('span', {}, symbol))));
      element.hidden = false;
      (candidates.firstElementChild ?? name).focus();
    },
  };
}
