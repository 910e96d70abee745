// Requests to the server; an error carries the server's sentence.

import { askForToken } from './token.js';

const KEY = 'strokejax.token';
let token = sessionStorage.getItem(KEY) ?? '';
/** The token that is being typed; several requests may wait for it. */
let typing = null;

/** The token that requests send, or ''. */
export const currentToken = () => token;

/** @param {string} value */
export function setToken(value) {
  token = value;
  sessionStorage.setItem(KEY, value);
}

/** An error of a request: a sentence as `message`; `status` is 0 if the server did not answer. */
export class ServerError extends Error {
  /** @param {string} message @param {number} status */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Asks until the token fits into a header; '' if the user closes the dialog. */
async function typeToken(refused) {
  const value = await askForToken(refused);
  return /^[\x21-\x7e]*$/.test(value) ? value : typeToken(true);
}

/** Another token than the one that the server refused; '' if the user closes the dialog. */
async function replaceToken(refused) {
  // Another request may have replaced it already.
  if (refused !== token) return token;
  typing ??= typeToken(Boolean(refused)).finally(() => { typing = null; });
  const value = await typing;
  if (value) setToken(value);
  return value;
}

async function send(method, path, { body, file, picture, signal }) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (body) headers['Content-Type'] = 'application/json';
  if (file) headers['Content-Type'] = 'application/octet-stream';
  // The server says what is wrong with a file that is not a picture.
  if (picture) headers['Content-Type'] = picture.type.startsWith('image/') ? picture.type : 'image/unknown';
  try {
    return await fetch(new URL(path, document.baseURI), {
      method, headers, signal, body: picture ?? file ?? (body && JSON.stringify(body)),
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ServerError('The server does not answer; your drawings are still here.', 0);
  }
}

async function fetchAnswer(method, path, options = {}) {
  for (;;) {
    const used = token;
    const response = await send(method, path, options);
    if (response.ok) return response;
    if (response.status === 401 && await replaceToken(used)) continue;
    let sentence = `The server answers with status ${response.status}.`;
    try {
      sentence = (await response.json()).error ?? sentence;
    } catch { /* not JSON: only the status is known */ }
    throw new ServerError(String(sentence), response.status);
  }
}

/**
 * The JSON of an answer; throws ServerError.
 * @param {'GET'|'POST'|'PATCH'|'DELETE'} method
 * @param {string} path relative, such as 'symbols?name=a'
 * @param {{body?: any, file?: Blob, picture?: Blob, signal?: AbortSignal}} [options]
 * @returns {Promise<any>}
 */
export async function request(method, path, options) {
  return (await fetchAnswer(method, path, options)).json();
}

/**
 * The bytes of an answer; throws ServerError.
 * @param {string} path relative
 * @returns {Promise<Blob>}
 */
export async function blob(path) {
  return (await fetchAnswer('GET', path)).blob();
}

/**
 * Saves an answer as a file; throws ServerError.
 * @param {string} path
 * @param {string} fallback name of the file if the server names none
 */
export async function download(path, fallback) {
  const response = await fetchAnswer('GET', path);
  const disposition = /filename="?([^";]+)"?/.exec(response.headers.get('Content-Disposition') ?? '');
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await response.blob());
  link.download = disposition?.[1] ?? fallback;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
