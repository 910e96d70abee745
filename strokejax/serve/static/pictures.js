// Pictures of the user: chosen, dropped or pasted files.

import { button, h } from './dom.js';

/**
 * A button and a file input. The page also accepts dropped files, and pasted ones while it is
 * visible.
 * @param {HTMLElement} page
 * @param {{label: string, testid: string, take: (file: File) => void}} options
 * @returns {HTMLElement[]}
 */
export function takePictures(page, { label, testid, take }) {
  const takeFirst = ([file]) => { if (file) take(file); };
  const input = h('input', {
    type: 'file', accept: 'image/*', class: 'hidden', tabindex: -1,
    'aria-label': label, 'data-testid': testid,
    onchange: () => {
      const files = [...input.files];
      input.value = ''; // so that the same file can be chosen again
      takeFirst(files);
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
    takeFirst(event.dataTransfer.files);
  });
  document.addEventListener('paste', (event) => {
    if (!page.hidden) takeFirst(event.clipboardData.files);
  });
  return [button('Choose a picture', () => input.click(), { icon: 'upload' }), input];
}

/**
 * Shows a file or a URL, and releases the memory of the file before it.
 * @param {HTMLImageElement} image
 * @param {File|string} source
 */
export function showPicture(image, source) {
  URL.revokeObjectURL(image.src);
  image.src = source instanceof Blob ? URL.createObjectURL(source) : source;
}
