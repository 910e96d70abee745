// The page of lines: a line of handwriting, drawn or in a picture, and its text.

import { request } from '../api.js';
import { button, h, say } from '../dom.js';
import { toInk } from '../ink.js';
import { createPad } from '../pad.js';
import { asPicture, takePictures } from '../pictures.js';
import { createReading } from './reading.js';

const LANGUAGES = [['Any text', null], ['English', 'en']];
const IDLE = 'Write a line and press Read, or give a picture of one: choose it, drop it here, or paste it.';
const BUSY = 'Reading. The first line takes some seconds longer.';

/** @param {HTMLElement} page */
export function createLines(page) {
  let language = null;
  /** The last line that was read: {ink} or {file}. */
  let source = null;
  /** Aborts the request in flight. */
  let controller = null;

  const note = h('p.note', { role: 'alert', hidden: true });
  const status = h('p.small.soft', { role: 'status', 'data-testid': 'lines-status' }, IDLE);
  const pad = createPad({
    label: 'Paper to write a line on; Enter reads it, Escape clears',
    testid: 'lines-pad',
    started: () => say(note, ''),
    ended: () => settle(),
  });
  const pictures = takePictures(page, {
    label: 'Picture of a line', testid: 'lines-file', take: (file) => read({ file }),
  });
  const undo = button('Undo stroke', () => edit(pad.undo), { icon: 'undo', only: true, kind: 'quiet' });
  const clear = button('Clear the pad', () => edit(pad.clear), { icon: 'clear', only: true, kind: 'quiet' });
  const readButton = button('Read', readPad, { kind: 'primary', testid: 'lines-read' });
  const choices = LANGUAGES.map(([name, value]) => button(name, () => choose(value), { kind: 'segment' }));
  const reading = createReading();

  page.append(
    h('h1.hidden', {}, 'Lines'),
    h('div.pad-area', {}, pad.element,
      h('p.pad-hint', { 'aria-hidden': 'true' }, 'Write a line here'),
      h('div.pad-tools', {}, undo, clear)),
    h('div.row.between', {},
      h('div.row', {}, readButton, pictures),
      h('div.segments', { role: 'group', 'aria-label': 'Language' }, choices)),
    status, note, reading.element);

  function settle() {
    for (const tool of [readButton, undo, clear]) tool.disabled = !pad.strokes().length;
  }

  function edit(change) {
    change();
    settle();
    pad.element.focus({ preventScroll: true });
  }

  function choose(value) {
    language = value;
    choices.forEach((choice, i) => choice.setAttribute('aria-pressed', String(LANGUAGES[i][1] === value)));
    if (source) read(source);
  }

  function readPad() {
    if (!pad.busy() && pad.strokes().length) read({ ink: toInk(pad.strokes()) });
  }

  function post({ ink, file: picture }, signal) {
    if (ink) return request('POST', 'api/lines', { body: { ...ink, language }, signal });
    const query = language ? `?language=${language}` : '';
    return request('POST', `api/lines${query}`, { bytes: asPicture(picture), signal });
  }

  async function read(line) {
    source = line;
    controller?.abort();
    const current = controller = new AbortController();
    say(note, '');
    say(status, BUSY);
    page.setAttribute('aria-busy', 'true');
    try {
      const answer = await post(line, current.signal);
      if (current !== controller) return;
      reading.show(answer, line.file);
      say(status, '');
    } catch (error) {
      if (current !== controller) return;
      source = null;
      reading.clear();
      say(status, IDLE);
      say(note, error.message);
    }
    page.removeAttribute('aria-busy');
  }

  page.addEventListener('keydown', (event) => {
    if (event.target !== pad.element) return;
    if (event.key === 'Enter') readPad();
    if (event.key === 'Escape') edit(pad.clear);
    if (event.key === 'z' && (event.ctrlKey || event.metaKey)) edit(pad.undo);
  });

  choose(null);
  return { shown: settle };
}
