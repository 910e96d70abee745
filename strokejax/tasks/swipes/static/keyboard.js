// Keyboard: words from swipes over the keys, with others beside them, taught and blocked.

import { request } from '../api.js';
import { button, copyText, h, say } from '../dom.js';
import { createKeys } from './keys.js';
import { createOwnWords } from './ownwords.js';

const KEY = 'strokejax.keyboard';
const KINDS = [['model', 'Model', 'models'], ['layout', 'Layout', 'layouts'], ['words', 'Words', 'words']];
const SHOWN = 5;
const IDLE = 'Swipe from the first letter of a word over all of them to the last. Tap the keys of a word to spell it.';

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

/** @param {HTMLElement} page */
export function createKeyboard(page) {
  const chosen = remembered();
  /** What was typed: {words: best first, word, element}. */
  let typed = [];
  let current = null;
  let spelling = null;
  let asked = null;

  const note = h('p.note', { role: 'alert', hidden: true });
  const told = h('p.small.soft', { role: 'status', 'data-testid': 'keyboard-told' }, IDLE);
  const text = h('div.typed-words', { role: 'group', 'aria-label': 'What you typed; choose a word to change it', 'data-testid': 'keyboard-text' });
  const others = h('div.other-words', { role: 'group', 'aria-label': 'Other words', 'data-testid': 'keyboard-others' });
  const keys = createKeys({ swiped, tapped });
  const own = createOwnWords();
  const selects = KINDS.map(([name, label]) => {
    const select = h('select', { id: `keyboard-${name}`, 'data-testid': `keyboard-${name}`, onchange: () => open() });
    return { name, select, field: h('div.field', {}, h('label', { for: `keyboard-${name}` }, label), select) };
  });
  const folder = h('p.small.soft');
  const tools = [
    button('Delete the last word', erase, { icon: 'backspace', only: true, testid: 'keyboard-erase' }),
    button('Copy the text', async () => say(told, await copyText(all(), text)), { icon: 'copy', only: true }),
    button('Clear the text', () => { typed = []; spelling = current = null; settle(); }, { icon: 'clear', only: true }),
  ];

  page.append(
    h('h1.hidden', {}, 'Keyboard'),
    h('div.keyboard-main', {},
      h('div.line.card', {}, h('div.line-scroll', {}, text, h('span.caret', { 'aria-hidden': 'true' })), h('div.line-tools', {}, tools)),
      others, note, keys.element,
      h('div.row', {}, button('Space', space, { kind: 'space', testid: 'keyboard-space' })),
      told),
    h('section.keyboard-side.card', { 'aria-label': 'Keyboard and words' },
      h('div.fields', {}, selects.map((each) => each.field)), folder, own.element));

  const all = () => typed.map(({ word }) => word).join(' ');

  function settle() {
    for (const tool of tools) tool.disabled = !typed.length;
    text.parentElement.parentElement.classList.toggle('filled', typed.length > 0);
    text.replaceChildren(...typed.flatMap((item) => {
      const mark = [item === current && 'chosen', item === spelling && 'spelling'].filter(Boolean);
      const word = h(['button.typed', ...mark].join('.'), { type: 'button', onclick: () => { current = item; settle(); } }, item.word);
      return [word, ' '];
    }));
    const words = current?.words ?? [];
    others.replaceChildren(...words.slice(0, SHOWN).map((word) => {
      const other = button(word, () => { current.word = word; settle(); }, { kind: 'small' });
      other.setAttribute('aria-pressed', String(word === current.word));
      return other;
    }), ...(words.length ? [button(`Never “${current.word}”`, never, { kind: 'small quiet', testid: 'keyboard-never' })] : []));
    text.parentElement.scrollLeft = text.parentElement.scrollWidth;
  }

  async function never() {
    const { word } = current;
    if (!await own.change(word, 'blocked')) return;
    current.words = current.words.filter((other) => other !== word);
    if (current.words.length) [current.word] = current.words;
    else typed = typed.filter((item) => item !== current);
    if (!typed.includes(current)) current = null;
    settle();
  }

  function space() {
    if (spelling) own.offer(spelling.word);
    spelling = null;
    settle();
  }

  function erase() {
    if (spelling && spelling.word.length > 1) {
      spelling.word = spelling.word.slice(0, -1);
    } else {
      typed.pop();
      spelling = null;
      current = typed.at(-1) ?? null;
    }
    settle();
  }

  function tapped(letter) {
    if (!spelling) {
      spelling = { words: [], word: '' };
      typed.push(spelling);
    }
    spelling.word += letter;
    current = spelling;
    settle();
  }

  async function swiped(curve) {
    space();
    say(note, '');
    const item = { words: [], word: '…' };
    typed.push(item);
    current = item;
    settle();
    try {
      const found = await request('POST', 'api/swipes', { body: { ...names(), curve, count: SHOWN + 1 } });
      item.words = found.words;
      [item.word] = found.words;
      say(told, `${found.milliseconds} ms`);
      if (!item.word) throw new Error('No word fits this swipe.');
    } catch (error) {
      typed = typed.filter((other) => other !== item);
      if (current === item) current = typed.at(-1) ?? null;
      say(note, error.message);
    }
    settle();
  }

  const names = () => Object.fromEntries(selects.map(({ name, select }) => [name, select.value]));

  /** Opens the keyboard of the three choices, and shows its keys. */
  async function open() {
    const mine = asked = names();
    say(note, '');
    say(told, 'Opening the keyboard. The first time takes some seconds.');
    page.setAttribute('aria-busy', 'true');
    try {
      const shown = await request('POST', 'api/keyboards', { body: mine });
      if (mine !== asked) return;
      keys.show(shown);
      localStorage.setItem(KEY, JSON.stringify(mine));
      const left = shown.left_out ? `, ${shown.left_out.toLocaleString('en')} more cannot be written on these keys` : '';
      say(told, `${IDLE} ${shown.known.toLocaleString('en')} words are known${left}.`);
    } catch (error) {
      if (mine !== asked) return;
      asked = null; // the next visit tries again
      keys.show(null);
      say(told, '');
      say(note, error.message);
    }
    page.removeAttribute('aria-busy');
  }

  async function shown() {
    if (asked) return;
    try {
      const found = await request('GET', 'api/keyboards');
      KINDS.forEach(([name, , list], i) => {
        selects[i].select.replaceChildren(...found[list].map((each) => h('option', { value: each, selected: each === chosen[name] }, each)));
      });
      folder.replaceChildren('More go into ', h('code', {}, found.folder), ': models/NAME, layouts/NAME.json, words/NAME.txt.');
      await Promise.all([own.load(), open()]);
    } catch (error) {
      say(note, error.message);
    }
  }

  settle();
  return { shown };
}
