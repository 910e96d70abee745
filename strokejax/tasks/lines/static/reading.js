// What a line says: its picture with a box a character, the text, other characters.

import { arrowKeys, button, copyText, h } from '../dom.js';
import { percent } from '../words.js';

/**
 * @typedef {{char: string, confidence: number, x0: number, x1: number,
 *   others: {char: string, probability: number}[]}} Character
 */

/** CSS pixels from one box to the next, at least: a finger has to choose between them. */
const FINGER = 24;
/** CSS pixels that a picture may be widened to for that. */
const WIDEST = 2400;

const shown = (char) => (char === ' ' ? '\u2423' : char);
const doubtful = (each) => each.confidence < 0.5;
const spoken = (char) => (char === ' ' ? 'space' : char);

/**
 * Where each character's box begins and ends: what was seen of it is often but its
 * middle, so that boxes reach halfway to their neighbours, and no further than usual.
 * @param {Character[]} characters
 * @param {number} width of the picture
 * @returns {{places: number[][], usual: number}} columns; usual from one to the next
 */
function spans(characters, width) {
  const middles = characters.map(({ x0, x1 }) => (x0 + x1) / 2);
  const ways = middles.slice(1).map((x, i) => x - middles[i]).sort((a, b) => a - b);
  const usual = Math.max(ways[ways.length >> 1] ?? width, 1);
  const reach = 0.75 * usual;
  const places = characters.map(({ x0, x1 }, i) => {
    const [before, after] = [characters[i - 1]?.x1 ?? -Infinity, characters[i + 1]?.x0 ?? Infinity];
    const left = Math.max((before + x0) / 2, middles[i] - reach, 0);
    const right = Math.min((x1 + after) / 2, middles[i] + reach, width);
    return [Math.min(left, x0), Math.max(right, x1)];
  });
  return { places, usual };
}

export function createReading() {
  /** @type {Character[]} */
  let characters = [];
  let boxes = [];
  let letters = [];
  let current = -1;
  let url = '';

  const image = h('img', { alt: 'The line that was read' });
  const layer = h('div.boxes', { role: 'group', 'aria-label': 'Characters; choose one to see what else it may be' });
  const line = h('div.line-picture', {}, image, layer);
  const text = h('p.line-said', { 'aria-live': 'polite', 'data-testid': 'lines-text' });
  const copied = h('span.hidden', { 'aria-live': 'polite' });
  const title = h('h2');
  const others = h('div.others', { role: 'group', 'data-testid': 'lines-others', 'aria-label': 'What it may be' });
  const element = h('section.reading.card', { 'aria-label': 'What the line says', hidden: true },
    h('div.line-scroller', {}, line),
    h('div.line-row', {}, text, button('Copy the text', copy, { icon: 'copy', only: true, testid: 'lines-copy' })),
    h('div.other', {}, title, others), copied);

  layer.addEventListener('keydown', (event) => arrowKeys(event, boxes));
  layer.addEventListener('focusin', (event) => select(boxes.indexOf(event.target)));
  // A box that was clicked stays chosen until another one is.
  layer.addEventListener('pointerover', (event) => {
    const held = layer.contains(document.activeElement) || others.contains(document.activeElement);
    if (!held && event.pointerType === 'mouse') select(boxes.indexOf(event.target));
  });

  function select(i) {
    if (i < 0) return;
    for (const list of [boxes, letters]) {
      list[current]?.classList.remove('chosen');
      list[i].classList.add('chosen');
    }
    current = i;
    boxes.forEach((box, j) => { box.tabIndex = j === i ? 0 : -1; });
    title.textContent = `Character ${i + 1} of ${characters.length}`;
    others.replaceChildren(...characters[i].others.map(({ char, probability }) => {
      const name = `${spoken(char)}, ${percent(probability)}`;
      return h('button', { type: 'button', class: 'candidate', 'aria-label': name, 'data-char': char, onclick: () => replace(i, char) },
        h('span.other-char', {}, shown(char)), h('span.small.soft', {}, percent(probability)));
    }));
    press();
  }

  function press() {
    const { char } = characters[current];
    for (const choice of others.children) choice.setAttribute('aria-pressed', String(choice.dataset.char === char));
  }

  function replace(i, char) {
    characters[i].char = char;
    letters[i].textContent = char;
    letters[i].classList.remove('doubtful');
    boxes[i].setAttribute('aria-label', label(characters[i], i));
    press();
  }

  const label = ({ char, others: some }, i) => {
    const { probability } = some.find((each) => each.char === char);
    return `${i + 1}: ${spoken(char)}, ${percent(probability)}`;
  };

  function box(each, i, [left, right], width) {
    const made = h('button', { type: 'button', class: 'box', tabindex: -1, 'aria-label': label(each, i), onclick: () => made.focus() });
    made.style.setProperty('--sure', each.confidence.toFixed(3));
    made.style.left = `${(100 * left / width).toFixed(3)}%`;
    made.style.width = `${(100 * (right - left) / width).toFixed(3)}%`;
    made.classList.toggle('doubtful', doubtful(each));
    return made;
  }

  async function copy() {
    copied.textContent = await copyText(characters.map((each) => each.char).join(''), text);
  }

  function picture(source) {
    URL.revokeObjectURL(url);
    url = source instanceof Blob ? URL.createObjectURL(source) : '';
    image.src = url || source;
  }

  return {
    element,
    /** @param {any} found an answer @param {File} [file] what was read, if the answer has no picture */
    show(found, file) {
      characters = found.characters;
      current = -1;
      picture(found.picture ?? file);
      line.style.setProperty('--aspect', (found.width / found.height).toFixed(4));
      const { places, usual } = spans(characters, found.width);
      line.style.setProperty('--least', `${Math.min(WIDEST, Math.round(FINGER * found.width / usual))}px`);
      boxes = characters.map((each, i) => box(each, i, places[i], found.width));
      letters = characters.map((each) => h(doubtful(each) ? 'span.doubtful' : 'span', {}, each.char));
      layer.replaceChildren(...boxes);
      text.replaceChildren(...letters);
      others.replaceChildren();
      title.textContent = characters.length ? '' : 'No character was found.';
      element.hidden = false;
      select(characters.length ? 0 : -1);
    },
    clear() { element.hidden = true; },
  };
}
