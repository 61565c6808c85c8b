import { ShoalError } from '../base/errors.ts';
import type { Endpoint } from '../base/ids.ts';
import { endpointText } from '../base/ids.ts';
import { errnoOf } from './errno.ts';

/** Why a socket could not be opened, on what, and what to do: a `ShoalError` of code NETWORK. */
export function bindError(protocol: 'TCP' | 'UDP', local: Endpoint, cause: unknown): ShoalError {
  const errno = errnoOf(cause);
  const what = `cannot listen on ${protocol} ${endpointText(local)}`;
  return new ShoalError('NETWORK', `${what}: ${reasonOf(errno, local)} (${errno})`, { cause });
}

function reasonOf(errno: string, local: Endpoint): string {
  switch (errno) {
    case 'EADDRINUSE':
      return `port ${local.port} is taken: choose another with -p`;
    case 'EACCES':
    case 'EPERM':
      return `port ${local.port} is not allowed to this user: choose one above 1023 with -p`;
    case 'EADDRNOTAVAIL':
    case 'ENODEV':
    case 'EINVAL':
      return `${local.host} is not an address of this machine: choose one that is, or 0.0.0.0 for all of them`;
    case 'EAFNOSUPPORT':
      return `this machine cannot do ${local.host.includes(':') ? 'IPv6: use an IPv4' : 'IPv4: use an IPv6'} address`;
    case 'EMFILE':
    case 'ENFILE':
      return 'too many files are open: raise the limit (ulimit -n)';
    case 'ERR_SOCKET_BAD_PORT':
      return `${local.port} is no port: choose one in 0 to 65535`;
    default:
      return 'the system refused: check the address and the port';
  }
}
