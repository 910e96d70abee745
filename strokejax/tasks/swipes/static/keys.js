// Keys: a keyboard that a finger swipes over, taps, or walks through with Tab.

import { h } from '../dom.js';
import { drawStroke } from '../ink.js';

const WIDTH = 5;
/** A way shorter than this share of a key is a tap. */
const TAP = 0.4;

/**
 * @typedef {{keys: {letter: string, x: number, y: number}[], width: number, height: number,
 *   pitch: [number, number]}} Layout in pixels of its own
 * @typedef {{x: number[], y: number[], t: number[]}} Curve in these pixels and milliseconds
 * @param {{swiped: (curve: Curve) => void, tapped: (letter: string) => void}} options
 */
export function createKeys({ swiped, tapped }) {
  const canvas = h('canvas', { 'aria-hidden': 'true' });
  const element = h('div.keys', {
    role: 'group', 'aria-label': 'Keyboard: swipe over the letters of a word, or tap them', 'data-testid': 'keyboard-keys',
  });
  /** @type {Layout|null} */
  let layout = null;
  let pointer = null;
  let corner = null;
  let points = [];
  let context = null;

  function prepare() {
    const ratio = devicePixelRatio || 1;
    [canvas.width, canvas.height] = [element.clientWidth, element.clientHeight].map((side) => Math.round(side * ratio));
    context = canvas.getContext('2d');
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.strokeStyle = context.fillStyle = getComputedStyle(canvas).color;
  }

  function add(event) {
    points.push({ x: event.clientX - corner.left, y: event.clientY - corner.top, t: event.timeStamp, width: WIDTH });
  }

  function curve() {
    const [across, down] = [layout.width / corner.width, layout.height / corner.height];
    const digits = (value) => Number(value.toFixed(1));
    return {
      x: points.map((point) => digits(point.x * across)),
      y: points.map((point) => digits(point.y * down)),
      t: points.map((point) => digits(point.t - points[0].t)),
    };
  }

  /** Key widths from the first point to the farthest one. */
  function reach({ x, y }) {
    const [right, low] = layout.pitch;
    return Math.max(...x.map((each, i) => Math.hypot((each - x[0]) / right, (y[i] - y[0]) / low)));
  }

  function nearest({ x, y }) {
    const away = (key) => Math.hypot((key.x - x[0]) / layout.pitch[0], (key.y - y[0]) / layout.pitch[1]);
    return layout.keys.reduce((best, key) => (away(key) < away(best) ? key : best)).letter;
  }

  element.addEventListener('pointerdown', (event) => {
    if (pointer !== null || event.button !== 0 || !layout) return;
    event.preventDefault();
    pointer = event.pointerId;
    element.setPointerCapture(pointer);
    corner = element.getBoundingClientRect();
    points = [];
    prepare();
    canvas.classList.remove('fading');
    add(event);
    drawStroke(context, points);
  });

  element.addEventListener('pointermove', (event) => {
    if (event.pointerId !== pointer) return;
    const from = points.length;
    const moves = event.getCoalescedEvents?.() ?? [];
    for (const move of moves.length ? moves : [event]) add(move);
    drawStroke(context, points, from, false);
  });

  element.addEventListener('pointerup', (event) => {
    if (event.pointerId !== pointer) return;
    pointer = null;
    add(event);
    drawStroke(context, points, points.length - 1);
    canvas.classList.add('fading');
    const made = curve();
    if (reach(made) < TAP) tapped(nearest(made));
    else swiped(made);
  });

  element.addEventListener('pointercancel', (event) => {
    if (event.pointerId !== pointer) return;
    pointer = null;
    canvas.classList.add('fading');
  });

  function key({ letter, x, y }) {
    const [width, height] = layout.pitch;
    const cap = h('button.keycap', {
      type: 'button', 'data-key': letter,
      // A pointer's click is a tap that was told already.
      onclick: (event) => { if (event.detail === 0) tapped(letter); },
    }, h('span', {}, letter));
    const share = (value, whole) => `${100 * value / whole}%`;
    Object.assign(cap.style, {
      left: share(x - width / 2, layout.width), top: share(y - height / 2, layout.height),
      width: share(width, layout.width), height: share(height, layout.height),
    });
    return cap;
  }

  return {
    element,
    /** @param {Layout|null} shown null takes no swipes */
    show(shown) {
      layout = shown;
      element.classList.toggle('closed', !shown);
      if (!shown) return;
      element.style.setProperty('--aspect', String(shown.width / shown.height));
      element.replaceChildren(...shown.keys.map(key), canvas);
    },
  };
}
