/**
 * Names of files and directories from outside, made harmless on every system: a name is one component of a path and
 * nothing else, can be seen for what it is, and exists on Linux, macOS and Windows alike.
 */
import { looseText, toHex, utf8 } from '../base/bytes.ts';
import { MAX_NAME_BYTES } from '../base/limits.ts';

/** Zero-width and direction marks, which make a name look like another. */
const HIDDEN = /[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
/** Separators, control characters, line separators, what Windows forbids, and bytes that were no UTF-8. */
// oxlint-disable-next-line no-control-regex
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffd/\\:*?"<>|]/g;
/** Windows drops these from the end. `.` and `..` consist of nothing else. */
const TRAILING = /[. ]+$/;
/** Windows opens a device under these, whatever the extension. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|$)/i;
/** A longer ending is no extension worth keeping. */
const MAX_EXTENSION_CHARS = 32;

/** A harmless name of 1 … MAX_NAME_BYTES bytes. What is harmless already stays as it is. */
export function safeName(name: Uint8Array | string): string {
  const text = looseText(typeof name === 'string' ? utf8(name) : name);
  const clean = text.replaceAll(HIDDEN, '').replaceAll(FORBIDDEN, '_');
  const short = shorten(clean, '').replace(TRAILING, '');
  if (short === '') return '_';
  return DEVICE.test(short) ? `_${short.slice(1)}` : short;
}

/** `name` with `mark` before its extension, the stem cut so that all is within MAX_NAME_BYTES. */
function shorten(name: string, mark: string): string {
  const dot = name.lastIndexOf('.');
  const ending = dot > 0 ? name.slice(dot) : '';
  const extension = ending.length <= MAX_EXTENSION_CHARS ? ending : '';
  const stem = name.slice(0, name.length - extension.length);
  // A UTF-16 unit takes three bytes at the most.
  const isShort = 3 * (name.length + mark.length) <= MAX_NAME_BYTES;
  if (isShort) return stem + mark + extension;
  const bytes = utf8(stem);
  let keep = Math.min(bytes.length, MAX_NAME_BYTES - utf8(mark + extension).length);
  // Not in the middle of a character.
  while (keep < bytes.length && (bytes[keep]! & 0xc0) === 0x80) keep--;
  return looseText(bytes.subarray(0, keep)) + mark + extension;
}

interface Directory {
  /** Next number to try for a name that is taken, by the name as a file system that ignores case sees it. */
  readonly taken: Map<string, number>;
  /** By the raw name. */
  readonly children: Map<string, { readonly name: string; readonly directory: Directory }>;
}

const emptyDirectory = (): Directory => ({ taken: new Map(), children: new Map() });

/**
 * Harmless paths for the files of one torrent. Names that differ only in what is not kept, or in case, get a number:
 * no file is written over another.
 *
 * BOUNDED: by the files it is asked about, which the caller has counted.
 */
export class PathNamer {
  readonly #top = emptyDirectory();

  /** The path for a file; components from the top down, at least one. A path that comes twice is two files. */
  place(components: readonly Uint8Array[]): string[] {
    const path: string[] = [];
    let directory = this.#top;
    for (const component of components.slice(0, -1)) {
      const key = toHex(component);
      const child = directory.children.get(key) ?? { name: claim(directory, component), directory: emptyDirectory() };
      directory.children.set(key, child);
      path.push(child.name);
      directory = child.directory;
    }
    path.push(claim(directory, components.at(-1)!));
    return path;
  }
}

function claim(directory: Directory, component: Uint8Array): string {
  const wanted = safeName(component);
  const key = fold(wanted);
  let number = directory.taken.get(key);
  let name = wanted;
  let nameKey = key;
  // Numbers only go up, so that a million equal names take a million steps.
  while (directory.taken.has(nameKey)) {
    number = (number ?? 1) + 1;
    name = shorten(wanted, ` (${number})`);
    nameKey = fold(name);
  }
  directory.taken.set(nameKey, 1);
  if (number !== undefined) directory.taken.set(key, number);
  return name;
}

const fold = (name: string): string => name.normalize('NFC').toLowerCase();
