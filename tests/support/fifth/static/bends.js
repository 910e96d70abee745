// Bends: draw a curve, and see which way it bends.

import { request } from '../api.js';
import { h } from '../dom.js';
import { createPad } from '../pad.js';

/** @param {HTMLElement} page */
export function create(page) {
  const answer = h('p', { role: 'status' }, 'Draw a curve.');
  const pad = createPad({ label: 'Pad to draw a curve on', testid: 'bends-pad', ended: read });
  page.append(h('div.pad-area', {}, pad.element), answer);

  async function read() {
    const strokes = pad.strokes();
    const points = strokes.flat().map(({ x, y }) => [x, y]);
    pad.retire(strokes);
    try {
      answer.textContent = (await request('POST', 'api/bends', { body: { points } })).bend;
    } catch (error) {
      answer.textContent = error.message;
    }
  }

  return {};
}
