// A list of fonts; the server draws a text in each.

import { blob } from '../api.js';
import { h, percent } from '../dom.js';

/** Maximum number of cached drawings. */
const MAX_DRAWINGS = 200;

/** A cache of drawings of one text; each is fetched once. */
export function createDrawings() {
  let text = '';
  /** @type {Map<string, Promise<string>>} */
  let cache = new Map();

  function clear() {
    for (const url of cache.values()) url.then(URL.revokeObjectURL, () => {});
    cache = new Map();
  }

  return {
    text: () => text,
    /** Sets the text; '' draws each font's name. @param {string} value */
    write(value) {
      text = value;
      clear();
    },
    /** @param {string} name of a font @returns {Promise<string>} the drawing's URL */
    of(name) {
      if (cache.size >= MAX_DRAWINGS) clear();
      if (!cache.has(name)) {
        const query = new URLSearchParams({ name, text });
        cache.set(name, blob(`api/fonts/drawing?${query}`).then(URL.createObjectURL));
      }
      return cache.get(name);
    },
  };
}

/** One font of a list. */
function createSpecimen(drawings, name, share, drawable) {
  const image = h('img', { hidden: true });
  const message = h('span.small.soft', { hidden: drawable }, drawable ? '' : 'Not indexed here');
  const bar = h('span.bar', {}, h('span.bar-fill'));
  bar.style.setProperty('--share', Math.max(0.01, share).toFixed(3));
  const element = h('li.specimen', { 'data-symbol': name },
    h(drawable ? 'div.specimen-drawn' : 'div', {}, image, message),
    h('div.specimen-name', {}, h('span.row-name', { title: name }, name), bar, h('span.row-value', {}, percent(share))));

  async function draw() {
    if (!drawable) return;
    const text = drawings.text();
    try {
      const url = await drawings.of(name);
      // The text may have changed meanwhile; a later call draws the new one.
      if (text !== drawings.text()) return;
      // Two pixels of the drawing are one CSS pixel.
      image.srcset = `${url} 2x`;
      image.alt = `${text || name}, drawn in ${name}`;
      image.hidden = false;
      message.hidden = true;
    } catch (error) {
      if (text !== drawings.text()) return;
      image.hidden = true;
      message.textContent = error.message;
      message.hidden = false;
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
  let specimens = [];
  const heading = h('h2', {}, title);
  const note = h('p.small.soft');
  const list = h('ol.specimens', { 'data-testid': testid, 'aria-label': title });
  const element = h('section.specimens-box', {}, heading, note, list);
  return {
    element, heading, list,
    /**
     * @param {{symbol: string, probability: number}[]} fonts best first
     * @param {Set<string>} drawable names of the fonts that the server can draw
     * @param {string} about a sentence above the list
     */
    show(fonts, drawable, about) {
      note.textContent = about;
      specimens = fonts.map(({ symbol, probability }) => createSpecimen(drawings, symbol, probability, drawable.has(symbol)));
      list.replaceChildren(...specimens.map((specimen) => specimen.element));
    },
    /** Draws all fonts again, after the text has changed. */
    redraw: () => specimens.forEach((specimen) => specimen.draw()),
  };
}
