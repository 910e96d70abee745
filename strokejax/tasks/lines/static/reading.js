// The text of a line: a box around each character of the picture, and its alternatives.

import { arrowKeys, button, copyText, h, percent } from '../dom.js';
import { showPicture } from '../pictures.js';

/**
 * @typedef {{char: string, confidence: number, x0: number, x1: number,
 *   others: {char: string, probability: number}[]}} Character
 */

/** Minimum CSS pixels from one box to the next, so that a finger can choose between them. */
const MIN_PITCH = 24;
/** Maximum CSS pixels that a picture is widened to for that. */
const MAX_WIDTH = 2400;

const shown = (char) => (char === ' ' ? '\u2423' : char);
const doubtful = (character) => character.confidence < 0.5;
const spoken = (char) => (char === ' ' ? 'space' : char);

/**
 * Left and right column of each character's box. The server often locates only the middle of a
 * character, so a box extends halfway to its neighbours, but at most 0.75 of the median pitch.
 * @param {Character[]} characters
 * @param {number} width of the picture
 * @returns {{places: number[][], pitch: number}} columns; the median distance between middles
 */
function spans(characters, width) {
  const middles = characters.map(({ x0, x1 }) => (x0 + x1) / 2);
  const steps = middles.slice(1).map((x, i) => x - middles[i]).sort((a, b) => a - b);
  const pitch = Math.max(steps[steps.length >> 1] ?? width, 1);
  const reach = 0.75 * pitch;
  const places = characters.map(({ x0, x1 }, i) => {
    const [before, after] = [characters[i - 1]?.x1 ?? -Infinity, characters[i + 1]?.x0 ?? Infinity];
    const left = Math.max((before + x0) / 2, middles[i] - reach, 0);
    const right = Math.min((x1 + after) / 2, middles[i] + reach, width);
    return [Math.min(left, x0), Math.max(right, x1)];
  });
  return { places, pitch };
}

export function createReading() {
  /** @type {Character[]} */
  let characters = [];
  let boxes = [];
  let letters = [];
  let current = -1;

  const image = h('img', { alt: 'The line that was read' });
  const layer = h('div.boxes', { role: 'group', 'aria-label': 'Characters; choose one to see its alternatives' });
  const line = h('div.line-picture', {}, image, layer);
  const text = h('p.line-reading', { 'aria-live': 'polite', 'data-testid': 'lines-text' });
  const copied = h('span.hidden', { 'aria-live': 'polite' });
  const title = h('h2');
  const others = h('div.others', { role: 'group', 'data-testid': 'lines-others', 'aria-label': 'Alternatives' });
  const element = h('section.reading.card', { 'aria-label': 'The text of the line', hidden: true },
    h('div.line-scroller', {}, line),
    h('div.line-row', {}, text, button('Copy the text', copy, { icon: 'copy', only: true, testid: 'lines-copy' })),
    h('div.other', {}, title, others), copied);

  layer.addEventListener('keydown', (event) => arrowKeys(event, boxes));
  layer.addEventListener('focusin', (event) => select(boxes.indexOf(event.target)));
  // Hovering selects, unless a box or an alternative has the focus: a clicked box stays chosen.
  layer.addEventListener('pointerover', (event) => {
    const focused = layer.contains(document.activeElement) || others.contains(document.activeElement);
    if (!focused && event.pointerType === 'mouse') select(boxes.indexOf(event.target));
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

  const label = ({ char, others: alternatives }, i) => {
    const { probability } = alternatives.find((other) => other.char === char);
    return `${i + 1}: ${spoken(char)}, ${percent(probability)}`;
  };

  function createBox(character, i, [left, right], width) {
    const box = h('button', { type: 'button', class: 'box', tabindex: -1, 'aria-label': label(character, i), onclick: () => box.focus() });
    box.style.setProperty('--sure', character.confidence.toFixed(3));
    box.style.left = `${(100 * left / width).toFixed(3)}%`;
    box.style.width = `${(100 * (right - left) / width).toFixed(3)}%`;
    box.classList.toggle('doubtful', doubtful(character));
    return box;
  }

  async function copy() {
    copied.textContent = await copyText(characters.map(({ char }) => char).join(''), text);
  }

  return {
    element,
    /** @param {any} answer of /api/lines @param {File} [file] the picture, if the answer has none */
    show(answer, file) {
      characters = answer.characters;
      current = -1;
      showPicture(image, answer.picture ?? file);
      line.style.setProperty('--aspect', (answer.width / answer.height).toFixed(4));
      const { places, pitch } = spans(characters, answer.width);
      line.style.setProperty('--least', `${Math.min(MAX_WIDTH, Math.round(MIN_PITCH * answer.width / pitch))}px`);
      boxes = characters.map((character, i) => createBox(character, i, places[i], answer.width));
      letters = characters.map((character) => h(doubtful(character) ? 'span.doubtful' : 'span', {}, character.char));
      layer.replaceChildren(...boxes);
      text.replaceChildren(...letters);
      others.replaceChildren();
      title.textContent = characters.length ? '' : 'No character was recognised.';
      element.hidden = false;
      select(characters.length ? 0 : -1);
    },
    clear() { element.hidden = true; },
  };
}
