// The line: the symbols written so far; each can be corrected.

import { textOf } from './store.js';
import { arrowKeys, button, copyText, h } from '../dom.js';

/**
 * @typedef {{id: number, epoch: number, ink: any, candidates: string[], symbol: string|null,
 *   element?: HTMLElement}} Item a written symbol; null for an unknown one, which types nothing
 */

/** @param {{choose: (item: Item, button: HTMLElement) => void, changed: () => void}} options */
export function createLine({ choose, changed }) {
  /** @type {Item[]} */
  let items = [];
  const ghost = h('span.ghost', { 'aria-hidden': 'true' });
  const text = h('div', {
    class: 'line-text', role: 'group', 'aria-label': 'Written symbols; choose one to correct it',
    'data-testid': 'draw-line',
  });
  const scroller = h('div.line-scroll', {}, text, ghost, h('span.caret', { 'aria-hidden': 'true' }));
  const copied = h('span.hidden', { 'aria-live': 'polite' });
  const tools = [
    button('Delete the last symbol', backspace, { icon: 'backspace', only: true }),
    button('Copy the line', copy, { icon: 'copy', only: true }),
    button('Clear the line', clear, { icon: 'clear', only: true }),
  ];
  const element = h('div.line.card', {}, scroller, h('div.line-tools', {}, tools), copied);

  text.addEventListener('keydown', (event) => {
    arrowKeys(event, items.map((item) => item.element));
    if (event.key === 'Backspace' || event.key === 'Delete') {
      const item = items.find(({ element: focused }) => focused === document.activeElement);
      if (item) remove(item);
    }
  });
  text.addEventListener('focusin', (event) => setTabStop(event.target));

  /** The Tab key stops at one item only; the arrow keys move to the others. */
  function setTabStop(target) {
    for (const item of items) item.element.tabIndex = item.element === target ? 0 : -1;
  }

  const typedBy = ({ symbol }) => (symbol === null ? '' : textOf(symbol));

  function label(item) {
    const typed = typedBy(item);
    item.element.textContent = typed;
    item.element.classList.toggle('unknown', item.symbol === null);
    item.element.classList.toggle('blank', Boolean(typed) && !typed.trim());
    item.element.setAttribute('aria-label', `${item.symbol ?? 'unknown'}, correct it`);
  }

  function settle() {
    element.classList.toggle('filled', items.length > 0);
    for (const tool of tools) tool.disabled = !items.length;
    changed();
  }

  const deselect = () => text.querySelector('.chosen')?.classList.remove('chosen');

  function add(item) {
    item.element = h('button', { type: 'button', class: 'typed', tabindex: -1, onclick: () => {
      deselect();
      choose(item, item.element);
      item.element.classList.add('chosen');
    } });
    label(item);
    items.push(item);
    text.append(item.element);
    setTabStop(item.element);
    settle();
    scroller.scrollLeft = scroller.scrollWidth;
  }

  function remove(item) {
    const index = items.indexOf(item);
    const focused = document.activeElement === item.element || !document.activeElement?.closest('.pad');
    items = items.filter((other) => other !== item);
    item.element.remove();
    const next = items[Math.min(index, items.length - 1)];
    if (next) setTabStop(next.element);
    if (next && focused) next.element.focus();
    settle();
  }

  function backspace() {
    const last = items.pop();
    if (!last) return;
    last.element.remove();
    if (items.length) setTabStop(items.at(-1).element);
    settle();
  }

  function clear() {
    items = [];
    text.replaceChildren();
    settle();
  }

  async function copy() {
    copied.textContent = await copyText(items.map(typedBy).join(''), text);
    element.classList.toggle('copied', copied.textContent === 'Copied');
    setTimeout(() => element.classList.remove('copied'), 1200);
  }

  settle();
  return {
    element, add, remove, backspace, deselect,
    /** @param {Item} item @param {string|null} symbol */
    change(item, symbol) {
      item.symbol = symbol;
      if (items.includes(item)) label(item);
    },
    /** Shows the text of the unfinished symbol. @param {string} typed */
    preview(typed) {
      if (typed) ghost.dataset.text = typed;
      else delete ghost.dataset.text;
      scroller.scrollLeft = scroller.scrollWidth;
    },
    /** Types all symbols again, after their texts have changed. */
    retype: () => items.forEach(label),
  };
}
