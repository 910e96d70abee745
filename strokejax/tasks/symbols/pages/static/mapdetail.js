// What the map tells of one symbol.

import { h } from '../dom.js';
import { thumbnail } from '../ink.js';
import { store } from '../store.js';
import { drawings, percent } from '../words.js';

/** @param {{go: (name: string) => void}} options */
export function createDetail({ go }) {
  const element = h('div.detail', { 'data-testid': 'map-detail', 'aria-live': 'polite' });

  const rows = (entries, share, text) => h('ul', { class: entries.some(({ name }) => name.length > 2) ? 'wide' : null }, entries.map((entry) =>
    h('li', {}, h('button', { type: 'button', class: 'data-row', onclick: () => go(entry.name) },
      thumbnail(store.shapes.get(entry.name)), h('span.row-name', {}, entry.name),
      bar(share(entry)), h('span.row-value', {}, text(entry))))));

  function bar(share) {
    const element = h('span.bar', { 'aria-hidden': 'true' }, h('span.bar-fill'));
    element.style.setProperty('--share', Math.max(0, Math.min(1, share)).toFixed(3));
    return element;
  }

  return {
    element,
    /** @param {any|null} symbol of GET /map, or none */
    show(symbol) {
      if (!symbol) {
        element.replaceChildren(h('p.soft', {},
          'Each symbol is where the model sees it: what looks alike is near. Point at one, or choose it with the arrow keys.'));
        return;
      }
      const confused = symbol.confusions.filter((c) => c.rate > 0);
      const samples = store.symbols.get(symbol.name)?.samples ?? 0;
      const origin = symbol.origin === 'registered' ? 'Yours' : 'Built in';
      element.replaceChildren(
        h('div.detail-head', {}, thumbnail(symbol.strokes),
          h('div', {}, h(symbol.name.length > 12 ? 'h2' : 'h2.short', {}, symbol.name),
            h('p.small.soft', {}, samples ? `${origin} · ${drawings(samples)}` : origin))),
        h('h3', {}, 'Nearest'),
        rows(symbol.neighbours, (n) => n.cosine, (n) => n.cosine.toFixed(2)),
        h('h3', {}, 'Taken for'),
        confused.length ? rows(confused, (c) => c.rate, (c) => percent(c.rate))
          : h('p.small.soft', {}, 'Hardly ever something else.'));
    },
  };
}
