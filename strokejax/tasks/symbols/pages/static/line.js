// The typed line: what final answers type, each symbol open to correction.

import { arrowKeys, button, copyText, h } from '../dom.js';
import { textOf } from '../store.js';

/**
 * @typedef {{id: number, epoch: number, ink: any, unknown: boolean, candidates: string[],
 *   symbol: string|null, element?: HTMLElement}} Item symbol null types nothing
 */

/**
 * @param {{choose: (item: Item, near: HTMLElement) => void, changed: () => void}} options
 */
export function createLine({ choose, changed }) {
  let items = [];
  const ghost = h('span.ghost', { 'aria-hidden': 'true' });
  const text = h('div', {
    class: 'line-text', role: 'group', 'aria-label': 'What you wrote; choose a symbol to correct it',
    'data-testid': 'draw-line',
  });
  const caret = h('span.caret', { 'aria-hidden': 'true' });
  const scroller = h('div.line-scroll', {}, text, ghost, caret);
  const copied = h('span.hidden', { 'aria-live': 'polite' });
  const element = h('div.line.card', {}, scroller,
    h('div.line-tools', {},
      button('Delete the last symbol', () => backspace(), { icon: 'backspace', only: true }),
      button('Copy the line', copy, { icon: 'copy', only: true }),
      button('Clear the line', clear, { icon: 'clear', only: true })),
    copied);

  text.addEventListener('keydown', (event) => {
    arrowKeys(event, items.map((item) => item.element));
    if (event.key === 'Backspace' || event.key === 'Delete') {
      const item = items.find((each) => each.element === document.activeElement);
      if (item) remove(item);
    }
  });
  text.addEventListener('focusin', (event) => rove(event.target));

  function rove(target) {
    for (const item of items) item.element.tabIndex = item.element === target ? 0 : -1;
  }

  function label(item) {
    const typed = item.symbol === null ? '' : textOf(item.symbol);
    item.element.textContent = typed;
    item.element.classList.toggle('unknown', item.symbol === null);
    item.element.classList.toggle('blank', Boolean(typed) && !typed.trim());
    item.element.setAttribute('aria-label', item.symbol === null ? 'unknown, correct it' : `${item.symbol}, correct it`);
  }

  function settle() {
    element.classList.toggle('filled', items.length > 0);
    for (const tool of element.querySelectorAll('.line-tools button')) tool.disabled = !items.length;
    changed();
  }

  function add(item) {
    item.element = h('button', { type: 'button', class: 'typed', tabindex: -1, onclick: () => {
      text.querySelector('.chosen')?.classList.remove('chosen');
      choose(item, item.element);
      item.element.classList.add('chosen');
    } });
    label(item);
    items.push(item);
    text.append(item.element);
    rove(item.element);
    settle();
    scroller.scrollLeft = scroller.scrollWidth;
  }

  function remove(item) {
    const at = items.indexOf(item);
    const focused = document.activeElement === item.element || !document.activeElement?.closest('.pad');
    items = items.filter((each) => each !== item);
    item.element.remove();
    const next = items[Math.min(at, items.length - 1)];
    if (next) rove(next.element);
    if (next && focused) next.element.focus();
    settle();
  }

  function backspace() {
    const last = items.pop();
    if (!last) return;
    last.element.remove();
    if (items.length) rove(items.at(-1).element);
    settle();
  }

  function clear() {
    items = [];
    text.replaceChildren();
    settle();
  }

  async function copy() {
    const typed = items.map((item) => (item.symbol === null ? '' : textOf(item.symbol))).join('');
    copied.textContent = await copyText(typed, text);
    element.classList.toggle('copied', copied.textContent === 'Copied');
    setTimeout(() => element.classList.remove('copied'), 1200);
  }

  settle();
  return {
    element, add, remove, backspace,
    /** @param {Item} item @param {string|null} symbol */
    change(item, symbol) {
      item.symbol = symbol;
      if (items.includes(item)) label(item);
    },
    /** What the symbol being drawn would type now. @param {string} typed */
    ghost(typed) {
      if (typed) ghost.dataset.text = typed;
      else delete ghost.dataset.text;
      scroller.scrollLeft = scroller.scrollWidth;
    },
    /** Types all symbols anew: a text may have changed. */
    retype: () => items.forEach(label),
    /** No symbol is being corrected any more. */
    rest: () => text.querySelector('.chosen')?.classList.remove('chosen'),
  };
}
