// Fonts of an answer, each drawn in itself by the server.

import { blob } from '../api.js';
import { h } from '../dom.js';
import { percent } from '../words.js';

/** Drawings that are held at once. */
const MOST = 200;

/** Drawings of one text, each fetched once. */
export function createDrawings() {
  let text = '';
  /** @type {Map<string, Promise<string>>} */
  let held = new Map();

  function forget() {
    for (const url of held.values()) url.then(URL.revokeObjectURL, () => {});
    held = new Map();
  }

  return {
    text: () => text,
    /** @param {string} value '' draws names */
    write(value) {
      text = value;
      forget();
    },
    /** @param {string} name of a font @returns {Promise<string>} the picture's address */
    of(name) {
      if (held.size >= MOST) forget();
      if (!held.has(name)) {
        const query = new URLSearchParams({ name, text });
        held.set(name, blob(`api/fonts/drawing?${query}`).then(URL.createObjectURL));
      }
      return held.get(name);
    },
  };
}

/** One font of a list. */
function createSpecimen(drawings, name, share, drawable) {
  const image = h('img', { hidden: true });
  const plain = h('span.small.soft', { hidden: drawable }, drawable ? '' : 'Not indexed here');
  const bar = h('span.bar', {}, h('span.bar-fill'));
  bar.style.setProperty('--share', Math.max(0.01, share).toFixed(3));
  const element = h('li.specimen', { 'data-symbol': name },
    h(drawable ? 'div.specimen-drawn' : 'div', {}, image, plain),
    h('div.specimen-said', {}, h('span.row-name', { title: name }, name), bar, h('span.row-value', {}, percent(share))));

  async function draw() {
    if (!drawable) return;
    const text = drawings.text();
    try {
      const url = await drawings.of(name);
      if (text !== drawings.text()) return;
      // Two pixels of the picture are one of the page.
      image.srcset = `${url} 2x`;
      image.alt = `${text || name}, drawn in ${name}`;
      image.hidden = false;
      plain.hidden = true;
    } catch (error) {
      if (text !== drawings.text()) return;
      image.hidden = true;
      plain.textContent = error.message;
      plain.hidden = false;
    }
  }

  draw();
  return { element, draw };
}

/**
 * A list of fonts with a title.
 * @param {ReturnType<typeof createDrawings>} drawings
 * @param {{title: string, testid: string}} options
 */
export function createSpecimens(drawings, { title, testid }) {
  let rows = [];
  const heading = h('h2', {}, title);
  const note = h('p.small.soft');
  const list = h('ol.specimens', { 'data-testid': testid, 'aria-label': title });
  const element = h('section.specimens-box', {}, heading, note, list);
  return {
    element, heading, list,
    /**
     * @param {{symbol: string, probability: number}[]} fonts best first
     * @param {Set<string>} drawable
     * @param {string} said of them
     */
    show(fonts, drawable, said) {
      note.textContent = said;
      rows = fonts.map((each) => createSpecimen(drawings, each.symbol, each.probability, drawable.has(each.symbol)));
      list.replaceChildren(...rows.map((row) => row.element));
    },
    /** Draws them anew, for another text. */
    redraw: () => rows.forEach((row) => row.draw()),
  };
}
