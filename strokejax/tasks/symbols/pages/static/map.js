// Map: all symbols, similar ones near each other, with their confusions.

import './live.js'; // keeps the store up to date
import { spread, towards } from './spread.js';
import { refreshMap, store } from './store.js';
import { createZoom } from './zoom.js';
import { button, count, field, h, percent, showText, svg } from '../dom.js';
import { pathOf, thumbnail } from '../ink.js';

/** Side of a mark, and space around all marks, in CSS pixels. */
const MARK = 30;
const MARGIN = 34;
/** Height of the buttons below the marks. */
const FOOT = 36;
/** Narrower pictures have smaller marks. */
const NARROW = 600;

/** The details of a symbol. @param {{go: (name: string) => void}} options */
function createDetail({ go }) {
  const element = h('div.detail', { 'data-testid': 'map-detail', 'aria-live': 'polite' });

  /** A list of symbols with a bar and a value each. @param {any[]} entries */
  const rows = (entries, share, text) => h('ul', { class: entries.some(({ name }) => name.length > 2) ? 'wide' : null }, entries.map((entry) =>
    h('li', {}, h('button', { type: 'button', class: 'data-row', onclick: () => go(entry.name) },
      thumbnail(store.shapes.get(entry.name)), h('span.row-name', {}, entry.name),
      bar(share(entry)), h('span.row-value', {}, text(entry))))));

  function bar(share) {
    const outer = h('span.bar', { 'aria-hidden': 'true' }, h('span.bar-fill'));
    outer.style.setProperty('--share', Math.max(0, Math.min(1, share)).toFixed(3));
    return outer;
  }

  return {
    element,
    /** @param {any|null} symbol of GET /map */
    show(symbol) {
      if (!symbol) {
        element.replaceChildren(h('p.soft', {},
          'Symbols that look alike to the model are near each other. Point at a symbol, or move with the arrow keys.'));
        return;
      }
      const confusions = symbol.confusions.filter(({ rate }) => rate > 0);
      const samples = store.symbols.get(symbol.name)?.samples ?? 0;
      const origin = symbol.origin === 'registered' ? 'Yours' : 'Built in';
      element.replaceChildren(
        h('div.detail-head', {}, thumbnail(symbol.strokes),
          h('div', {}, h(symbol.name.length > 12 ? 'h2' : 'h2.short', {}, symbol.name),
            h('p.small.soft', {}, samples ? `${origin} · ${count(samples, 'drawing')}` : origin))),
        h('h3', {}, 'Nearest symbols'),
        rows(symbol.neighbours, ({ cosine }) => cosine, ({ cosine }) => cosine.toFixed(2)),
        h('h3', {}, 'Confused with'),
        confusions.length ? rows(confusions, ({ rate }) => rate, ({ rate }) => percent(rate))
          : h('p.small.soft', {}, 'No other symbol.'));
    },
  };
}

