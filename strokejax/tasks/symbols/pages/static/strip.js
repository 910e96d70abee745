// The drawings of a lesson as a strip of small pictures.

import { button, h } from '../dom.js';
import { thumbnail } from '../ink.js';

/**
 * @param {{most: number, remove: (index: number) => void}} options
 */
export function createStrip({ most, remove }) {
  const element = h('ol.strip', { 'aria-label': 'Drawings', 'data-testid': 'teach-drawings' });

  return {
    element,
    /** @param {any[]} drawings @param {Set<number>} odd indices of those that stand out */
    show(drawings, odd) {
      const filled = drawings.map((ink, i) =>
        h('li', { class: odd.has(i) ? 'slot full odd' : 'slot full' },
          thumbnail(ink.strokes, `Drawing ${i + 1}${odd.has(i) ? ', the odd one out' : ''}`),
          odd.has(i) ? h('span.slot-tag', {}, 'odd') : null,
          button(`Remove drawing ${i + 1}`, () => {
            remove(i);
            (element.querySelectorAll('button')[i] ?? element.querySelector('li:last-child button'))?.focus();
          }, { icon: 'clear', only: true, kind: 'slot-remove' })));
      const free = Array.from({ length: most - drawings.length }, (_, i) =>
        h('li', { class: i ? 'slot' : 'slot due', 'aria-hidden': 'true' }, String(drawings.length + i + 1)));
      element.replaceChildren(...filled, ...free);
    },
  };
}
