// The keys of a keyboard, for swipes, taps, and the Tab key.

import { h } from '../dom.js';
import { drawStroke, prepareCanvas } from '../ink.js';

/** Line width of a swipe, in CSS pixels. */
const WIDTH = 5;
/** A swipe that stays within this share of a key's pitch is a tap. */
const MAX_TAP = 0.4;

/**
 * @typedef {{keys: {letter: string, x: number, y: number}[], width: number, height: number,
 *   pitch: [number, number]}} Layout in its own pixels
 * @typedef {{x: number[], y: number[], t: number[]}} Curve in the layout's pixels and milliseconds
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
  let box = null;
  let points = [];
  let context = null;

  function add(event) {
    points.push({ x: event.clientX - box.left, y: event.clientY - box.top, t: event.timeStamp, width: WIDTH });
  }

  function curve() {
    const [scaleX, scaleY] = [layout.width / box.width, layout.height / box.height];
    const round = (value) => Number(value.toFixed(1));
    return {
      x: points.map((point) => round(point.x * scaleX)),
      y: points.map((point) => round(point.y * scaleY)),
      t: points.map((point) => round(point.t - points[0].t)),
    };
  }

  /** Distance from the first point to the farthest one, in keys. */
  function extent({ x, y }) {
    const [keyPitch, rowPitch] = layout.pitch;
    return Math.max(...x.map((_, i) => Math.hypot((x[i] - x[0]) / keyPitch, (y[i] - y[0]) / rowPitch)));
  }

  function nearest({ x, y }) {
    const distance = (key) => Math.hypot((key.x - x[0]) / layout.pitch[0], (key.y - y[0]) / layout.pitch[1]);
    return layout.keys.reduce((best, key) => (distance(key) < distance(best) ? key : best)).letter;
  }

  element.addEventListener('pointerdown', (event) => {
    if (pointer !== null || event.button !== 0 || !layout) return;
    event.preventDefault();
    pointer = event.pointerId;
    element.setPointerCapture(pointer);
    box = element.getBoundingClientRect();
    points = [];
    context = prepareCanvas(canvas, element, canvas);
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
    const swipe = curve();
    if (extent(swipe) < MAX_TAP) tapped(nearest(swipe));
    else swiped(swipe);
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
      // Clicks of a pointer (detail > 0) were handled as taps on pointerup.
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
    /** @param {Layout|null} newLayout null ignores swipes */
    show(newLayout) {
      layout = newLayout;
      element.classList.toggle('closed', !layout);
      if (!layout) return;
      element.style.setProperty('--aspect', String(layout.width / layout.height));
      element.replaceChildren(...layout.keys.map(key), canvas);
    },
  };
}
