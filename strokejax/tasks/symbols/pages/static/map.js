// Map: where the model has each symbol, what is near and what is confused.

import { button, field, h, say, svg } from '../dom.js';
import { pathOf } from '../ink.js';
import { createDetail } from './mapdetail.js';
import { spread, towards } from './spread.js';
import { refreshMap, store } from '../store.js';
import { createZoom } from './zoom.js';

const MARK = 30;
const MARGIN = 34;
/** Below the marks: the buttons. */
const FOOT = 36;
/** Narrower pictures have smaller marks. */
const NARROW = 600;

/** @param {HTMLElement} page */
export function createMap(page) {
  let symbols = [];
  let places = [];
  let marks = [];
  let chosen = -1;
  let pinned = -1;

  const lines = svg('g.map-lines');
  const layer = svg('g');
  const picture = svg('svg.map-picture', { role: 'group', 'aria-label': 'Map of symbols; arrow keys go to the next in a direction', 'data-testid': 'map-svg' }, lines, layer);
  const zoom = createZoom(picture, place);
  const note = h('p.note', { role: 'alert', hidden: true });
  const detail = createDetail({ go: (name) => focus(symbols.findIndex((s) => s.name === name)) });
  const search = field({ type: 'search', placeholder: 'Find a symbol', 'aria-label': 'Find a symbol', list: 'symbol-names', oninput: find,
    onkeydown: (event) => { if (event.key === 'Enter' && chosen >= 0) focus(chosen); } });
  page.append(
    h('h1.hidden', {}, 'Map'),
    h('div.map-main.card', {}, picture, note,
      h('div.map-tools', { role: 'group', 'aria-label': 'Zoom' },
        button('Zoom in', () => zoom.by(1.5), { icon: 'plus', only: true }),
        button('Zoom out', () => zoom.by(1 / 1.5), { icon: 'minus', only: true }),
        button('Show all', () => zoom.reset(), { icon: 'reset', only: true })),
      h('p.map-key.small.soft', {},
        h('span.key', {}, 'built in'), h('span.key.own', {}, 'yours'))),
    h('aside.map-side.card', { 'aria-label': 'About a symbol' }, search, detail.element));

  function mark(symbol, i) {
    const drawn = symbol.strokes
      ? svg('path', { d: pathOf(symbol.strokes, MARK, 3), transform: `translate(${-MARK / 2} ${-MARK / 2})` })
      : svg('text', { 'text-anchor': 'middle', dy: '0.35em' }, symbol.name.slice(0, 8));
    const element = svg('g', {
      class: `mark ${symbol.origin}`, tabindex: i ? -1 : 0, role: 'img', 'data-symbol': symbol.name,
      'aria-label': `${symbol.name}, near ${symbol.neighbours.slice(0, 3).map((n) => n.name).join(', ')}`,
      onpointerenter: (event) => { if (event.pointerType !== 'touch') choose(i); },
      onfocus: () => { pinned = i; choose(i); zoom.reveal(places[i]); },
      onclick: () => focus(i),
    }, svg('circle', { r: MARK / 2 + 3 }), drawn);
    return element;
  }

  function draw() {
    if (!picture.clientWidth || !store.map) return;
    const kept = symbols[pinned]?.name;
    const had = layer.contains(document.activeElement);
    symbols = store.map.symbols;
    const [width, height] = [picture.clientWidth, picture.clientHeight];
    const raw = symbols.map(({ x, y }) => ({
      x: MARGIN + x * (width - 2 * MARGIN), y: MARGIN + y * (height - 2 * MARGIN - FOOT),
    }));
    // At most two thirds of the area is covered, whatever the number of symbols.
    const gap = Math.min((MARK + 8) * small(), Math.sqrt(0.66 * width * height / Math.max(1, symbols.length)));
    places = spread(raw, gap).map(({ x, y }) => ({
      x: Math.min(width - MARK / 2 - 4, Math.max(MARK / 2 + 4, x)), y: Math.min(height - MARK / 2 - FOOT, Math.max(MARK / 2 + 4, y)),
    }));
    marks = symbols.map(mark);
    layer.replaceChildren(...marks);
    chosen = pinned = -1;
    place(zoom.view);
    const at = symbols.findIndex((s) => s.name === kept);
    if (at >= 0) {
      pinned = at;
      choose(at);
      if (had) focus(at);
    } else detail.show(null);
  }

  const small = () => (picture.clientWidth < NARROW ? 0.72 : 1);
  const at = (i) => ({ x: zoom.view.x + zoom.view.scale * places[i].x, y: zoom.view.y + zoom.view.scale * places[i].y });

  function place({ scale }) {
    const grow = small() * Math.min(2.2, scale ** 0.5);
    marks.forEach((element, i) => {
      const { x, y } = at(i);
      element.setAttribute('transform', `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${grow.toFixed(2)})`);
    });
    link();
  }

  function link() {
    lines.replaceChildren();
    picture.classList.toggle('choosing', chosen >= 0);
    const near = new Map((symbols[chosen]?.neighbours ?? []).map((n) => [n.name, n.cosine]));
    marks.forEach((element, i) => {
      const cosine = near.get(symbols[i].name);
      element.classList.toggle('chosen', i === chosen);
      element.classList.toggle('near', cosine !== undefined);
      if (cosine === undefined || i === chosen) return;
      const [a, b] = [at(chosen), at(i)];
      lines.append(svg('line', { x1: a.x, y1: a.y, x2: b.x, y2: b.y, 'stroke-opacity': Math.max(0.25, cosine).toFixed(2) }));
    });
  }

  function choose(i) {
    if (i === chosen) return;
    chosen = i;
    link();
    detail.show(symbols[i] ?? null);
  }

  function focus(i) {
    if (i < 0) return;
    marks.forEach((element, j) => element.setAttribute('tabindex', j === i ? '0' : '-1'));
    marks[i].focus();
  }

  function find() {
    const wanted = search.value.trim();
    const tests = [(n) => n === wanted, (n) => n.toLowerCase() === wanted.toLowerCase(), (n) => n.toLowerCase().startsWith(wanted.toLowerCase())];
    const found = wanted ? tests.map((test) => symbols.findIndex((s) => test(s.name))).find((i) => i >= 0) ?? -1 : -1;
    pinned = found;
    choose(found);
    if (found >= 0) zoom.reveal(places[found]);
  }

  picture.addEventListener('pointerleave', () => choose(pinned));
  picture.addEventListener('keydown', (event) => {
    const from = marks.indexOf(document.activeElement);
    if (event.key === '+' || event.key === '=') zoom.by(1.5);
    else if (event.key === '-') zoom.by(1 / 1.5);
    else if (event.key === '0') zoom.reset();
    else if (event.key === 'Escape') { pinned = -1; choose(-1); } else if (event.key.startsWith('Arrow') && from >= 0) {
      event.preventDefault();
      focus(towards(places, from, event.key));
    }
  });
  store.addEventListener('map', () => { if (!page.hidden) draw(); });
  new ResizeObserver(draw).observe(picture);

  return {
    async shown() {
      try {
        await refreshMap();
        say(note, '');
      } catch (error) {
        say(note, error.message);
      }
      if (store.map && store.map.symbols !== symbols) draw();
    },
  };
}
