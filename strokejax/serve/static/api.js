// Requests to the server; an error is its one sentence.

const KEY = 'strokejax.token';
let token = sessionStorage.getItem(KEY) ?? '';
let ask = async (_wrong) => '';

/** The token that requests carry, or ''. */
export const currentToken = () => token;

/** @param {string} value */
export function setToken(value) {
  token = value;
  sessionStorage.setItem(KEY, value);
}

/**
 * Sets who is asked for the token when the server wants one.
 * @param {(wrong: boolean) => Promise<string>} asker gives '' when the user declines
 */
export function onTokenWanted(asker) {
  ask = asker;
}

/** An answer that is no success: `message` is a sentence, `status` 0 without an answer. */
export class ServerError extends Error {
  /** @param {string} message @param {number} status */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

let asking = null;

/** What was typed, once it could be sent; '' when the user declines. */
async function typed(wrong) {
  const value = await ask(wrong);
  return /^[\x21-\x7e]*$/.test(value) ? value : typed(true);
}

async function newToken(used) {
  if (used !== token) return token;
  asking ??= typed(Boolean(used)).finally(() => { asking = null; });
  const value = await asking;
  if (value) setToken(value);
  return value;
}

async function send(method, path, { body, bytes, signal }) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (bytes !== undefined) headers['Content-Type'] = bytes.type.startsWith('image/') ? bytes.type : 'application/octet-stream';
  try {
    return await fetch(new URL(path, document.baseURI), {
      method, headers, signal, body: bytes ?? (body === undefined ? undefined : JSON.stringify(body)),
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ServerError('The server does not answer; your drawings are still here.', 0);
  }
}

async function answer(method, path, options = {}) {
  for (;;) {
    const used = token;
    const response = await send(method, path, options);
    if (response.ok) return response;
    if (response.status === 401 && await newToken(used)) continue;
    let sentence = `The server answers ${response.status}.`;
    try {
      sentence = (await response.json()).error ?? sentence;
    } catch { /* not JSON: the number has to do */ }
    throw new ServerError(String(sentence), response.status);
  }
}

/**
 * The JSON of an answer; throws ServerError.
 * @param {'GET'|'POST'|'PATCH'|'DELETE'} method
 * @param {string} path relative, as 'symbols?name=a'
 * @param {{body?: any, bytes?: Blob, signal?: AbortSignal}} [options]
 * @returns {Promise<any>}
 */
export async function request(method, path, options) {
  return (await answer(method, path, options)).json();
}

/**
 * The bytes of an answer; throws ServerError.
 * @param {string} path relative
 * @returns {Promise<Blob>}
 */
export async function blob(path) {
  return (await answer('GET', path)).blob();
}

/**
 * Saves an answer as a file.
 * @param {string} path
 * @param {string} fallback name of the file where the server gives none
 */
export async function download(path, fallback) {
  const response = await answer('GET', path);
  const named = /filename="?([^";]+)"?/.exec(response.headers.get('Content-Disposition') ?? '');
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await response.blob());
  link.download = named ? named[1] : fallback;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
