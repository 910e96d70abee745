// Keyboard: types words from swipes, offers other words, teaches and blocks words.

import { request } from '../api.js';
import { button, copyText, h, showText } from '../dom.js';
import { createKeys } from './keys.js';
import { createUserWords } from './userwords.js';

const KEY = 'strokejax.keyboard';
const KINDS = [['model', 'Model', 'models'], ['layout', 'Layout', 'layouts'], ['words', 'Words', 'words']];
/** Guesses shown for a word. */
const GUESSES = 5;
const IDLE = 'Swipe over the letters of a word, from the first to the last. Or tap its keys to spell it.';

function storedChoice() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

/** @param {HTMLElement} page */
export function create(page) {
  const stored = storedChoice();
  /** The typed words: {words: guesses, best first, word: the one that is shown}. */
  let typed = [];
  let current = null;
  let spelling = null;
  /** The names of the last keyboard that was requested. */
  let requested = null;

  const note = h('p.note', { role: 'alert', hidden: true });
  const status = h('p.small.soft', { role: 'status', 'data-testid': 'keyboard-status' }, IDLE);
  const text = h('div.typed-words', { role: 'group', 'aria-label': 'Typed words; choose one to change it', 'data-testid': 'keyboard-text' });
  const others = h('div.other-words', { role: 'group', 'aria-label': 'Other words', 'data-testid': 'keyboard-others' });
  const keys = createKeys({ swiped, tapped });
  const userWords = createUserWords();
  const selects = KINDS.map(([name, label]) => {
    const select = h('select', { id: `keyboard-${name}`, 'data-testid': `keyboard-${name}`, onchange: () => open() });
    return { name, select, field: h('div.field', {}, h('label', { for: `keyboard-${name}` }, label), select) };
  });
  const folder = h('p.small.soft');
  const tools = [
    button('Delete the last word', erase, { icon: 'backspace', only: true, testid: 'keyboard-erase' }),
    button('Copy the text', async () => showText(status, await copyText(all(), text)), { icon: 'copy', only: true }),
    button('Clear the text', () => { typed = []; spelling = current = null; render(); }, { icon: 'clear', only: true }),
  ];

  page.append(
    h('h1.hidden', {}, 'Keyboard'),
    h('div.keyboard-main', {},
      h('div.line.card', {}, h('div.line-scroll', {}, text, h('span.caret', { 'aria-hidden': 'true' })), h('div.line-tools', {}, tools)),
      others, note, keys.element,
      h('div.row', {}, button('Space', space, { kind: 'space', testid: 'keyboard-space' })),
      status),
    h('section.keyboard-side.card', { 'aria-label': 'Keyboard and words' },
      h('div.fields', {}, selects.map(({ field }) => field)), folder, userWords.element));

  const all = () => typed.map(({ word }) => word).join(' ');

  function render() {
    for (const tool of tools) tool.disabled = !typed.length;
    text.parentElement.parentElement.classList.toggle('filled', typed.length > 0);
    text.replaceChildren(...typed.flatMap((item) => {
      const classes = [item === current && 'chosen', item === spelling && 'spelling'].filter(Boolean);
      const word = h(['button.typed', ...classes].join('.'), { type: 'button', onclick: () => { current = item; render(); } }, item.word);
      return [word, ' '];
    }));
    const words = current?.words ?? [];
    others.replaceChildren(...words.slice(0, GUESSES).map((word) => {
      const other = button(word, () => { current.word = word; render(); }, { kind: 'small' });
      other.setAttribute('aria-pressed', String(word === current.word));
      return other;
    }), ...(words.length ? [button(`Block “${current.word}”`, block, { kind: 'small quiet', testid: 'keyboard-never' })] : []));
    text.parentElement.scrollLeft = text.parentElement.scrollWidth;
  }

  async function block() {
    const { word } = current;
    if (!await userWords.change(word, 'blocked')) return;
    current.words = current.words.filter((other) => other !== word);
    if (current.words.length) [current.word] = current.words;
    else typed = typed.filter((item) => item !== current);
    if (!typed.includes(current)) current = null;
    render();
  }

  function space() {
    if (spelling) userWords.offer(spelling.word);
    spelling = null;
    render();
  }

  function erase() {
    if (spelling && spelling.word.length > 1) {
      spelling.word = spelling.word.slice(0, -1);
    } else {
      typed.pop();
      spelling = null;
      current = typed.at(-1) ?? null;
    }
    render();
  }

  function tapped(letter) {
    if (!spelling) {
      spelling = { words: [], word: '' };
      typed.push(spelling);
    }
    spelling.word += letter;
    current = spelling;
    render();
  }

  async function swiped(curve) {
    space();
    showText(note, '');
    const item = { words: [], word: '…' };
    typed.push(item);
    current = item;
    render();
    try {
      const answer = await request('POST', 'api/swipes', { body: { ...names(), curve, count: GUESSES + 1 } });
      item.words = answer.words;
      [item.word] = answer.words;
      showText(status, `${answer.milliseconds} ms`);
      if (!item.word) throw new Error('No word fits this swipe.');
    } catch (error) {
      typed = typed.filter((other) => other !== item);
      if (current === item) current = typed.at(-1) ?? null;
      showText(note, error.message);
    }
    render();
  }

  const names = () => Object.fromEntries(selects.map(({ name, select }) => [name, select.value]));

  /** Opens the keyboard of the chosen model, layout and words, and shows its keys. */
  async function open() {
    const choice = requested = names();
    showText(note, '');
    showText(status, 'Opening the keyboard. The first time takes some seconds.');
    page.setAttribute('aria-busy', 'true');
    try {
      const keyboard = await request('POST', 'api/keyboards', { body: choice });
      if (choice !== requested) return;
      keys.show(keyboard);
      localStorage.setItem(KEY, JSON.stringify(choice));
      const leftOut = keyboard.left_out ? `, ${keyboard.left_out.toLocaleString('en')} more cannot be written on these keys` : '';
      showText(status, `${IDLE} ${keyboard.known.toLocaleString('en')} words are known${leftOut}.`);
    } catch (error) {
      if (choice !== requested) return;
      requested = null; // the next visit tries again
      keys.show(null);
      showText(status, '');
      showText(note, error.message);
    }
    page.removeAttribute('aria-busy');
  }

  async function shown() {
    if (requested) return;
    try {
      const options = await request('GET', 'api/keyboards');
      KINDS.forEach(([kind, , list], i) => {
        selects[i].select.replaceChildren(...options[list].map((name) => h('option', { value: name, selected: name === stored[kind] }, name)));
      });
      folder.replaceChildren('To add more, put models/NAME, layouts/NAME.json or words/NAME.txt into ', h('code', {}, options.folder), '.');
      await Promise.all([userWords.load(), open()]);
    } catch (error) {
      showText(note, error.message);
    }
  }

  render();
  return { shown };
}
