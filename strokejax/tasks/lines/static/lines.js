// Lines: reads a line of handwriting, written on the pad or in a picture.

import { request } from '../api.js';
import { button, h, showText } from '../dom.js';
import { toInk } from '../ink.js';
import { createPad } from '../pad.js';
import { takePictures } from '../pictures.js';
import { createReading } from './reading.js';

const LANGUAGES = [['Any text', null], ['English', 'en']];
const IDLE = 'Write a line and press Read. Or choose, drop or paste a picture of a line.';
const BUSY = 'Reading. The first line takes some seconds longer.';

/** @param {HTMLElement} page */
export function create(page) {
  let language = null;
  /** The last line that was read: {ink} or {file}. */
  let source = null;
  /** Aborts the request in flight. */
  let controller = null;

  const note = h('p.note', { role: 'alert', hidden: true });
  const status = h('p.small.soft', { role: 'status', 'data-testid': 'lines-status' }, IDLE);
  const pad = createPad({
    label: 'Pad to write a line on; Enter reads it, Escape clears the pad',
    testid: 'lines-pad',
    hint: 'Write a line here',
    editable: true,
    started: () => showText(note, ''),
    changed: () => { readButton.disabled = !pad.strokes().length; },
  });
  const pictures = takePictures(page, {
    label: 'Picture of a line', testid: 'lines-file', take: (file) => read({ file }),
  });
  const readButton = button('Read', readPad, { kind: 'primary', testid: 'lines-read' });
  const choices = LANGUAGES.map(([name, value]) => button(name, () => choose(value), { kind: 'segment' }));
  const reading = createReading();

  page.append(
    h('h1.hidden', {}, 'Lines'),
    pad.area,
    h('div.row.between', {},
      h('div.row', {}, readButton, pictures),
      h('div.segments', { role: 'group', 'aria-label': 'Language' }, choices)),
    status, note, reading.element);

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
    return request('POST', `api/lines${query}`, { picture, signal });
  }

  async function read(line) {
    source = line;
    controller?.abort();
    const current = controller = new AbortController();
    showText(note, '');
    showText(status, BUSY);
    page.setAttribute('aria-busy', 'true');
    try {
      const answer = await post(line, current.signal);
      if (current !== controller) return;
      reading.show(answer, line.file);
      showText(status, '');
    } catch (error) {
      if (current !== controller) return;
      source = null;
      reading.clear();
      showText(status, IDLE);
      showText(note, error.message);
    }
    page.removeAttribute('aria-busy');
  }

  page.addEventListener('keydown', (event) => {
    if (event.target !== pad.element) return;
    if (event.key === 'Enter') readPad();
    if (event.key === 'Escape') pad.clear();
    if (event.key === 'z' && (event.ctrlKey || event.metaKey)) pad.undo();
  });

  readButton.disabled = true;
  choose(null);
  return {};
}