/** @param {HTMLElement} page */
export function create(page) {
  let symbols = [];
  let places = [];
  let marks = [];
  /** Index of the symbol whose detail is shown; `pinned` is shown while the pointer is elsewhere. */
  let chosen = -1;
  let pinned = -1;

  const lines = svg('g.map-lines');
  const layer = svg('g');
  const picture = svg('svg.map-picture', { role: 'group', 'aria-label': 'Map of symbols; an arrow key moves to the nearest symbol in its direction', 'data-testid': 'map-svg' }, lines, layer);
  const zoom = createZoom(picture, place);
  const note = h('p.note', { role: 'alert', hidden: true });
  const detail = createDetail({ go: (name) => focus(indexOf(name)) });
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

  const indexOf = (name) => symbols.findIndex((symbol) => symbol.name === name);

  function createMark(symbol, i) {
    const shape = symbol.strokes
      ? svg('path', { d: pathOf(symbol.strokes, MARK, 3), transform: `translate(${-MARK / 2} ${-MARK / 2})` })
      : svg('text', { 'text-anchor': 'middle', dy: '0.35em' }, symbol.name.slice(0, 8));
    return svg('g', {
      class: `mark ${symbol.origin}`, tabindex: i ? -1 : 0, role: 'img', 'data-symbol': symbol.name,
      'aria-label': `${symbol.name}, near ${symbol.neighbours.slice(0, 3).map((n) => n.name).join(', ')}`,
      onpointerenter: (event) => { if (event.pointerType !== 'touch') choose(i); },
      onfocus: () => { pin(i); zoom.reveal(places[i]); },
      onclick: () => focus(i),
    }, svg('circle', { r: MARK / 2 + 3 }), shape);
  }

  function draw() {
    if (!picture.clientWidth || !store.map) return;
    const before = symbols[pinned]?.name;
    const focused = layer.contains(document.activeElement);
    symbols = store.map.symbols;
    const [width, height] = [picture.clientWidth, picture.clientHeight];
    const raw = symbols.map(({ x, y }) => ({
      x: MARGIN + x * (width - 2 * MARGIN), y: MARGIN + y * (height - 2 * MARGIN - FOOT),
    }));
    // The marks cover at most two thirds of the area, however many they are.
    const gap = Math.min((MARK + 8) * markScale(), Math.sqrt(0.66 * width * height / Math.max(1, symbols.length)));
    places = spread(raw, gap).map(({ x, y }) => ({
      x: Math.min(width - MARK / 2 - 4, Math.max(MARK / 2 + 4, x)), y: Math.min(height - MARK / 2 - FOOT, Math.max(MARK / 2 + 4, y)),
    }));
    marks = symbols.map(createMark);
    layer.replaceChildren(...marks);
    chosen = pinned = -1;
    place(zoom.view);
    const index = indexOf(before);
    if (index >= 0) {
      pin(index);
      if (focused) focus(index);
    } else detail.show(null);
  }

  const markScale = () => (picture.clientWidth < NARROW ? 0.72 : 1);
  const zoomed = (i) => ({ x: zoom.view.x + zoom.view.scale * places[i].x, y: zoom.view.y + zoom.view.scale * places[i].y });

  function place({ scale }) {
    const size = markScale() * Math.min(2.2, scale ** 0.5);
    marks.forEach((mark, i) => {
      const { x, y } = zoomed(i);
      mark.setAttribute('transform', `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${size.toFixed(2)})`);
    });
    link();
  }

  /** Draws lines from the chosen symbol to its nearest ones. */
  function link() {
    lines.replaceChildren();
    picture.classList.toggle('choosing', chosen >= 0);
    const cosines = new Map((symbols[chosen]?.neighbours ?? []).map((n) => [n.name, n.cosine]));
    marks.forEach((mark, i) => {
      const cosine = cosines.get(symbols[i].name);
      mark.classList.toggle('chosen', i === chosen);
      mark.classList.toggle('near', cosine !== undefined);
      if (cosine === undefined || i === chosen) return;
      const [a, b] = [zoomed(chosen), zoomed(i)];
      lines.append(svg('line', { x1: a.x, y1: a.y, x2: b.x, y2: b.y, 'stroke-opacity': Math.max(0.25, cosine).toFixed(2) }));
    });
  }

  function choose(i) {
    if (i === chosen) return;
    chosen = i;
    link();
    detail.show(symbols[i] ?? null);
  }

  function pin(i) {
    pinned = i;
    choose(i);
  }

  function focus(i) {
    if (i < 0) return;
    marks.forEach((mark, j) => mark.setAttribute('tabindex', j === i ? '0' : '-1'));
    marks[i].focus();
  }

  /** Chooses the symbol of that name, or else the first one whose name starts with the text. */
  function find() {
    const text = search.value.trim();
    const lower = text.toLowerCase();
    const tests = [(n) => n === text, (n) => n.toLowerCase() === lower, (n) => n.toLowerCase().startsWith(lower)];
    const matches = text ? tests.map((test) => symbols.findIndex((s) => test(s.name))) : [];
    const match = matches.find((i) => i >= 0) ?? -1;
    pin(match);
    if (match >= 0) zoom.reveal(places[match]);
  }

  picture.addEventListener('pointerleave', () => choose(pinned));
  picture.addEventListener('keydown', (event) => {
    const from = marks.indexOf(document.activeElement);
    if (event.key === '+' || event.key === '=') zoom.by(1.5);
    else if (event.key === '-') zoom.by(1 / 1.5);
    else if (event.key === '0') zoom.reset();
    else if (event.key === 'Escape') pin(-1);
    else if (event.key.startsWith('Arrow') && from >= 0) {
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
        showText(note, '');
      } catch (error) {
        showText(note, error.message);
      }
      if (store.map && store.map.symbols !== symbols) draw();
    },
  };
}
