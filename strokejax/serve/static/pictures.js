// Pictures that a page is given: chosen, dropped or pasted.

import { button, h } from './dom.js';

/**
 * The button and the input that choose one; the page takes what is dropped on it, and what
 * is pasted while it is shown.
 * @param {HTMLElement} page
 * @param {{label: string, testid: string, take: (file: File) => void}} options
 * @returns {HTMLElement[]}
 */
export function takePictures(page, { label, testid, take }) {
  const given = ([file]) => { if (file) take(file); };
  const input = h('input', {
    type: 'file', accept: 'image/*', class: 'hidden', tabindex: -1,
    'aria-label': label, 'data-testid': testid,
    onchange: () => {
      const files = [...input.files];
      input.value = '';
      given(files);
    },
  });
  page.addEventListener('dragover', (event) => {
    event.preventDefault();
    page.classList.add('dropping');
  });
  page.addEventListener('dragleave', (event) => {
    if (!page.contains(event.relatedTarget)) page.classList.remove('dropping');
  });
  page.addEventListener('drop', (event) => {
    event.preventDefault();
    page.classList.remove('dropping');
    given(event.dataTransfer.files);
  });
  document.addEventListener('paste', (event) => {
    if (!page.hidden) given(event.clipboardData.files);
  });
  return [button('Choose a picture', () => input.click(), { icon: 'upload' }), input];
}

/**
 * A file's bytes as they are sent: the server refuses what is not a picture.
 * @param {File} file
 */
export const asPicture = (file) => new Blob([file], {
  type: file.type.startsWith('image/') ? file.type : 'image/unknown',
});
