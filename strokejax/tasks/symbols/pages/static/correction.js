// The panel that corrects a symbol of the line.

import { store } from './store.js';
import { arrowKeys, button, field, h } from '../dom.js';
import { thumbnail } from '../ink.js';

const MAX_CANDIDATES = 6;

/** @param {{correct: (item: any, name: string) => void, remove: (item: any) => void, closed: () => void}} options */
export function createCorrection({ correct, remove, closed }) {
  let item = null;
  /** The button of the item; it gets the focus back. */
  let origin = null;
  const picture = h('div');
  const title = h('h2', { id: 'correction-title' });
  const candidates = h('div.candidates', { role: 'group', 'aria-label': 'Candidates' });
  const name = field({
    list: 'symbol-names', maxlength: 64, placeholder: 'Another name', 'aria-label': 'Another name, known or new',
  });
  const form = h('form.row', {}, name, button('Correct', () => {}, { kind: 'primary', type: 'submit' }));
  const element = h('div', {
    class: 'correction card', role: 'dialog', 'aria-labelledby': 'correction-title', hidden: true,
  },
  h('div.correction-head', {}, picture, title,
    button('Close', () => close(true), { icon: 'clear', only: true, kind: 'quiet' })),
  candidates, form,
  h('div.row.between', {},
    h('p.small.soft', {}, 'A new name creates a new symbol.'),
    button('Remove from the line', () => finish(remove, false), { kind: 'quiet small' })));

  candidates.addEventListener('keydown', (event) => arrowKeys(event, [...candidates.children]));
  element.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    close(true);
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const value = name.value.trim();
    if (value) choose(value);
    else name.focus();
  });

  /** Closes the panel, and then does something with its item. */
  function finish(action, focus) {
    const closing = item;
    close(focus);
    action(closing);
  }

  const choose = (symbol) => finish((closing) => correct(closing, symbol), true);

  function close(focus) {
    if (element.hidden) return;
    element.hidden = true;
    if (focus) origin?.focus();
    item = null;
    closed();
  }

  return {
    element,
    isOpen: () => !element.hidden,
    close: () => close(false),
    /** @param {any} opened an item of the line @param {HTMLElement} near its button */
    open(opened, near) {
      item = opened;
      origin = near;
      name.value = '';
      title.textContent = item.symbol === null ? 'Name this symbol' : `Correct ${item.symbol}`;
      picture.replaceChildren(thumbnail(item.ink.strokes, 'Your drawing'));
      const others = item.candidates.filter((symbol) => symbol !== item.symbol).slice(0, MAX_CANDIDATES);
      candidates.replaceChildren(...others.map((symbol) =>
        h('button', { type: 'button', class: 'candidate', 'data-symbol': symbol, onclick: () => choose(symbol) },
          store.shapes.has(symbol) ? thumbnail(store.shapes.get(symbol)) : null,
          h('span', {}, symbol))));
      element.hidden = false;
      (candidates.firstElementChild ?? name).focus();
    },
  };
}
