// The paper: takes what a mouse, a pen or a finger draws.

import { h } from './dom.js';
import { drawStroke, toInk, widthAt } from './ink.js';

/** @typedef {import('./ink.js').Point} Point */

const dark = matchMedia('(prefers-color-scheme: dark)');

/**
 * A pad. `events` brings {t, x, y, down}: t in seconds, x and y in CSS pixels, y down.
 * @param {{label: string, testid: string,
 *   events?: (events: {t: number, x: number, y: number, down: boolean}[]) => void,
 *   started?: () => void, ended?: () => void}} options
 */
export function createPad({ label, testid, events = () => {}, started = () => {}, ended = () => {} }) {
  const canvas = h('canvas', { 'aria-hidden': 'true' });
  const element = h('div', {
    class: 'pad', tabindex: 0, role: 'application', 'aria-label': label, 'data-testid': testid,
  }, canvas);
  let strokes = [];
  let pointer = null;
  let corner = null;

  function prepare(target) {
    const ratio = devicePixelRatio || 1;
    const [width, height] = [element.clientWidth, element.clientHeight];
    target.width = Math.round(width * ratio);
    target.height = Math.round(height * ratio);
    const context = target.getContext('2d');
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.strokeStyle = context.fillStyle = getComputedStyle(element).color;
    return context;
  }

  let context = null;
  function redraw() {
    if (!element.clientWidth) return;
    context = prepare(canvas);
    for (const stroke of strokes) drawStroke(context, stroke);
    element.classList.toggle('inked', strokes.length > 0);
  }

  function add(event, down) {
    const before = strokes.at(-1)?.at(-1);
    const raw = {
      t: event.timeStamp / 1000, x: event.clientX - corner.left, y: event.clientY - corner.top,
      pressure: event.pointerType === 'pen' ? event.pressure : 0.5,
    };
    if (down) strokes.at(-1).push({ ...raw, width: widthAt(before, raw) });
    return { t: raw.t, x: Number(raw.x.toFixed(2)), y: Number(raw.y.toFixed(2)), down };
  }

  element.addEventListener('pointerdown', (event) => {
    if (pointer !== null || event.button !== 0 || !element.clientWidth) return;
    event.preventDefault();
    element.classList.add('pointed');
    element.focus({ preventScroll: true });
    if (!context) redraw();
    pointer = event.pointerId;
    element.setPointerCapture(pointer);
    corner = canvas.getBoundingClientRect();
    started();
    for (const ghost of element.querySelectorAll('.fading')) ghost.classList.add('hurried');
    strokes.push([]);
    element.classList.add('inked');
    const first = add(event, true);
    drawStroke(context, strokes.at(-1));
    events([first]);
  });

  // Who draws by hand needs no ring that says where the keyboard is.
  element.addEventListener('blur', () => element.classList.remove('pointed'));

  element.addEventListener('pointermove', (event) => {
    if (event.pointerId !== pointer) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    const from = strokes.at(-1).length;
    const made = (moves.length ? moves : [event]).map((move) => add(move, true));
    drawStroke(context, strokes.at(-1), from, false);
    events(made);
  });

  function end(event) {
    if (event.pointerId !== pointer) return;
    pointer = null;
    drawStroke(context, strokes.at(-1), strokes.at(-1).length - 1);
    events([add(event, false)]);
    ended();
  }
  element.addEventListener('pointerup', end);
  element.addEventListener('pointercancel', end);

  new ResizeObserver(redraw).observe(element);
  dark.addEventListener('change', redraw);

  return {
    element,
    /** Whether the pen is down. */
    busy: () => pointer !== null,
    /** All strokes on the pad, the one being drawn last. */
    strokes: () => strokes,
    /** Strokes that are whole. */
    whole: () => (pointer === null ? strokes : strokes.slice(0, -1)),
    ink: () => toInk(strokes),
    /** Takes the last stroke away; false where there is none. */
    undo() {
      if (pointer !== null || !strokes.length) return false;
      strokes = strokes.slice(0, -1);
      redraw();
      return true;
    },
    clear() {
      if (pointer !== null) return;
      strokes = [];
      redraw();
    },
    /** Puts strokes back that were taken from an empty pad. @param {Point[][]} old */
    restore(old) {
      strokes = [...old, ...strokes];
      redraw();
    },
    /** Lets whole strokes fade away. @param {Point[][]} old */
    retire(old) {
      const ghost = h(pointer === null ? 'canvas.fading' : 'canvas.fading.hurried', { 'aria-hidden': 'true' });
      const faded = prepare(ghost);
      for (const stroke of old) drawStroke(faded, stroke);
      ghost.addEventListener('animationend', () => ghost.remove());
      element.append(ghost);
      strokes = strokes.filter((stroke) => !old.includes(stroke));
      redraw();
    },
  };
}
