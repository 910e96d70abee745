// The pad: records strokes of a mouse, a pen or a finger.

import { button, h } from './dom.js';
import { drawStroke, prepareCanvas, widthAt } from './ink.js';

/** @typedef {import('./ink.js').Point} Point */

const dark = matchMedia('(prefers-color-scheme: dark)');

/**
 * A pad with a hint and, if it is `editable`, buttons that undo a stroke and clear the pad.
 * `events` receives {t, x, y, down}: t in seconds, x and y in CSS pixels, y down. `changed` is called
 * after each edit, and after each stroke before `ended`.
 * @param {{label: string, testid: string, hint: string, editable?: boolean,
 *   events?: (events: {t: number, x: number, y: number, down: boolean}[]) => void,
 *   started?: () => void, changed?: () => void, ended?: () => void}} options
 */
export function createPad({
  label, testid, hint, editable = false, events = () => {}, started = () => {}, changed = () => {}, ended = () => {},
}) {
  const canvas = h('canvas', { 'aria-hidden': 'true' });
  const element = h('div', {
    class: 'pad', tabindex: 0, role: 'application', 'aria-label': label, 'data-testid': testid,
  }, canvas);
  const tools = [
    button('Undo stroke', undo, { icon: 'undo', only: true, kind: 'quiet' }),
    button('Clear the pad', clear, { icon: 'clear', only: true, kind: 'quiet' }),
  ];
  for (const tool of tools) tool.disabled = true;
  const area = h('div.pad-area', {}, element, h('p.pad-hint', { 'aria-hidden': 'true' }, hint),
    editable ? h('div.pad-tools', {}, tools) : null);
  let strokes = [];
  /** The pointer that is drawing. */
  let pointer = null;
  let box = null;
  let context = null;

  function redraw() {
    if (!element.clientWidth) return;
    context = prepareCanvas(canvas, element);
    for (const stroke of strokes) drawStroke(context, stroke);
    element.classList.toggle('inked', strokes.length > 0);
  }

  /** Shows other strokes. @param {Point[][]} edited */
  function set(edited) {
    strokes = edited;
    redraw();
    settle();
  }

  function settle() {
    for (const tool of tools) tool.disabled = !strokes.length;
    changed();
  }

  function edit(edited) {
    if (pointer !== null) return;
    set(edited);
    element.focus({ preventScroll: true });
  }

  function undo() { edit(strokes.slice(0, -1)); }
  function clear() { edit([]); }

  function add(event, down) {
    const before = strokes.at(-1)?.at(-1);
    const point = {
      t: event.timeStamp / 1000, x: event.clientX - box.left, y: event.clientY - box.top,
      pressure: event.pointerType === 'pen' ? event.pressure : 0.5,
    };
    if (down) strokes.at(-1).push({ ...point, width: widthAt(before, point) });
    return { t: point.t, x: Number(point.x.toFixed(2)), y: Number(point.y.toFixed(2)), down };
  }

  element.addEventListener('pointerdown', (event) => {
    if (pointer !== null || event.button !== 0 || !element.clientWidth) return;
    event.preventDefault();
    // Hides the focus ring: only keyboard users need it.
    element.classList.add('pointed');
    element.focus({ preventScroll: true });
    if (!context) redraw();
    pointer = event.pointerId;
    element.setPointerCapture(pointer);
    box = canvas.getBoundingClientRect();
    started();
    for (const ghost of element.querySelectorAll('.fading')) ghost.classList.add('hurried');
    strokes.push([]);
    element.classList.add('inked');
    const first = add(event, true);
    drawStroke(context, strokes.at(-1));
    events([first]);
  });

  element.addEventListener('blur', () => element.classList.remove('pointed'));

  element.addEventListener('pointermove', (event) => {
    if (event.pointerId !== pointer) return;
    const from = strokes.at(-1).length;
    const moves = event.getCoalescedEvents?.() ?? [];
    const added = (moves.length ? moves : [event]).map((move) => add(move, true));
    drawStroke(context, strokes.at(-1), from, false);
    events(added);
  });

  function end(event) {
    if (event.pointerId !== pointer) return;
    pointer = null;
    drawStroke(context, strokes.at(-1), strokes.at(-1).length - 1);
    events([add(event, false)]);
    settle();
    ended();
  }
  element.addEventListener('pointerup', end);
  element.addEventListener('pointercancel', end);

  new ResizeObserver(redraw).observe(element);
  dark.addEventListener('change', redraw);

  return {
    element, area, undo, clear,
    /** Whether the pen is down. */
    busy: () => pointer !== null,
    /** All strokes on the pad; the last one may be unfinished. */
    strokes: () => strokes,
    /** The finished strokes. */
    finished: () => (pointer === null ? strokes : strokes.slice(0, -1)),
    /** Puts retired strokes back. @param {Point[][]} old */
    restore: (old) => set([...old, ...strokes]),
    /** Removes strokes; they fade away. @param {Point[][]} old */
    retire(old) {
      const ghost = h(pointer === null ? 'canvas.fading' : 'canvas.fading.hurried', { 'aria-hidden': 'true' });
      const faded = prepareCanvas(ghost, element);
      for (const stroke of old) drawStroke(faded, stroke);
      ghost.addEventListener('animationend', () => ghost.remove());
      element.append(ghost);
      set(strokes.filter((stroke) => !old.includes(stroke)));
    },
  };
}
