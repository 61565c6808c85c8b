import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { ShoalError } from '../base/errors.ts';
import type { Endpoint } from '../base/ids.ts';
import { isIPv6 } from '../base/address.ts';

/**
 * The number of the file descriptor that a UDP socket of this process has, so that another thread may receive from the
 * same socket. Node tells it to nobody; Linux does. Throws a `ShoalError` of code USAGE elsewhere.
 */
export function descriptorOf(local: Endpoint): number {
  try {
    const inodes = inodesOf(readFileSync(`/proc/self/net/udp${isIPv6(local.host) ? '6' : ''}`, 'utf8'), local.port);
    for (const name of readdirSync('/proc/self/fd')) {
      const inode = /^socket:\[(\d+)\]$/.exec(targetOf(name))?.[1];
      if (inode !== undefined && inodes.has(inode)) return Number(name);
    }
  } catch (cause) {
    throw new ShoalError('USAGE', '--workers needs Linux', { cause });
  }
  throw new ShoalError('USAGE', '--workers needs Linux with /proc');
}

/** One line a socket: number, local address and port in hex, … , and as the tenth word the inode. */
function inodesOf(table: string, port: number): ReadonlySet<string> {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/));
  return new Set(rows.filter((row) => row[1]?.endsWith(ending)).map((row) => row[9]!));
}

/** The descriptor of the listing itself is gone by now. */
function targetOf(name: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${name}`);
  } catch {
    return '';
  }
}
