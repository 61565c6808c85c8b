import { hash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { errnoOf } from './errno.ts';

export interface ProcessIdentity {
  /** Names the set of processes among which `pid` means something: this boot of this machine, this container. */
  readonly place: string;
  readonly pid: number;
  /** When it began, in the system's own unit; tells it from a later process with the same number. Empty if unknown. */
  readonly start: string;
}

export interface ProcessTable {
  readonly self: ProcessIdentity;
  /** The start of a running process, `gone`, or `unknown` where the system does not tell. */
  startOf(pid: number): { readonly start: string } | 'gone' | 'unknown';
}

/** The processes of this system, by /proc where there is one. */
export function realProcessTable(): ProcessTable {
  const own = statOf(process.pid);
  return {
    self: { place: placeName(), pid: process.pid, start: typeof own === 'object' ? own.start : '' },
    startOf: statOf,
  };
}

function statOf(pid: number): { readonly start: string } | 'gone' | 'unknown' {
  try {
    // The command's name stands in brackets and may hold anything, brackets too; the fields after it are plain.
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state, start] = [fields[0], fields[19]];
    if (start === undefined) return 'unknown';
    // A zombie has ended; its parent has merely not looked yet.
    return state === 'Z' || state === 'X' ? 'gone' : { start };
  } catch {
    return isRunning(pid) ? 'unknown' : 'gone';
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}

function placeName(): string {
  let place = `${process.platform} ${hostname()}`;
  try {
    place = `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    // No /proc: the name of the machine has to do.
  }
  return hash('sha256', place).slice(0, 16);
}
